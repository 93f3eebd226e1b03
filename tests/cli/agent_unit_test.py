"""packaging/systemd/coffer-agent@.service, run as it is by a real systemd: within its walls it does its work."""

import os
import socket

from harness import main
from served import Served
from user_systemd import UserSystemd

# The kernel's places may be hidden already where tests run, and cannot be again; and the test's coffer is in /tmp.
NOT_HERE = """[Service]
ProtectControlGroups=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
PrivateTmp=no
"""


class AgentUnit(UserSystemd, Served):
    def test_within_its_walls_it_serves_and_rewraps(self):
        if not self.in_mount_namespace():
            return
        self.make_coffer()
        self.make_store()
        with open(self.path("c.coffer", "coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("policy:\n  old_files: rewrap\n  old_files_after: 0s\n")
        self.done("rotate", "domain", "c.coffer", "system")
        self.start_systemd("coffer-agent@.service")
        os.makedirs(self.path("config", "systemd", "user", "coffer-agent@.service.d"))
        self.write("config/systemd/user/coffer-agent@.service.d/here.conf", NOT_HERE.encode())
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        os.makedirs("/etc/coffer/agents")
        with open("/etc/coffer/agents/db", "w", encoding="utf-8") as file:
            file.write(f"COFFER={self.path('c.coffer')}\n"
                       f"OPTIONS=--listen 127.0.0.1:{self.port} --interval 1s\n")
        started = self.systemctl("start")
        self.assertEqual(started.returncode, 0, started.stderr)
        self.until(lambda: self.is_served() and self.json()["policy"]["done"] > 0)
        self.assertEqual(self.active_share(), (3, 3))
        self.assertEqual(self.json()["policy"]["error"], None)
        # It has no more of the system than it is given: this process sees what the kernel was told.
        with open(f"/proc/{self.systemctl('show', '-P', 'MainPID').stdout.strip()}/status", encoding="ascii") as file:
            status = file.read()
        self.assertIn("NoNewPrivs:\t1\n", status)
        self.assertIn("Seccomp:\t2\n", status)
        self.assertEqual(self.systemctl("stop").returncode, 0)
        self.assertEqual(self.is_active(), "inactive")

    def is_served(self):
        try:
            return self.ask("/healthz")[0] == 200
        except ConnectionRefusedError:
            return False


if __name__ == "__main__":
    main()
