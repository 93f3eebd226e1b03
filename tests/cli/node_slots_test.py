"""Programs of a node that start by its slot: node_test.py has the rest of nodes."""

import os
import shutil
import time

from harness import main
from served import Served


class Slots(Served):
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

    def standing(self):
        return self.done("status", "c.coffer", "--json").json()["node_slots"]

    def test_status_and_doctor_say_whether_a_start_by_the_slot_is_possible(self):
        standing = self.standing()
        self.assertEqual((standing["starts"], standing["until"]), (False, None))
        self.assertIn("has not served by its root key yet", standing["refused"]["message"])
        self.assertEqual((standing["nodes"], standing["with_slot"]), (1, 1))
        self.assertRegex(self.done("status", "c.coffer").out, "node slots NOT THIS NODE'S: .*not served.*; 1 of 1 node")
        self.assertRegex(self.problems("doctor", "c.coffer").out, "node_slots, and no start by this .*not served")
        self.assertTrue(self.starts())
        standing = self.standing()
        self.assertEqual((standing["starts"], standing["refused"]), (True, None))
        self.assertAlmostEqual(standing["until"], time.time() + 3600, delta=60)
        self.assertRegex(self.done("status", "c.coffer").out, "node slots programs that serve start by .* until 20")
        self.assertNotIn("node_slots", self.coffer("doctor", "c.coffer").out)
        # Nobody is believed for writing there, so somebody may have taken them away.
        shutil.rmtree(self.path("c.coffer/slots.d"))
        standing = self.standing()
        self.assertEqual((standing["starts"], standing["nodes"], standing["with_slot"]), (False, 1, 0))
        self.assertIn("program that serves", self.problems("doctor", "c.coffer").out)
        self.assertTrue(self.starts())
        self.assertEqual((self.standing()["starts"], self.standing()["with_slot"]), (True, 1))
        self.done("rotate", "root", "c.coffer")
        self.assertEqual(self.standing()["starts"], True, "one made since")
        self.done("rotate", "root", "c.coffer")
        standing = self.standing()
        self.assertEqual((standing["starts"], standing["with_slot"]), (False, 1), "it is sealed by another's key")
        self.assertIn("a new key twice since", standing["refused"]["message"])
        self.assertIn("program that serves", self.problems("doctor", "c.coffer").out)
        self.done("node", "remove", "c.coffer", "db-1")
        self.assertIn("coffer node enrol", self.problems("doctor", "c.coffer").out)
        self.assertEqual((self.standing()["nodes"], self.standing()["with_slot"]), (0, 0))
        self.set_policy("off")
        self.assertIsNone(self.standing())
        self.assertNotIn("node slots", self.done("status", "c.coffer").out)

    def test_an_agent_says_it_on_its_page_and_in_metrics(self):
        os.rename(self.path("c.coffer/node.key"), self.path("node.key.away"))
        self.serve()
        self.until(lambda: "coffer_node_slot_refused" in self.metrics().names)
        self.assertEqual(self.metrics().get("coffer_node_slot_refused"), 1)
        self.assertEqual(self.metrics().get("coffer_node_slot_until_seconds"), 0)
        self.assertIn("NOT THIS NODE", self.page())
        self.assertIn("coffer node new", str(self.json()["problems"]))
        os.rename(self.path("node.key.away"), self.path("c.coffer/node.key"))
        self.until(lambda: self.metrics().values.get(("coffer_node_slot_refused", ())) == 0)
        self.assertAlmostEqual(self.metrics().get("coffer_node_slot_until_seconds"), time.time() + 3600, delta=60)
        self.assertEqual(self.metrics().get("coffer_nodes_with_slot"), 1)
        self.assertEqual(self.metrics().get("coffer_nodes_without_slot"), 0)
        self.assertIn("programs that serve start by this node", self.page())
        self.assertEqual(self.json()["status"]["node_slots"]["starts"], True)


if __name__ == "__main__":
    main()
