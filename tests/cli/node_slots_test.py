"""Programs of a node that start by its slot: node_test.py has the rest of nodes."""

import os
import time

from harness import CliTest, main


class Slots(CliTest):
    BENCH = ["db_bench", "--db=store", "--benchmarks=fillrandom", "--num=2000", "--compression_type=none"]

    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.make_key("node.key")
        self.done("slot", "add", "c.coffer", "--by", self.uri("node.key"), "--name", "own", "--configure-only")
        self.done("node", "new", "c.coffer", "db-1", "--seal", "own")
        self.set_policy("1h")
        self.done("node", "enrol", "c.coffer", self.done("node", "request", "c.coffer").out.strip())

    def set_policy(self, node_slots):
        text = self.read("c.coffer/coffer.yaml").decode().split("policy:")[0]
        self.write("c.coffer/coffer.yaml", f"{text}policy:\n  node_slots: {node_slots}\n".encode())

    def starts(self, has_root=True):
        if not has_root:
            os.rename(self.path("root.key"), self.path("away.key"))
        run = self.coffer("exec", "c.coffer", "--", *self.BENCH)
        if not has_root:
            os.rename(self.path("away.key"), self.path("root.key"))
        self.assertIn(run.status, (0, 2) if not has_root else (0,), run)
        return run.status == 0

    def log_says(self, words):
        return words in self.done("cat", "c.coffer", "store/LOG").out

    def slot(self):
        return [row["slot"] for row in self.done("node", "list", "c.coffer", "--json").json()["nodes"]]

    def test_a_program_starts_by_its_nodes_slot_within_the_time_and_not_once_the_node_is_removed(self):
        self.assertFalse(self.starts(has_root=False), "it has not served yet")
        self.assertTrue(self.starts())
        self.assertEqual(self.slot(), [True])
        self.assertRegex(self.done("node", "list", "c.coffer").out, r"SLOT[^\n]*\ndb-1 .* yes ")
        self.assertTrue(self.starts(has_root=False))
        self.assertTrue(self.log_says("opened by this node's slot"))
        self.done("rotate", "root", "c.coffer")
        self.assertTrue(self.starts(has_root=False))
        self.set_policy("1s")
        time.sleep(2)
        self.assertFalse(self.starts(has_root=False), "longer ago")
        self.assertTrue(self.starts())
        self.assertTrue(self.log_says("policy: node_slots allows 1s"))
        self.set_policy("off")
        self.assertEqual(self.slot(), [None])
        self.set_policy("1h")
        self.assertTrue(self.starts(has_root=False))
        self.done("node", "remove", "c.coffer", "db-1")
        self.assertFalse(self.starts(has_root=False), "it was removed")
        self.assertTrue(self.starts())


if __name__ == "__main__":
    main()
