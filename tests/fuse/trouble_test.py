"""What goes wrong below a mount, or with its keys: each time the error that fits, a line in the log, and no harm."""

import errno
import mmap
import os
import shutil
import subprocess

from mounting import MountTest, main

PAGE = 4096
FIRST_PAGE = 8192 + 2 * 4096 + 4096  # behind the envelope, two roots and the first block of tags


class TroubleTest(MountTest):
    def put(self, name, data):
        with open(self.path("m", name), "wb") as file:
            file.write(data)

    def assert_logged(self, *words):
        self.wait_for(lambda: all(word in self.log() for word in words), f"the log has {words}: {self.log()}")

    def assert_refused(self, expected, name):
        self.assert_errno(expected, self.read, "m", name)

    # --- bytes that cannot be trusted

    def test_a_flipped_bit_fails_its_page_and_no_other(self):
        self.mount_new()
        pages = [bytes([i]) * PAGE for i in range(40)]
        self.put("f", b"".join(pages))
        self.umount()
        self.set_byte("store/f", FIRST_PAGE + 20 * PAGE + 100)
        self.mount()
        fd = os.open(self.path("m", "f"), os.O_RDWR)
        for i, page in enumerate(pages):
            if i == 20:
                self.assert_errno(errno.EIO, os.pread, fd, PAGE, i * PAGE)
            else:
                self.assertEqual(os.pread(fd, PAGE, i * PAGE) == page, True, i)
        self.assert_logged(self.path("store", "f"))
        # Writing it whole needs nothing of what stood there.
        os.pwrite(fd, b"N" * PAGE, 20 * PAGE)
        os.fsync(fd)
        self.assertEqual(os.pread(fd, PAGE, 20 * PAGE), b"N" * PAGE)
        os.close(fd)
        self.umount()
        self.mount()
        self.assertEqual(self.read("m/f"), b"".join(pages[:20] + [b"N" * PAGE] + pages[21:]))
        self.umount()

    def test_a_file_with_a_ruined_header_hides_no_other(self):
        self.mount_new()
        for name in ("good", "ruined"):
            self.put(name, b"x" * 10000)
        self.umount()
        for offset in range(0, 8192, 16):
            self.set_byte("store/ruined", offset)
        self.mount()
        self.assertEqual(sorted(os.listdir(self.path("m"))), ["good", "ruined"])
        os.stat(self.path("m", "ruined"))
        self.assertEqual(self.read("m/good"), b"x" * 10000)
        with self.assertRaises(OSError) as caught:
            self.read("m/ruined")
        self.assertIn(caught.exception.errno, (errno.EIO, errno.EACCES))
        self.assert_logged(self.path("store", "ruined"))
        os.unlink(self.path("m", "ruined"))
        self.umount()

    def test_plaintext_below_is_refused_and_named(self):
        self.mount_new()
        self.umount()
        self.write("store/plain", b"never encrypted " * 1000)
        self.mount()
        self.assert_refused(errno.EACCES, "plain")
        self.assert_errno(errno.EACCES, self.put, "plain", b"over it")
        self.assert_logged("plaintext", self.path("store", "plain"))
        self.assertEqual(self.read("store/plain"), b"never encrypted " * 1000)
        self.umount()

    def test_a_file_of_another_store_is_refused_until_it_is_adopted(self):
        self.mount_new()
        self.put("f", b"from here" * 1000)
        self.umount()
        os.mkdir(self.path("store2"))
        self.mount(store="store2")
        self.umount()
        shutil.copy(self.path("store", "f"), self.path("store2", "f"))
        self.mount(store="store2")
        self.assert_refused(errno.EACCES, "f")
        self.assert_logged("foreign", self.path("store2", "f"), "coffer store adopt")
        self.done("store", "adopt", "c.coffer", self.path("store2"))
        self.assertEqual(self.read("m/f"), b"from here" * 1000)
        self.umount()

    def test_a_file_of_another_kind_says_so(self):
        self.mount_new()
        self.umount()
        self.make_file("c.coffer", "store/raw", b"of an engine" * 100, "ctr")
        self.mount()
        with self.assertRaises(OSError):
            self.read("m/raw")
        self.assert_logged(self.path("store", "raw"), "kind ctr")
        self.umount()

    def test_names_of_coffer_s_own_are_refused(self):
        self.mount_new()
        self.put("f", b"x")
        for name in (".coffer-new.f", ".coffer-new-of.00112233.f"):
            self.assert_errno(errno.EINVAL, self.put, name, b"y")
            self.assert_errno(errno.EINVAL, os.mkdir, self.path("m", name))
            self.assert_errno(errno.EINVAL, os.rename, self.path("m", "f"), self.path("m", name))
            self.assert_errno(errno.EINVAL, os.link, self.path("m", "f"), self.path("m", name))
        self.assertEqual(os.listdir(self.path("m")), ["f"])
        self.umount()

    def test_what_a_crash_left_without_a_header_is_an_empty_file(self):
        self.mount_new()
        self.umount()
        self.write("store/empty", b"")
        self.write("store/zeros", bytes(5000))
        self.mount("--read-only")
        self.assertEqual((self.read("m/empty"), self.read("m/zeros")), (b"", b""))
        self.umount()
        self.assertEqual((self.read("store/empty"), self.read("store/zeros")), (b"", bytes(5000)))
        self.mount()
        for name in ("empty", "zeros"):
            self.assertEqual(os.stat(self.path("m", name)).st_size, 0)
            self.assertEqual(self.read("m", name), b"")
            self.put(name, b"used again")
        self.umount()
        self.mount("--read-only")
        self.assertEqual(self.read("m/empty"), b"used again")
        self.umount()

    # --- keys

    def test_locked_keys_are_taken_from_the_page_cache_and_come_back(self):
        self.make_coffer()
        self.done("domain", "add", "c.coffer", "acme", "--path", self.path("store", "acme"))
        self.mount()
        os.mkdir(self.path("m", "acme"))
        self.put("acme/f", b"of acme" * 5000)
        self.put("other", b"of all" * 5000)
        fd = os.open(self.path("m", "acme", "f"), os.O_RDWR)
        other = os.open(self.path("m", "other"), os.O_RDWR)
        memory = mmap.mmap(fd, 35000)
        self.assertEqual(memory[:7], b"of acme")
        self.done("tenant", "lock", "c.coffer", "acme")
        self.wait_for(lambda: not self.can_read(fd), "what was cached goes")
        self.assert_errno(errno.EACCES, os.pread, fd, 100, 0)
        self.assert_errno(errno.EACCES, os.pwrite, fd, b"x", 0)
        self.assert_errno(errno.EACCES, self.put, "acme/new", b"x")
        self.assertFalse(os.path.exists(self.path("store", "acme", "new")))
        self.assertEqual(os.pread(other, 6, 0), b"of all")
        self.assert_logged("keys were taken back", self.path("store", "acme", "f"))
        self.done("tenant", "unlock", "c.coffer", "acme")
        self.wait_for(lambda: self.can_read(fd), "it comes back")
        self.assertEqual(os.pread(fd, 40000, 0), b"of acme" * 5000)
        self.assertEqual(memory[-7:], b"of acme")
        os.pwrite(fd, b"OF ACME", 0)
        os.fsync(fd)
        memory.close()
        os.close(fd)
        os.close(other)
        self.umount()
        self.mount()
        self.assertEqual(self.read("m/acme/f"), b"OF ACME" + b"of acme" * 4999)
        self.umount()

    def can_read(self, fd):
        try:
            os.pread(fd, 1, 0)
        except PermissionError:
            return False
        return True

    def test_files_go_with_their_directory_from_domain_to_domain(self):
        self.make_coffer()
        for name in ("acme", "other"):
            self.done("domain", "add", "c.coffer", name, "--path", self.path("store", name))
        self.mount()
        os.makedirs(self.path("m", "acme", "deep"))
        self.put("acme/deep/f", b"of acme")
        self.put("acme/g", b"of acme as well")
        os.mkdir(self.path("m", "other"))
        os.rename(self.path("m", "acme", "deep"), self.path("m", "other", "deep"))
        os.link(self.path("m", "acme", "g"), self.path("m", "g"))
        self.umount()
        self.mount()
        self.assertEqual(self.read("m/other/deep/f"), b"of acme")
        self.assertEqual(self.read("m/g"), b"of acme as well")
        self.umount()

    # --- room

    def test_a_full_disk_says_so_and_damages_nothing(self):
        self.make_coffer()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", self.path("store")], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.path("store")], check=False)
        self.mount()
        self.put("old", b"o" * 1_000_000)
        fd = os.open(self.path("m", "big"), os.O_RDWR | os.O_CREAT)
        written = 0
        with self.assertRaises(OSError) as caught:
            while written < 1 << 26:
                written += os.write(fd, b"b" * 65536)
        self.assertEqual(caught.exception.errno, errno.ENOSPC)
        self.assertEqual(os.pread(fd, 1 << 26, 0)[:written] == b"b" * written, True)
        self.assert_errno(errno.ENOSPC, os.posix_fallocate, fd, 0, 1 << 26)
        self.assertEqual(self.read("m/old"), b"o" * 1_000_000)
        os.ftruncate(fd, 0)
        self.put("new", b"n" * 1_000_000)
        os.close(fd)
        self.umount()
        self.mount()
        self.assertEqual(self.read("m/old"), b"o" * 1_000_000)
        self.assertEqual(self.read("m/new"), b"n" * 1_000_000)
        self.umount()


if __name__ == "__main__":
    main()
