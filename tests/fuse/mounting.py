"""A coffer with a store that is mounted: the vocabulary of the tests beside this file. They mount for real, as root."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from harness import COFFER, CliTest, main, seed  # noqa: E402,F401

HEADER_SIZE = 8192


class MountTest(CliTest):
    """`store` is mounted at `m`; what the daemon says is in `log`."""

    def setUp(self):
        super().setUp()
        self.assertTrue(os.path.exists("/dev/fuse"), "these tests need /dev/fuse")
        os.mkdir(self.path("store"))
        os.mkdir(self.path("m"))
        self.addCleanup(self.end_daemon)

    def end_daemon(self):
        """Whatever a failed test left."""
        with contextlib.suppress(ProcessLookupError):
            if self.is_mounted():
                os.kill(self.daemon(), signal.SIGKILL)
        subprocess.run(["umount", "-l", self.path("m")], capture_output=True, check=False)

    def is_mounted(self, name="m"):
        with open("/proc/mounts", encoding="utf-8") as mounts:
            return any(line.split()[1] == self.path(name) for line in mounts)

    def daemon(self, store="store"):
        """Its process: the one that has the store locked."""
        where = os.stat(self.path(store))
        wanted = f"{os.major(where.st_dev):02x}:{os.minor(where.st_dev):02x}:{where.st_ino}"
        with open("/proc/locks", encoding="utf-8") as locks:
            for line in locks:
                fields = line.split()
                if fields[1] == "FLOCK" and fields[5] == wanted:
                    return int(fields[4])
        raise ProcessLookupError("nobody serves the store")

    def mount(self, *options, store="store", at="m"):
        self.done("mount", "c.coffer", store, at, "--log", "log", *options)
        return self.path(at)

    def mount_new(self, *options):
        self.make_coffer()
        return self.mount(*options)

    def umount(self, at="m"):
        self.done("umount", at)

    def kill(self):
        """As a power failure to the daemon; what the kernel has of the backing files stays."""
        process = self.daemon()
        os.kill(process, signal.SIGKILL)
        self.wait_for(lambda: not self.is_served(), "the daemon ends")

    def is_served(self):
        try:
            self.daemon()
        except ProcessLookupError:
            return False
        return True

    def wait_for(self, condition, what, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, f"still waiting: {what}")
            time.sleep(0.02)

    def log(self):
        return self.read("log").decode() if os.path.exists(self.path("log")) else ""

    def assert_errno(self, expected, call, *arguments):
        with self.assertRaises(OSError) as caught:
            call(*arguments)
        self.assertEqual(errno.errorcode[caught.exception.errno], errno.errorcode[expected])
