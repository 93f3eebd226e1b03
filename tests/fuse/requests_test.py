"""What the kernel asks of a mount's daemon: requests are the dearest of all, so there should be few."""

import os

from mounting import MountTest, main


class RequestsTest(MountTest):
    def calls_to_read(self):
        """How often the daemon has read: once for each request at least."""
        with open(f"/proc/{self.daemon()}/io", encoding="utf-8") as counts:
            return int(next(line for line in counts if line.startswith("syscr")).split()[1])

    def test_a_write_is_one_request(self):
        self.mount_new()
        with open(self.path("m", "f"), "wb", buffering=0) as file:
            file.write(b"x" * 4096)
            before = self.calls_to_read()
            for _ in range(1000):
                file.write(b"x" * 4096)
            self.assertLess(self.calls_to_read() - before, 1500)
        self.umount()

    def test_what_is_read_from_front_to_back_comes_in_large_pieces(self):
        self.mount_new()
        device = os.stat(self.path("m")).st_dev
        with open(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb", encoding="utf-8") as file:
            self.assertEqual(int(file.read()), 1024)
        size = 16 << 20
        with open(self.path("m", "f"), "wb") as file:
            file.write(os.urandom(size))
        with open(self.path("m", "f"), "rb", buffering=0) as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            before = self.calls_to_read()
            while file.read(1 << 20):
                pass
        # For each of 64 requests: itself, tags, and contents in a few pieces. At 128 KiB they would be 128.
        self.assertLess(self.calls_to_read() - before, 230)
        self.umount()


if __name__ == "__main__":
    main()
