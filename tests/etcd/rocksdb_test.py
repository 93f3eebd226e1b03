"""An unmodified RocksDB program whose coffer's keyring is in etcd: it loses etcd, and its keyring moves meanwhile."""

import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))

from cluster import Cluster  # noqa: E402
from harness import CliTest, main  # noqa: E402


class ServingRocksdb(CliTest):
    BENCH = ["db_bench", "--db=store", "--benchmarks=fillrandom", "--num=100000000", "--value_size=1000",
             "--write_buffer_size=300000", "--benchmark_write_rate_limit=300000", "--compression_type=none"]

    def setUp(self):
        super().setUp()
        elsewhere = tempfile.TemporaryDirectory(prefix="coffer-etcd-")
        self.addCleanup(elsewhere.cleanup)
        self.etcd = Cluster(elsewhere.name)
        self.addCleanup(self.etcd.stop)
        self.make_key()

    def make(self, *words):
        self.done("init", "c.coffer", "--root", self.uri("root.key"), *words)

    def etcd_uri(self):
        return self.etcd.uri("coffers/db", timeout_millis=1500)

    def serve(self, *words):
        process = self.start("exec", "c.coffer", "--", *self.BENCH, *words)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.wait_for_tables(process, 1)
        return process

    def tables(self):
        if not os.path.isdir(self.path("store")):
            return set()
        return {name for name in os.listdir(self.path("store")) if name.endswith(".sst")}

    def wait_for_tables(self, process, count):
        """As many new ones."""
        before = self.tables()
        deadline = time.monotonic() + 60
        while len(self.tables() - before) < count and time.monotonic() < deadline:
            self.assertIsNone(process.poll(), "it has ended")
            time.sleep(0.05)
        self.assertGreaterEqual(len(self.tables() - before), count)

    def log_of(self, process):
        process.kill()
        process.wait()
        return self.done("cat", "c.coffer", "store/LOG").out

    def test_without_etcd_it_serves_on_and_its_log_says_so(self):
        self.make("--keyring-store", self.etcd_uri())
        process = self.serve()
        self.etcd.signal(0, signal.SIGSTOP)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.wait_for_tables(process, 2)
        self.etcd.signal(0, signal.SIGCONT)
        self.done("rotate", "domain", "c.coffer", "system")
        time.sleep(6)
        log = self.log_of(process)
        self.assertIn("what is stored cannot be taken up, version", log)
        self.assertIn("stays in use: provider_unavailable: etcd does not answer", log)
        self.assertRegex(log.split("etcd does not answer")[-1], r"keyring etcd://\S+: version \d+ is in use; "
                                                                r"active keys: system:2")
        self.assertEqual(self.verified("c.coffer"), {})

    def test_its_keyring_moves_while_it_writes_and_rotations_are_used_from_where_it_is(self):
        self.make()
        process = self.serve()
        for number, place in enumerate([self.etcd_uri(), "c.coffer"]):
            self.done("keyring", "move", "c.coffer", place)
            self.done("rotate", "domain", "c.coffer", "system")
            time.sleep(6)
            self.wait_for_tables(process, 2)
            active = f"system:{number + 2}"
        log = self.log_of(process)
        self.assertRegex(log, r"keyring etcd://\S+: version \d+ is in use; active keys: system:2")
        self.assertRegex(log, rf"keyring /\S+/keyring: version \d+ is in use; active keys: {active}")
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertEqual(self.done("audit", "verify", "c.coffer").status, 0)
        self.assertEqual(len(self.etcd.keys("/coffers/db/")), 1, "the record that it has moved")

    def test_open_by_the_nodes_copy_status_and_metrics_say_so(self):
        self.make("--keyring-store", self.etcd_uri())
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("policy:\n  keyring_copy: 1h\n")
        self.assertIn("coffer_keyring_copy_in_use 0", self.done("metrics", "c.coffer").out)
        self.assertIsNone(self.done("status", "c.coffer", "--json").json()["keyring_copy_of"])
        self.log_of(self.serve())
        process = self.serve("--use_existing_db=1", "--benchmarks=overwrite")  # which changes the keyring no more
        deadline = time.monotonic() + 60
        while not os.path.exists(self.path("c.coffer/keyring.copy/kept")) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.kill()
        process.wait()
        self.etcd.signal(0, signal.SIGSTOP)
        status = self.coffer("status", "c.coffer", "--json")
        self.assertEqual(status.status, 1, status)
        self.assertGreater(status.json()["keyring_copy_of"], time.time() - 600)
        self.assertIn("etcd://", status.json()["keyring_at"])
        self.assertIn("OPENED BY THIS NODE'S COPY", self.coffer("status", "c.coffer").out)
        metrics = self.done("metrics", "c.coffer").out
        self.assertIn("coffer_keyring_copy_in_use 1", metrics)
        self.etcd.signal(0, signal.SIGCONT)


if __name__ == "__main__":
    main()
