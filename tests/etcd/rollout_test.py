"""A new key that comes to some nodes first, on three nodes with RocksDB programs that share a keyring in etcd."""

import glob
import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from cluster import Cluster  # noqa: E402
from harness import CliTest, main  # noqa: E402

NAMES = ["db-1", "db-2", "db-3"]


class Fleet(CliTest):
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
            self.done("node", "new", name, name)
            self.done("node", "enrol", NAMES[0], self.done("node", "request", name).out.strip())
            self.serve(name)

    def serve(self, name):
        process = self.start("exec", name, "--", "db_bench", f"--db=store-{name}", "--benchmarks=fillrandom",
                             "--num=100000000", "--value_size=1000", "--write_buffer_size=300000",
                             "--benchmark_write_rate_limit=300000", "--compression_type=none")
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.serving[name] = process

    def newest_versions(self):
        """Of each node: the version of the key that its newest table is under."""
        out = {}
        for name in NAMES:
            tables = glob.glob(self.path(f"store-{name}", "*.sst"))
            shown = self.coffer("inspect", max(tables), "--json") if tables else None
            # One that is just being written has no header yet.
            out[name] = shown.json()["domain_key_version"] if shown and shown.status == 0 else None
        return out

    def versions_become(self, wanted):
        deadline = time.monotonic() + 60
        while (found := self.newest_versions()) != wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(found, wanted)

    def canary(self):
        """Begins one; which nodes are first."""
        return self.done("rotate", "domain", NAMES[0], "system", "--canary", "--json").json()["nodes"]

    def test_it_comes_to_one_node_then_to_all_and_a_node_that_was_killed_holds_it_up(self):
        first = self.canary()
        self.versions_become({name: 2 if name in first else 1 for name in NAMES})
        self.done("rollout", "advance", NAMES[1], "system", "--wait")
        self.done("rollout", "advance", NAMES[1], "system", "--wait")
        self.versions_become({name: 2 for name in NAMES})
        self.assertEqual(self.done("rollout", "list", NAMES[2]).out, "no rollout is running\n")

        for name, process in self.serving.items():
            self.assertIsNone(process.poll(), name)
        gone = self.canary()[0]
        self.serving[gone].send_signal(signal.SIGKILL)
        self.serving[gone].wait()
        self.done("rollout", "undo", NAMES[0], "system")
        # It says nothing of a share that begins while it is away.
        while self.canary() != [gone]:
            self.done("rollout", "undo", NAMES[0], "system")
        run = self.coffer("rollout", "advance", NAMES[0], "system")
        self.assertEqual(run.status, 2, run)
        self.assertIn(f"node {gone}: serves version", run.err)
        self.serve(gone)
        self.done("rollout", "advance", NAMES[0], "system", "--wait")


if __name__ == "__main__":
    main()
