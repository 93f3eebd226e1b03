"""Nodes whose databases have the same path, over one keyring in etcd: each has a store of its own there."""

import shutil

from fleet import Fleet
from harness import main

DATABASE = "/var/lib/db"


class StoresOfNodes(Fleet):
    NODES = ["db-1", "db-2", "db-3"]

    def setUp(self):
        super().setUp()
        self.call_all_databases(DATABASE)

    def fill(self, node):
        """A new database. What was there before, the program destroys first."""
        self.done("exec", self.coffer_of(node), "--", "db_bench", "--db=" + self.place(node, DATABASE), "--num=1000",
                  "--benchmarks=fillseq", "--compression_type=none")

    def rows(self, node):
        return self.done("exec", self.coffer_of(node), "--", "ldb", "--db=" + self.place(node, DATABASE),
                         "scan").out.count(" : ")

    def stores(self, node, what="state"):
        """Of each node, as this one sees it."""
        rows = self.done("store", "list", self.coffer_of(node), "--json").json()["stores"]
        self.assertEqual({row["path"] for row in rows} - {DATABASE}, set())
        return {row["node"]: row[what] for row in rows}

    def ids(self, node):
        return self.stores(node, "id")

    def all_is_well(self, nodes):
        for node in nodes:
            for command in ("status", "verify"):
                run = self.coffer(command, self.coffer_of(node))
                self.assertEqual(run.status, 0, f"{node}: {command}: {run}")
            # It does say something of the keys that these machines have in files, and of nodes that have not served.
            wrong = [line for line in self.problems("doctor", self.coffer_of(node)).out.splitlines()
                     if line.startswith("WRONG") and "root node" not in line and "node_slots" not in line]
            self.assertEqual(wrong, [])

    def test_one_destroys_its_database_and_the_others_go_on(self):
        for node in self.NODES:
            self.serve(node)
        self.assertEqual(self.stores("db-1"), {"db-1": "database", "db-2": "elsewhere", "db-3": "elsewhere"})
        self.all_write_on()
        self.end("db-1")
        before = self.ids("db-2")
        self.fill("db-1")
        after = self.ids("db-2")
        self.assertNotEqual(after.pop("db-1"), before.pop("db-1"))
        self.assertEqual(after, before)
        self.all_write_on()
        self.assertIn("2 stores of other nodes: db-2 (1), db-3 (1)", self.done("status", self.coffer_of("db-1")).out)
        self.end("db-2")
        self.end("db-3")
        self.all_is_well(self.NODES)
        self.assertEqual(self.rows("db-1"), 1000)

    def test_a_disk_that_was_brought_opens_once_it_is_adopted(self):
        self.fill("db-1")
        # Its machine is lost, and its disk is in another one.
        shutil.move(self.place("db-1", DATABASE), self.place("db-2", DATABASE))
        self.take_login("db-1")
        self.done("node", "remove", self.coffer_of("db-2"), "db-1")
        run = self.problems("verify", self.coffer_of("db-2"), self.place("db-2", DATABASE))
        self.assertIn(f"belongs to the store {DATABASE} of node db-1 and was found in no store of this coffer; this "
                      "machine is node db-2", run.out)
        self.done("store", "adopt", self.coffer_of("db-2"), self.place("db-2", DATABASE))
        self.assertEqual(self.rows("db-2"), 1000)
        self.assertIn("db-1 (1, not listed any more)", self.done("status", self.coffer_of("db-2")).out)
        (gone,) = self.done("status", self.coffer_of("db-2"), "--json").json()["stores_of_other_nodes"]
        self.done("store", "forget", self.coffer_of("db-2"), gone["id"])
        self.all_is_well(["db-2", "db-3"])

    def test_a_file_of_another_nodes_database_is_refused(self):
        for node in ("db-1", "db-2"):
            self.fill(node)
        theirs = self.place("db-1", DATABASE + "/CURRENT")
        shutil.copy(theirs, self.place("db-2", DATABASE + "/CURRENT"))
        run = self.problems("verify", self.coffer_of("db-2"))
        self.assertIn(f"belongs to the store {DATABASE} of node db-1 and was found in the store {DATABASE} of node "
                      "db-2", run.out)
        self.assertNotEqual(self.coffer("exec", self.coffer_of("db-2"), "--", "ldb",
                                        "--db=" + self.place("db-2", DATABASE), "scan").status, 0)


if __name__ == "__main__":
    main()
