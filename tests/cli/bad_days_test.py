"""Full disks, kill -9, and two at once: old or new, never neither, and nothing lost."""

import os
import signal
import subprocess
import time

from harness import CliTest, main, seed

FILES = 60


class Killed(CliTest):
    def kill_in_the_middle(self, words, delay):
        """Starts it, kills it, and says whether it was still running."""
        process = self.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        running = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        return running

    def duration(self, words):
        start = time.monotonic()
        self.done(*words)
        return time.monotonic() - start

    def test_rewrap_killed_at_any_instant_leaves_every_file_readable(self):
        random = seed()
        self.make_coffer()
        contents = {}
        for i in range(FILES):
            contents[f"store/{i:03}"] = os.urandom(100)
            self.make_file("c.coffer", f"store/{i:03}", contents[f"store/{i:03}"], ("blocks", "log", "ctr")[i % 3])
        whole = self.duration(["rotate", "domain", "c.coffer", "system", "--rewrap"])
        killed = 0
        for _ in range(15):
            self.done("rotate", "domain", "c.coffer", "system")
            killed += self.kill_in_the_middle(["rewrap", "c.coffer"], random.uniform(0, whole))
            self.assertEqual(self.verified("c.coffer"), {})
        self.assertGreater(killed, 0, "no run was killed while it ran")
        self.done("rewrap", "c.coffer")
        self.assertEqual(self.active_share(), (FILES, FILES))
        for name in list(contents)[:6]:
            self.assertEqual(self.done("cat", "c.coffer", name).bytes, contents[name])

    def test_rotate_killed_at_any_instant_leaves_the_old_or_the_new_keyring(self):
        random = seed()
        self.make_coffer()
        contents = self.make_store()
        self.make_key("second.key")
        keys = ("root.key", "second.key")
        whole = self.duration(["rotate", "root", "c.coffer"])
        version = self.done("keyring", "show", "c.coffer", "--json").json()["version"]
        for turn in range(30):
            words = (["rotate", "domain", "c.coffer", "system"] if turn % 2 else
                     ["rotate", "root", "c.coffer", "--to", self.uri(keys[turn // 2 % 2])])
            self.kill_in_the_middle(words, random.uniform(0, 1.2 * whole))
            after = self.done("keyring", "show", "c.coffer", "--json").json()["version"]
            self.assertIn(after, (version, version + 1))
            version = after
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertEqual(self.done("cat", "c.coffer", "store/raw").bytes, contents["store/raw"])
        self.assertEqual(sorted(os.listdir(self.path("store"))), ["data.sst", "events.log", "raw"])


class TwoAtOnce(CliTest):
    def test_parallel_rotations_of_a_domain_all_count(self):
        self.make_coffer()
        self.make_store()
        at_once = 8
        processes = [self.start("rotate", "domain", "c.coffer", "system", "--json") for _ in range(at_once)]
        runs = [self.outcome(process) for process in processes]
        for run in runs:
            self.assertEqual(run.status, 0, run)
        made = sorted(run.json()["key"]["version"] for run in runs)
        self.assertEqual(made, list(range(2, 2 + at_once)))
        keys = self.done("keyring", "show", "c.coffer", "--json").json()["domains"][0]["keys"]
        self.assertEqual([key["state"] for key in keys], ["deactivated"] * at_once + ["active"])

    def test_parallel_rewraps_and_rotations_leave_everything_readable(self):
        self.make_coffer()
        for i in range(20):
            self.make_file("c.coffer", f"store/{i}", os.urandom(100))
        self.make_key("second.key")
        commands = [["rewrap", "c.coffer"], ["rotate", "domain", "c.coffer", "system", "--rewrap"],
                    ["rotate", "root", "c.coffer", "--to", self.uri("second.key")], ["rewrap", "c.coffer"],
                    ["verify", "c.coffer"]]
        processes = [self.start(*words) for words in commands]
        for words, run in zip(commands, [self.outcome(process) for process in processes]):
            self.assertEqual(run.status, 0, f"{words}: {run}")
        self.assertEqual(self.verified("c.coffer"), {})

    def test_two_inits_of_one_coffer_make_one(self):
        self.make_key()
        for turn in range(4):
            name = f"c{turn}.coffer"
            processes = [self.start("init", name, "--root", self.uri("root.key")) for _ in range(6)]
            self.assert_one_made([self.outcome(process) for process in processes])
            self.done("status", name)

    def test_two_inits_of_one_keyring_under_two_configurations_make_one(self):
        self.make_key()
        os.mkdir(self.path("etc"), 0o755)
        for turn in range(4):
            processes = [self.start("init", "--config", f"etc/{turn}.{i}.yaml", "--keyring", f"k{turn}",
                                    "--root", self.uri("root.key")) for i in range(5)]
            self.assert_one_made([self.outcome(process) for process in processes])
            made = [name for name in os.listdir(self.path("etc")) if name.startswith(f"{turn}.")
                    and name.endswith(".yaml")]
            self.assertEqual(len(made), 1, "the others leave nothing")
            self.done("status", f"etc/{made[0]}")

    def assert_one_made(self, runs):
        self.assertEqual(sorted(run.status for run in runs), [0] + [2] * (len(runs) - 1), runs)


class DiskFull(CliTest):
    def test_a_full_disk_at_any_write_leaves_the_old_state(self):
        if self.in_mount_namespace():
            self.with_less_and_less_room()

    def with_less_and_less_room(self):
        small = self.path("small")
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M,mode=755", "tmpfs", small], check=True)
        self.make_key()
        self.make_coffer("small/c.coffer")
        data = os.urandom(3000)
        self.make_file("small/c.coffer", "small/store/file", data)
        failed = set()
        for room in range(0, 60 * 1024, 4096):
            for words in (["rotate", "domain", "small/c.coffer", "system"], ["rotate", "root", "small/c.coffer"],
                          ["domain", "add", "small/c.coffer", f"d{room}", "--path", f"small/d{room}"],
                          ["init", f"small/new{room}", "--root", self.uri("root.key")],
                          ["keygen", f"small/{room}.key"], ["rewrap", "small/c.coffer"],
                          ["cat", "small/c.coffer", "small/store/file", "-o", f"small/plain{room}"]):
                self.fill(small, room)
                run = self.coffer(*words, "--json")
                self.assertIn(run.status, (0, 1, 2), run)
                if run.status == 2:
                    failed.add(words[0])
                    self.assertEqual(run.error()["code"], "no_space", run)
                    self.assertFalse(os.path.exists(self.path(words[1])) and words[0] in ("init", "keygen"), words)
                os.remove(os.path.join(small, "filler"))
                self.assertEqual(self.done("cat", "small/c.coffer", "small/store/file").bytes, data)
            self.assertEqual([name for name in os.listdir(self.path("small/c.coffer")) if "tmp" in name], [])
        self.assertEqual(failed, {"rotate", "domain", "init", "keygen", "cat"})  # rewrap needs no room

    def fill(self, directory, room):
        """A file that takes all but `room` bytes."""
        free = os.statvfs(directory)
        with open(os.path.join(directory, "filler"), "wb") as file:
            file.write(b"x" * max(0, free.f_bavail * free.f_bsize - room))


class Signals(CliTest):
    def test_a_reader_that_goes_away_ends_it_quietly(self):
        self.make_coffer()
        self.make_file("c.coffer", "store/big", os.urandom(4 << 20))
        process = self.start("cat", "c.coffer", "store/big")
        process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        self.assertNotEqual(process.wait(timeout=60), 0)
        self.assertNotIn(b"Traceback", err)


if __name__ == "__main__":
    main()
