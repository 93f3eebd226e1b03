"""packaging/systemd/coffer-mount@.service, run as it is by a real systemd."""

import os
import signal
import subprocess

from mounting import MountTest, main

from user_systemd import UserSystemd

UNIT = "coffer-mount@.service"
NAME = "coffer-mount@db.service"


class UnitTest(UserSystemd, MountTest):
    def configure(self, coffer):
        os.makedirs("/etc/coffer/mounts")
        with open("/etc/coffer/mounts/db", "w", encoding="utf-8") as file:
            file.write(f"COFFER={self.path(coffer)}\nSTORE={self.path('store')}\nMOUNTPOINT={self.path('m')}\n"
                       "OPTIONS=--allow-other --write-back\n")

    def test_the_unit_mounts_restarts_and_ends_without_cutting_anybody_off(self):
        if not self.in_mount_namespace():
            return
        self.make_coffer()
        self.start_systemd(UNIT)
        self.configure("c.coffer")
        started = self.systemctl("start")
        self.assertEqual(started.returncode, 0, started.stderr)
        # It is there when systemd goes on, and not some time later.
        self.assertTrue(self.is_mounted())
        first = self.path("m", "f")
        with open(first, "wb") as file:
            file.write(b"first")
            os.fsync(file.fileno())
        killed = self.daemon()
        os.kill(killed, signal.SIGKILL)
        self.wait_for(lambda: self.is_served() and self.daemon() != killed and self.is_active() == "active",
                      "systemd has started it again")
        self.assertEqual(self.read("m/f"), b"first")
        # Whoever has a file open finishes first.
        file = os.open(first, os.O_RDWR)
        with subprocess.Popen(["systemctl", "--user", "stop", NAME], env=self.variables) as stop:
            self.wait_for(lambda: not self.is_mounted(), "it vanishes from its place")
            self.assertEqual(self.is_active(), "deactivating")
            os.pwrite(file, b"last!", 0)
            os.close(file)
            self.assertEqual(stop.wait(60), 0)
        self.assertEqual(self.is_active(), "inactive")
        self.mount()
        self.assertEqual(self.read("m/f"), b"last!")
        self.umount()

    def test_a_mount_that_cannot_be_is_a_unit_that_fails(self):
        if not self.in_mount_namespace():
            return
        self.start_systemd(UNIT)
        self.configure("no.coffer")
        started = self.systemctl("start")
        self.assertNotEqual(started.returncode, 0)
        self.wait_for(lambda: self.is_active() == "failed", "it is given up")
        self.assertFalse(self.is_mounted())


if __name__ == "__main__":
    main()
