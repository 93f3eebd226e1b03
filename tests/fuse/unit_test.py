"""packaging/systemd/coffer-mount@.service, run as it is by a real systemd: a user's, which needs not be process 1, in a
namespace of mounts where the system's folders are this test's."""

import os
import signal
import subprocess

from mounting import COFFER, MountTest, main

UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "systemd",
                    "coffer-mount@.service")
NAME = "coffer-mount@db.service"


class UnitTest(MountTest):
    def over(self, directory):
        """What is written there vanishes with the namespace."""
        layer = self.path(directory.replace("/", "-"))
        os.mkdir(layer)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layer], check=True)
        os.mkdir(os.path.join(layer, "upper"))
        os.mkdir(os.path.join(layer, "work"))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={directory},upperdir={layer}/upper,workdir={layer}/work", directory], check=True)

    def start_systemd(self):
        self.over("/etc")
        self.over("/usr/local/bin")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        os.makedirs("/run/systemd/system")
        os.mkdir("/run/user", 0o700)
        os.symlink(COFFER, "/usr/local/bin/coffer")
        os.makedirs("/etc/coffer/mounts")
        os.makedirs(self.path("config", "systemd", "user"))
        os.symlink(UNIT, self.path("config", "systemd", "user", os.path.basename(UNIT)))
        self.variables = {**os.environ, "XDG_RUNTIME_DIR": "/run/user", "XDG_CONFIG_HOME": self.path("config")}
        with open(self.path("systemd.log"), "wb") as log:
            process = subprocess.Popen(["/lib/systemd/systemd", "--user", "--unit=basic.target"], env=self.variables,
                                       stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.wait_for(lambda: os.path.exists("/run/user/systemd/private"), "systemd answers")

    def systemctl(self, *words):
        return subprocess.run(["systemctl", "--user", *words, NAME], env=self.variables, capture_output=True,
                              text=True, timeout=60, check=False)

    def is_active(self):
        return self.systemctl("is-active").stdout.strip()

    def configure(self, coffer):
        with open("/etc/coffer/mounts/db", "w", encoding="utf-8") as file:
            file.write(f"COFFER={self.path(coffer)}\nSTORE={self.path('store')}\nMOUNTPOINT={self.path('m')}\n"
                       "OPTIONS=--allow-other --write-back\n")

    def test_the_unit_mounts_restarts_and_ends_without_cutting_anybody_off(self):
        if not self.in_mount_namespace():
            return
        self.make_coffer()
        self.start_systemd()
        checked = subprocess.run(["systemd-analyze", "verify", UNIT], capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))
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
        self.start_systemd()
        self.configure("no.coffer")
        started = self.systemctl("start")
        self.assertNotEqual(started.returncode, 0)
        self.wait_for(lambda: self.is_active() == "failed", "it is given up")
        self.assertFalse(self.is_mounted())


if __name__ == "__main__":
    main()
