"""The daemon is killed under load, again and again: what a sync has acknowledged is there, nothing is torn."""

import os
import struct
import threading

from mounting import MountTest, main, seed

SECTOR = 512
FILE_SIZE = 400 * 1024
SECTORS = FILE_SIZE // SECTOR
LONG = "COFFER_FUSE_LONG" in os.environ


def sector(index, version):
    return struct.pack("<QQ", index, version) * (SECTOR // 16)


class Load(threading.Thread):
    """Writes to one file until the mount is gone, and knows what it was promised."""

    def __init__(self, directory, name, chance, before=None):
        super().__init__()
        self.path = os.path.join(directory, name)
        self.directory = directory
        self.chance = chance
        # Of each sector the version that was last written, and the one that is promised.
        self.written = list(before.promised) if before else [0] * SECTORS
        self.promised = list(self.written)
        self.version = max(self.written)
        self.is_named = before is not None and before.is_named
        self.syncs = 0
        self.failed = None

    def run(self):
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT)
            while True:
                self.step(fd)
        except OSError as e:
            self.failed = e

    def step(self, fd):
        if self.chance.random() < 0.1:
            so_far = list(self.written)
            self.chance.choice((os.fsync, os.fdatasync))(fd)
            self.promised = so_far
            self.syncs += 1
            if not self.is_named:
                directory = os.open(self.directory, os.O_RDONLY)
                os.fsync(directory)
                os.close(directory)
                self.is_named = True
            return
        self.version += 1
        first = self.chance.randrange(SECTORS)
        count = min(SECTORS - first, self.chance.choice((1, 1, 3, 8, 8, 16, 100)))
        for index in range(first, first + count):
            self.written[index] = self.version
        data = b"".join(sector(index, self.version) for index in range(first, first + count))
        os.pwrite(fd, data, first * SECTOR)


class CrashTest(MountTest):
    def check(self, load):
        """Each sector is what was promised, or what was written there since."""
        if not os.path.exists(load.path):
            self.assertFalse(load.is_named, load.path)
            return
        with open(load.path, "rb") as file:
            data = file.read()
        found = []
        for index, (promised, written) in enumerate(zip(load.promised, load.written)):
            bytes_of = data[index * SECTOR:(index + 1) * SECTOR]
            if bytes_of in (b"", bytes(SECTOR)):
                self.assertEqual(promised, 0, f"{load.path}: sector {index} is gone")
                found.append(0)
                continue
            version = struct.unpack_from("<QQ", bytes_of)[1]
            self.assertEqual(bytes_of, sector(index, version), f"{load.path}: sector {index} is torn")
            self.assertTrue(promised <= version <= written, f"{load.path}: sector {index} has version {version}, not "
                                                            f"{promised} to {written}")
            found.append(version)
        load.promised = found  # from here on

    def test_what_was_synced_outlives_kills_of_the_daemon(self):
        chance = seed()
        self.make_coffer()
        loads = {}
        syncs = 0
        for number in range(200 if LONG else 5):
            self.mount()
            for load in loads.values():
                self.check(load)
            for name in ("a", "b"):
                loads[name] = Load(self.path("m"), name, chance, loads.get(name))
                loads[name].start()
            # The main thread waits for its turn to kill; the loads do what they can meanwhile.
            threading.Event().wait(chance.uniform(0.03, 0.2))
            self.kill()
            for load in loads.values():
                load.join()
                self.assertIsNotNone(load.failed, number)
                syncs += load.syncs
        self.mount()
        for load in loads.values():
            self.check(load)
        self.umount()
        self.assertGreater(syncs, 0, "nothing was promised, so nothing was tested")


if __name__ == "__main__":
    main()
