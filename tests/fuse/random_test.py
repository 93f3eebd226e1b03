"""Random operations on a few files, by all ways there are, against what they should hold; and remounts between."""

import ctypes
import mmap
import os

from mounting import MountTest, main, seed

LIBC = ctypes.CDLL(None, use_errno=True)
FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE = 1, 2
SIZE_MAX = 300_000
STEPS = 3_000 if "COFFER_FUSE_LONG" in os.environ else 300
# Where pages, groups of pages and sectors of tags begin and end.
BOUNDARIES = (0, 1, 512, 4095, 4096, 4097, 12 * 4096, 96 * 4096 // 2, 65536, 131072, 262144)


class Model:
    """A file, and what should be in it."""

    def __init__(self, path):
        self.path = path
        self.expected = bytearray()
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT)

    def reopen(self):
        os.close(self.fd)
        self.fd = os.open(self.path, os.O_RDWR)

    def put(self, offset, data):
        if len(self.expected) < offset:
            self.expected.extend(bytes(offset - len(self.expected)))
        self.expected[offset:offset + len(data)] = data


class RandomTest(MountTest):
    def some_offset(self, end):
        if self.chance.random() < 0.3:
            return min(end, self.chance.choice(BOUNDARIES))
        return self.chance.randint(0, end)

    def some_data(self, size):
        return self.chance.randbytes(size)

    def write(self, file):
        offset = self.some_offset(SIZE_MAX // 2)
        data = self.some_data(self.some_offset(SIZE_MAX // 2))
        self.assertEqual(os.pwrite(file.fd, data, offset), len(data))
        if data:
            file.put(offset, data)

    def append(self, file):
        if len(file.expected) > SIZE_MAX:
            return
        fd = os.open(file.path, os.O_WRONLY | os.O_APPEND)
        data = self.some_data(self.some_offset(20000))
        os.write(fd, data)
        os.close(fd)
        file.put(len(file.expected), data)

    def truncate(self, file):
        size = self.some_offset(SIZE_MAX)
        if self.chance.random() < 0.5:
            os.ftruncate(file.fd, size)
        else:
            os.truncate(file.path, size)
        del file.expected[size:]
        file.expected.extend(bytes(size - len(file.expected)))

    def punch(self, file):
        offset, size = self.some_offset(SIZE_MAX), self.some_offset(SIZE_MAX // 2) + 1
        mode = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE
        self.assertEqual(LIBC.fallocate(file.fd, mode, ctypes.c_long(offset), ctypes.c_long(size)), 0)
        end = min(len(file.expected), offset + size)
        if offset < end:
            file.expected[offset:end] = bytes(end - offset)

    def allocate(self, file):
        offset, size = self.some_offset(SIZE_MAX // 2), self.some_offset(SIZE_MAX // 2) + 1
        os.posix_fallocate(file.fd, offset, size)
        file.expected.extend(bytes(max(0, offset + size - len(file.expected))))

    def map(self, file):
        if not file.expected:
            return
        with mmap.mmap(file.fd, len(file.expected)) as memory:
            self.assertEqual(memory[:] == file.expected, True, file.path)
            offset = self.some_offset(len(file.expected) - 1)
            data = self.some_data(self.some_offset(len(file.expected) - offset))
            memory[offset:offset + len(data)] = data
            if self.chance.random() < 0.3:
                memory.flush()
        file.put(offset, data)

    def read_some(self, file):
        offset, size = self.some_offset(SIZE_MAX), self.some_offset(SIZE_MAX)
        self.assertEqual(os.pread(file.fd, size, offset) == file.expected[offset:offset + size], True, file.path)

    def read_all(self, file):
        self.assertEqual(os.fstat(file.fd).st_size, len(file.expected))
        self.assertEqual(os.stat(file.path).st_size, len(file.expected))
        self.assertEqual(os.pread(file.fd, SIZE_MAX * 3, 0) == file.expected, True, file.path)

    def sync(self, file):
        self.chance.choice((os.fsync, os.fdatasync))(file.fd)

    def move(self, file):
        os.rename(file.path, file.path + "~")
        os.rename(file.path + "~", file.path)

    def reopen(self, file):
        file.reopen()

    def forget_pages(self, file):
        os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def remount(self, files, options):
        for file in files:
            os.close(file.fd)
        self.umount()
        self.mount(*options)
        for file in files:
            file.fd = os.open(file.path, os.O_RDWR)
            self.read_all(file)

    def run_steps(self, count, *options):
        self.chance = seed()
        self.mount_new(*options)
        files = [Model(self.path("m", name)) for name in ("a", "b", "c")]
        steps = [self.write] * 6 + [self.append, self.append, self.truncate, self.punch, self.allocate, self.map,
                                    self.map, self.read_some, self.read_some, self.read_all, self.sync, self.move,
                                    self.reopen, self.forget_pages]
        for number in range(count):
            step = self.chance.choice(steps)
            with self.subTest(number=number, step=step.__name__):
                step(self.chance.choice(files))
            if self.chance.random() < 0.01:
                self.remount(files, options)
        self.remount(files, options)
        for file in files:
            os.close(file.fd)
        self.umount()

    def test_files_hold_what_was_put_there(self):
        self.run_steps(STEPS)

    def test_files_hold_what_was_put_there_where_writes_gather(self):
        self.run_steps(STEPS, "--write-back")


if __name__ == "__main__":
    main()
