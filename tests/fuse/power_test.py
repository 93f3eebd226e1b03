"""The machine loses power under a mount that programs use: whatever the disk has kept of what was not synced, in
whatever order, and of sectors torn out of writes, a new daemon mounts it, what was acknowledged is there, and the
programs go on."""

import os
import shutil
import subprocess

import power_failure
from mounting import MountTest, main, seed
from power_loads import BlocksLoad, LogLoad, NamesLoad, RedisLoad, SectorLoad, SqliteLoad

LONG = "COFFER_FUSE_LONG" in os.environ
AT_ONCE = 40  # states that one daemon serves


class PowerTest(MountTest):
    def setUp(self):
        super().setUp()
        # Syncs are recorded, and need not be waited for.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.path("store")], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.path("store")], check=False)

    def start_recording(self, below, record):
        self.write(record, b"")
        self.done("mount", "c.coffer", "store", "m", "--log", "log",
                  environment={"LD_PRELOAD": os.environ["DISK_RECORD"], "COFFER_RECORD": self.path(record),
                               "COFFER_RECORD_BELOW": self.path("store", below)})

    def live(self, chance):
        """Programs at work on `m/live`, until the power fails; the loads, with what they were promised."""
        os.mkdir(self.path("store", "live"))
        disk = power_failure.Disk(self.path("store", "live"))
        self.start_recording("live", "record")
        steps = 600 if LONG else 60
        with open(self.path("record"), "ab", buffering=0) as record:
            def mark(text):
                power_failure.mark(record.fileno(), text)
            loads = [SectorLoad("sectors", mark, chance, steps), SectorLoad("more", mark, chance, 2 * steps),
                     NamesLoad("names", mark, chance, steps // 4), SqliteLoad("wal", mark, chance, steps // 4),
                     SqliteLoad("delete", mark, chance, steps // 8), LogLoad("log", mark, chance, steps // 2),
                     BlocksLoad("blocks", mark, chance, steps // 10)]
            if LONG:
                loads.append(RedisLoad("redis", mark, chance, steps // 4))
            for load in loads:
                load.start_in(self.path("m", "live"))
            for load in loads:
                load.join()
                self.assertIsNone(load.failed, load.name)
        self.kill()
        subprocess.run(["umount", "-l", self.path("m")], check=True)
        return disk, {load.name: load for load in loads}

    def states(self, disk, record, loads, count, chance):
        """(kind, image, what was promised) at moments by chance."""
        total = sum(1 for _ in power_failure.records(self.path(record)))
        moments = sorted(chance.randrange(total) for _ in range(count))
        for index, (what, *rest) in enumerate(power_failure.records(self.path(record))):
            if what == "M":
                name, _, text = rest[-1].decode().partition(" ")
                loads[name].past.hear(text)
            else:
                disk.follow(what, *rest)
            while moments and moments[0] == index:
                moments.pop(0)
                kind = chance.choice(power_failure.KINDS)
                yield kind, disk.image(kind, chance), {name: load.past.copy() for name, load in loads.items()}

    def check(self, states, loads):
        """That each is as promised, `AT_ONCE` below one mount."""
        checked = 0
        batch = []

        def check_batch():
            for number, (_, image, _) in enumerate(batch):
                power_failure.lay_out(image, self.path("store", f"state{number}"))
            self.mount()
            for number, (kind, _, pasts) in enumerate(batch):
                for name, load in loads.items():
                    with self.subTest(state=checked + number, kind=kind, load=name):
                        load.check(self, self.path("m", f"state{number}"), pasts[name])
            self.umount()
            for number in range(len(batch)):
                shutil.rmtree(self.path("store", f"state{number}"))

        for state in states:
            batch.append(state)
            if len(batch) == AT_ONCE:
                check_batch()
                checked += len(batch)
                batch = []
        if batch:
            check_batch()

    def test_what_was_acknowledged_outlives_a_power_failure(self):
        chance = seed()
        self.make_coffer()
        with open(self.path("c.coffer", "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write('mounted_files: [{match: "*.log", kind: log}, {match: "*.sst", kind: blocks}]\n')
        disk, loads = self.live(chance)
        self.check(self.states(disk, "record", loads, 280 if LONG else 16, chance), loads)
        # Nothing was found damaged, but what was to be blocks and had not come so far.
        self.assertEqual([line for line in self.log().splitlines() if ".sst" not in line], [])


if __name__ == "__main__":
    main()
