"""A key that goes only when another node says that it does not need it: two nodes with RocksDB programs that share a
keyring in etcd, each with files of its own."""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from cluster import Cluster  # noqa: E402
from harness import CliTest, main  # noqa: E402

NAMES = ["db-1", "db-2"]


class Ask(CliTest):
    def setUp(self):
        super().setUp()
        elsewhere = tempfile.TemporaryDirectory(prefix="coffer-etcd-")
        self.addCleanup(elsewhere.cleanup)
        etcd = Cluster(elsewhere.name)
        self.addCleanup(etcd.stop)
        self.make_key()
        self.serving = {}
        for name in NAMES:
            words = ["--keyring-store", etcd.uri("coffers/db", timeout_millis=1500)]
            if name != NAMES[0]:
                os.mkdir(self.path(name), 0o700)
                words.append("--keep-keyring")
            self.done("init", name, "--root", self.uri("root.key"), *words)
            # What the keyring knows by one path is each node's own, and db_bench begins by removing it.
            with open(self.path(name, "coffer.yaml"), "a", encoding="utf-8") as file:
                file.write(f"stores:\n  - path: {self.path('db')}\n    at: {self.path('store-' + name)}\n")
            self.edit(os.path.join(name, "coffer.yaml"), "bind: store", "bind: domain")
            self.done("node", "new", name, name)
            self.done("node", "enrol", NAMES[0], self.done("node", "request", name).out.strip())
            self.serving[name] = self.start(
                "exec", name, "--", "db_bench", f"--db={self.path('store-' + name)}", "--benchmarks=fillrandom",
                "--num=100000000", "--value_size=1000", "--write_buffer_size=300000",
                "--benchmark_write_rate_limit=300000", "--compression_type=none", stderr=subprocess.DEVNULL)
            self.addCleanup(self.serving[name].communicate)
            self.addCleanup(self.serving[name].kill)
            self.wait_until(lambda name=name: os.path.isdir(self.path("store-" + name))
                            and any(file.endswith(".sst") for file in os.listdir(self.path("store-" + name))))

    def wait_until(self, what):
        deadline = time.monotonic() + 60
        while not what():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)

    def line_with(self, process, text):
        """The next line of its errors that has this."""
        for line in process.stderr:
            if text in line:
                return line
        self.fail(f"it ended without {text}")

    def rewrap(self, name):
        """A served store: what was just written by the older key is done by the next one."""
        self.wait_until(lambda: self.coffer("rewrap", name).status == 0)

    def test_a_key_is_kept_as_long_as_another_node_needs_it_and_goes_then(self):
        destroy = ["key", "destroy", "db-1", "system:1"]
        self.done("rotate", "domain", "db-1", "system")
        self.rewrap("db-1")
        run = self.coffer(*destroy)
        self.assertEqual(run.status, 2, run)
        self.assertIn("node db-2 has not answered", run.err)
        self.assertIn("key 1 of domain system: node db-2 has not answered", self.done("node", "list", "db-1").out)
        self.assertIn("needed by", self.problems("node", "answer", "db-2").out)

        waits = self.start(*destroy, "--wait", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(waits.communicate)
        self.addCleanup(waits.kill)
        self.assertRegex(self.line_with(waits, "node db-2"), r"node db-2 needs it for \d+ file\(s\)")
        agent = self.start("agent", "db-2", "--interval", "1s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        time.sleep(2)
        self.assertIsNone(waits.poll(), "it is needed still")
        self.rewrap("db-2")
        out, _ = waits.communicate(timeout=60)
        self.assertEqual(waits.returncode, 0, out)
        self.assertIn("destroyed", out)

        for name in NAMES:
            self.assertIsNone(self.serving[name].poll(), name)
            self.serving[name].kill()
            self.serving[name].wait()
            self.done("verify", name)


if __name__ == "__main__":
    main()
