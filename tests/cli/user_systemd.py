"""A real systemd that runs a unit of packaging/systemd as it is: a user's, which needs not be process 1, in a namespace
of mounts where the system's folders are this test's."""

import os
import subprocess
import time

from harness import COFFER

UNITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "systemd")
DEADLINE_S = 60


class UserSystemd:
    """REQUIRES: a CliTest that is in_mount_namespace()."""

    def over(self, directory):
        """What is written there vanishes with the namespace."""
        layer = self.path(directory.replace("/", "-"))
        os.mkdir(layer)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", layer], check=True)
        os.mkdir(os.path.join(layer, "upper"))
        os.mkdir(os.path.join(layer, "work"))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={directory},upperdir={layer}/upper,workdir={layer}/work", directory], check=True)

    def start_systemd(self, unit):
        self.unit = unit
        path = os.path.join(UNITS, unit)
        self.over("/etc")
        self.over("/usr/local/bin")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        os.makedirs("/run/systemd/system")
        os.mkdir("/run/user", 0o700)
        os.symlink(COFFER, "/usr/local/bin/coffer")
        os.makedirs(self.path("config", "systemd", "user"))
        os.symlink(path, self.path("config", "systemd", "user", unit))
        self.variables = {**os.environ, "XDG_RUNTIME_DIR": "/run/user", "XDG_CONFIG_HOME": self.path("config")}
        with open(self.path("systemd.log"), "wb") as log:
            process = subprocess.Popen(["/lib/systemd/systemd", "--user", "--unit=basic.target"], env=self.variables,
                                       stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        deadline = time.monotonic() + DEADLINE_S
        while not os.path.exists("/run/user/systemd/private"):
            self.assertLess(time.monotonic(), deadline, "systemd does not answer")
            time.sleep(0.01)
        checked = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))

    def systemctl(self, *words, instance="db"):
        return subprocess.run(["systemctl", "--user", *words, self.unit.replace("@", f"@{instance}")],
                              env=self.variables, capture_output=True, text=True, timeout=60, check=False)

    def is_active(self):
        return self.systemctl("is-active").stdout.strip()
