"""Nodes: keys of their own, how they join a coffer, and how they go."""

import os
import re
import shutil
import stat

from harness import CliTest, main


class NodeKeys(CliTest):
    def test_a_node_has_keys_that_nobody_else_may_read_and_one_line_for_others(self):
        self.make_coffer()
        line = self.done("node", "new", "c.coffer", "db-1").out
        self.assertRegex(line, r"^coffer-node:v1:db-1:[A-Za-z0-9_-]+\n$")
        self.assertEqual(stat.S_IMODE(os.stat(self.path("c.coffer/node.key")).st_mode), 0o600)
        self.done("rotate", "root", "c.coffer")
        self.assertEqual(self.done("node", "show", "c.coffer").out, line)
        answer = self.done("node", "show", "c.coffer", "--json").json()
        self.assertEqual((answer["name"], answer["node"], answer["sealed_by"]), ("db-1", line.strip(), None))
        self.refused(["node", "new", "c.coffer", "db-2"], "already_exists", "coffer node show")

    def test_a_root_of_the_node_alone_seals_them(self):
        self.make_coffer()
        self.refused(["node", "show", "c.coffer"], "not_found", "coffer node new")
        self.make_key("node.key")
        self.refused(["node", "new", "c.coffer", "db-1", "--seal", "own"], "key_unavailable", "coffer slot add",
                     "--configure-only")
        self.done("slot", "add", "c.coffer", "--by", self.uri("node.key"), "--name", "own", "--configure-only")
        self.done("node", "new", "c.coffer", "db-1", "--seal", "own")
        self.assertEqual(self.done("node", "show", "c.coffer", "--json").json()["sealed_by"], "own")
        os.remove(self.path("node.key"))
        self.refused(["node", "show", "c.coffer"], "key_unavailable", "node.key")
        self.done("status", "c.coffer")  # the coffer itself does not need it

    def test_a_peer_is_pasted_into_the_configuration_and_a_slip_is_noticed(self):
        self.make_coffer()
        line = self.done("node", "new", "c.coffer", "db-1").out.strip()
        self.make_coffer("other.coffer")
        with open(self.path("other.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write(f"peers:\n  east: {line}\n")
        self.done("status", "other.coffer")
        self.edit("other.coffer/coffer.yaml", line, line[:-1])
        self.refused(["status", "other.coffer"], "invalid_argument", "peers: east", "node db-1 is not whole")


if __name__ == "__main__":
    main()
