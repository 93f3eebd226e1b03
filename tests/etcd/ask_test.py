"""A key that goes only when another node says that it does not need it: two nodes with RocksDB programs that share a
keyring in etcd, each with files of its own at the same path."""

import subprocess
import time

from fleet import Fleet
from harness import main


class Ask(Fleet):
    NODES = ["db-1", "db-2"]

    def setUp(self):
        super().setUp()
        self.call_all_databases("/var/lib/db")
        for node in self.NODES:
            self.serve(node)

    def line_with(self, process, text):
        """The next line of its errors that has this."""
        for line in process.stderr:
            if text in line:
                return line
        self.fail(f"it ended without {text}")

    def rewrap(self, node):
        """A served store: what was just written by the older key is done by the next one."""
        self.wait_until(lambda: self.coffer("rewrap", self.coffer_of(node)).status == 0)

    def test_a_key_is_kept_as_long_as_another_node_needs_it_and_goes_then(self):
        one, two = map(self.coffer_of, self.NODES)
        destroy = ["key", "destroy", one, "system:1"]
        self.done("rotate", "domain", one, "system")
        self.rewrap("db-1")
        run = self.coffer(*destroy)
        self.assertEqual(run.status, 2, run)
        self.assertIn("node db-2 has not answered", run.err)
        self.assertIn("key 1 of domain system: node db-2 has not answered", self.done("node", "list", one).out)
        self.assertIn("needed by", self.problems("node", "answer", two).out)

        waits = self.start(*destroy, "--wait", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(waits.communicate)
        self.addCleanup(waits.kill)
        self.assertRegex(self.line_with(waits, "node db-2"), r"node db-2 needs it for \d+ file\(s\)")
        agent = self.start("agent", two, "--interval", "1s", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        time.sleep(2)
        self.assertIsNone(waits.poll(), "it is needed still")
        self.rewrap("db-2")
        out, _ = waits.communicate(timeout=60)
        self.assertEqual(waits.returncode, 0, out)
        self.assertIn("destroyed", out)

        for node in self.NODES:
            self.end(node)


if __name__ == "__main__":
    main()
