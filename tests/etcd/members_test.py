"""The command line on a keyring in an etcd of three members, of which some fail."""

import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from cluster import Cluster  # noqa: E402
from harness import CliTest, main  # noqa: E402


class Members(CliTest):
    def setUp(self):
        super().setUp()
        elsewhere = tempfile.TemporaryDirectory(prefix="coffer-etcd-")
        self.addCleanup(elsewhere.cleanup)
        self.etcd = Cluster(elsewhere.name, members=3)
        self.addCleanup(self.etcd.stop)
        self.make_key()
        self.done("init", "c.coffer", "--root", self.uri("root.key"), "--keyring-store",
                  self.etcd.uri("coffers/db", timeout_millis=6000))

    def rotate(self):
        self.done("rotate", "domain", "c.coffer", "system")

    def version(self):
        return self.done("keyring", "show", "c.coffer", "--json").json()["version"]

    def test_a_member_that_is_killed_or_stands_still_is_passed_over_and_a_majority_is_needed(self):
        self.etcd.kill(0)
        self.rotate()
        self.etcd.start(0)
        self.rotate()
        self.etcd.signal(1, signal.SIGSTOP)
        begun = time.monotonic()
        self.rotate()
        self.assertLess(time.monotonic() - begun, 30)
        self.assertEqual(self.version(), 4)
        self.etcd.signal(2, signal.SIGSTOP)
        self.refused(["rotate", "domain", "c.coffer", "system"], "provider_unavailable", "etcd does not answer",
                     "bring etcd back")
        self.etcd.signal(1, signal.SIGCONT)
        self.etcd.signal(2, signal.SIGCONT)
        self.rotate()
        self.assertEqual(self.done("audit", "verify", "c.coffer").status, 0)

    def test_of_those_who_rotate_at_once_each_lands_whatever_happens_to_a_member(self):
        before = self.version()
        running = [self.start("rotate", "domain", "c.coffer", "system") for _ in range(6)]
        self.etcd.kill(0)
        self.assertEqual([self.outcome(one).status for one in running], [0] * len(running))
        self.assertEqual(self.version(), before + len(running))
        self.done("audit", "verify", "c.coffer")
        self.assertEqual(len([key for key in self.etcd_keys() if "/audit/" in key]), before + len(running))

    def etcd_keys(self):
        return self.etcd.etcdctl("get", "--prefix", "--keys-only", "/coffers/db/",
                                 members=[1, 2]).decode().split()

    def test_a_destroyed_keys_bytes_are_answered_at_no_revision(self):
        before = self.etcd.revision()
        key = self.done("keyring", "show", "c.coffer", "--json").json()["domains"][0]["keys"][0]["id"]
        self.rotate()
        self.refused(["key", "destroy", "c.coffer", key], "busy", "files of another node")
        self.done("key", "destroy", "c.coffer", key, "--unneeded-by-other-nodes")
        for revision in range(1, before + 2):
            self.assertEqual(self.etcd.etcdctl("get", "--rev", str(revision), "/coffers/db/keyring", check=False), b"")
        self.assertNotEqual(self.etcd.etcdctl("get", "/coffers/db/keyring"), b"")

    def test_an_audit_log_without_room_refuses_keys_to_be_changed_until_it_is_archived(self):
        self.rotate()
        for mebibytes, can in ((130, True), (200, False)):  # as if it had grown so
            self.etcd.etcdctl("put", "/coffers/db/audit_size", str(mebibytes << 20))
            status = self.done("status", "c.coffer")
            self.assertIn(f"the audit log has {mebibytes} MiB of the 256 it can have", status.out)
            if can:
                self.rotate()
            else:
                self.refused(["rotate", "domain", "c.coffer", "system"], "limit_exceeded", "coffer audit archive")
        self.assertIn("audit archive", self.coffer("doctor", "c.coffer").out)
        self.done("audit", "archive", "c.coffer", "archived.log")
        self.assertEqual(len([key for key in self.etcd_keys() if "/audit/" in key]), 1)
        self.rotate()
        self.assertIsNone(self.done("status", "c.coffer", "--json").json()["audit_log_trouble"])
        self.done("audit", "verify", "c.coffer")
        whole = self.done("audit", "verify", "c.coffer", "--archive", "archived.log", "--json").json()
        self.assertEqual(whole["records"], self.version())
        self.refused(["audit", "archive", "c.coffer", "archived.log"], "already_exists", "archived.log")

    def test_a_second_node_needs_the_configuration_only_and_no_secret_is_in_it(self):
        os.mkdir(self.path("node2"), 0o700)
        self.edit("c.coffer/coffer.yaml", self.path("c.coffer"), self.path("node2"))
        os.rename(self.path("c.coffer", "coffer.yaml"), self.path("node2", "coffer.yaml"))
        self.secrets.add(b"p4ssword-of-coffer")
        self.done("rotate", "domain", "node2", "system")
        os.mkdir(self.path("node3"), 0o700)
        self.done("init", "node3", "--root", self.uri("root.key"), "--keyring-store", self.etcd.uri("coffers/db"),
                  "--keep-keyring")
        self.done("rotate", "domain", "node3", "system")
        self.assertNotIn(b"p4ssword-of-coffer", self.read("node2", "coffer.yaml"))
        self.refused(["init", "other", "--root", self.uri("root.key"), "--keyring-store", self.etcd.uri("coffers/db")],
                     "already_exists", "there is a keyring at etcd://")


if __name__ == "__main__":
    main()
