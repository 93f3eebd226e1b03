"""Four nodes that serve from one keyring in three members of etcd: a member dies, keys are rotated, a node goes."""

import os

from fleet import Fleet
from harness import main


class FourNodes(Fleet):
    NODES = ["db-1", "db-2", "db-3", "db-4"]
    MEMBERS = 3

    def test_all_go_on_without_an_error(self):
        for node in self.NODES:
            self.serve(node)
        self.etcd.kill(1)
        self.all_write_on()
        for node, words in [("db-1", ["root"]), ("db-2", ["domain", "system"]), ("db-3", ["root"])]:
            self.done("rotate", words[0], self.coffer_of(node), *words[1:])
            self.all_write_on()
        self.etcd.start(1)
        self.end("db-4")
        self.take_login("db-4")
        self.done("node", "remove", self.coffer_of("db-2"), "db-4")
        self.all_write_on()
        self.assertEqual([row["name"] for row in
                          self.done("node", "list", self.coffer_of("db-3"), "--json").json()["nodes"]],
                         ["db-1", "db-2", "db-3"])
        # Without the key provider each starts again, by its slot; the removed one does not.
        self.write("service/down", b"")
        for node in list(self.serving):
            self.serving[node].kill()
            self.serving[node].wait()
            self.serve(node)
        self.all_write_on()
        self.assertNotEqual(self.coffer("exec", self.coffer_of("db-4"), "--", "ldb", "--db=" +
                                        self.place("db-4", "/var/lib/db"), "scan", "--max_keys=1").status, 0)
        os.remove(self.path("service/down"))
        for node in list(self.serving):
            self.assertIn("opened by this node's slot; active keys: system:3", self.log_of(node))
            self.end(node)


if __name__ == "__main__":
    main()
