"""Nodes: keys of their own, how they join a coffer, and how they go."""

import os
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


class Members(CliTest):
    def request(self):
        return self.done("node", "request", "c.coffer").out.strip()

    def names(self):
        return [row["name"] for row in self.done("node", "list", "c.coffer", "--json").json()["nodes"]]

    def become(self, name):
        """Another node: the same directory with other keys."""
        if os.path.exists(self.path("c.coffer/node.key")):
            os.remove(self.path("c.coffer/node.key"))
        return self.done("node", "new", "c.coffer", name).out.strip()

    def join(self, name):
        self.become(name)
        self.done("node", "enrol", "c.coffer", self.request())

    def test_a_node_joins_by_a_request_is_listed_and_goes(self):
        self.make_coffer()
        self.become("db-2")
        before = self.request()
        self.assertRegex(before, r"^coffer-join:v1:[A-Za-z0-9_-]+:coffer-node:v1:db-2:[A-Za-z0-9_-]+$")
        run = self.done("node", "enrol", "c.coffer", before)
        self.assertIn("node db-2", run.out)
        self.assertIn("was already of", self.done("node", "enrol", "c.coffer", before).out)
        self.become("db-1")
        self.done("node", "enrol", "c.coffer", self.request())
        self.assertEqual(self.names(), ["db-1", "db-2"])
        self.assertRegex(self.done("node", "list", "c.coffer").out, r"\ndb-1 +[0-9a-f]{12} .* has not reported\n")
        self.problems("node", "list", "c.coffer", "--check")
        run = self.done("node", "remove", "c.coffer", "db-2")
        self.assertIn("fresh keys: of the keyring, wrapped by root root-1, and of 1 domain", run.out)
        self.assertIn("the root key is the same", run.err)
        self.assertEqual(self.names(), ["db-1"])
        self.refused(["node", "enrol", "c.coffer", before], "wrong_key", "coffer node request")
        self.refused(["node", "remove", "c.coffer", "db-2"], "not_found", "coffer node list")

    def two_nodes(self):
        """This directory is db-1, or db-2: what it is by the keys that it has."""
        self.make_coffer()
        self.make_store()
        for name in ("db-2", "db-1"):
            self.become(name)
            self.done("node", "enrol", "c.coffer", self.request())
            os.rename(self.path("c.coffer/node.key"), self.path(name))
        self.be("db-1")

    def be(self, name):
        shutil.copy(self.path(name), self.path("c.coffer/node.key"))

    def test_no_key_is_destroyed_that_another_node_has_not_said_it_does_not_need(self):
        self.two_nodes()
        self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        destroy = ["key", "destroy", "c.coffer", "system:1"]
        run = self.coffer(*destroy)
        self.assertEqual(run.status, 2, run)
        self.assertIn("node db-2 has not answered", run.err)
        self.refused(destroy, "busy", "node db-2 has not answered", "coffer node answer", "--unneeded-by NODE")
        self.assertIn("asked: key 1 of domain system: node db-2 has not", self.done("node", "list", "c.coffer").out)
        asked = self.done("node", "list", "c.coffer", "--json").json()["questions"]
        self.assertEqual([(each["version"], each["waits_for"][0]["node"]) for each in asked], [(1, "db-2")])
        self.assertIn("need key 1 of domain system", self.done("status", "c.coffer").out)
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["questions"][0]["version"], 1)
        self.be("db-2")
        self.assertRegex(self.done("node", "answer", "c.coffer").out, r"key 1 of domain system \(\w+\): not needed")
        self.be("db-1")
        self.done(*destroy)
        self.assertEqual(self.done("node", "answer", "c.coffer").out, "nothing is asked\n")
        self.assertIn("nodes asked", self.done("audit", "show", "c.coffer", "--json").out)

    def test_an_operator_answers_for_a_node_and_takes_a_question_back(self):
        self.two_nodes()
        self.done("rotate", "domain", "c.coffer", "system")
        destroy = ["key", "destroy", "c.coffer", "system:1"]
        # This node's own files are looked at all the same.
        self.refused([*destroy, "--unneeded-by", "db-2"], "busy", "is needed by 3 file(s)")
        self.refused([*destroy, "--unneeded-by-other-nodes"], "invalid_argument", "--unneeded-by NODE")
        self.refused([*destroy, "--unneeded-by", "db-9"], "not_found", "db-9")
        self.done("rewrap", "c.coffer")
        self.assertEqual(self.coffer(*destroy).status, 2)
        self.assertIn("no node is asked", self.done(*destroy, "--withdraw").out)
        self.refused([*destroy, "--withdraw"], "not_found", "no node is asked")
        self.done(*destroy, "--unneeded-by", "db-2")

    def test_the_policy_asks_by_itself(self):
        self.two_nodes()
        self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        self.edit("c.coffer/coffer.yaml", "version: 1\n", "version: 1\npolicy: {destroy_after: 0s}\n")
        run = self.problems("plan", "c.coffer", "--apply")
        self.assertIn("node db-2 has not answered", run.out + run.err)
        self.be("db-2")
        run = self.problems("plan", "c.coffer", "--apply")
        self.assertIn("node db-1 has not answered", run.out + run.err)
        self.be("db-1")
        run = self.done("plan", "c.coffer", "--apply")
        self.assertIn("destroy a key of domain system", run.out)

    def test_stores_are_a_nodes_own(self):
        self.make_coffer()
        self.make_file("c.coffer", "shared/data.sst", b"x")
        self.join("db-1")
        self.make_store()
        self.join("db-2")
        run = self.done("status", "c.coffer")
        self.assertIn("\n             1 store of other nodes: db-1 (1)\n", run.out)
        stores = self.done("status", "c.coffer", "--json").json()
        self.assertEqual([(store["path"], store["node"]) for store in stores["stores"]], [(self.path("shared"), None)])
        (other,) = stores["stores_of_other_nodes"]
        self.assertEqual((other["path"], other["node"]), (self.path("store"), "db-1"))
        rows = self.done("store", "list", "c.coffer", "--json").json()["stores"]
        self.assertEqual([(row["path"], row["node"], row["state"]) for row in rows],
                         [(self.path("shared"), None, "database"), (self.path("store"), "db-1", "elsewhere")])
        self.assertRegex(self.done("store", "list", "c.coffer").out, r"/store  elsewhere, [0-9a-f]+, of node db-1\n")
        self.assertRegex(self.done("keyring", "show", "c.coffer").out, r"  db-1  +\S+/store\n")
        self.assertEqual(self.verified("c.coffer"), {})
        # The very path of another node's store, as where its disk was brought.
        self.assertEqual(set(self.verified("c.coffer", "store").values()), {"foreign"})
        self.assertIn("of node db-1 and was found in no store of this coffer; this machine is node db-2",
                      self.problems("verify", "c.coffer", "store").out)
        self.refused(["store", "forget", "c.coffer", other["id"]], "busy", "node db-1")
        self.refused(["store", "forget", "c.coffer", "store"], "not_found", "node db-1 has one there", other["id"])
        self.done("store", "adopt", "c.coffer", "store")
        self.done("verify", "c.coffer", "store")
        self.assertIn("of its stores the list still has 1,", self.done("node", "remove", "c.coffer", "db-1").err)
        self.assertIn("db-1 (1, not listed any more)", self.done("status", "c.coffer").out)
        self.done("store", "forget", "c.coffer", other["id"])
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["stores_of_other_nodes"], [])
        self.done("verify", "c.coffer")

    def test_what_a_node_restores_is_its_own(self):
        self.make_coffer()
        self.make_store()
        self.join("db-1")
        self.make_key("safe.key")
        self.done("backup", "create", "c.coffer", "./target", "store", "--recipient", self.uri("root.key"),
                  "--recipient", self.uri("safe.key"))
        self.done("backup", "restore", "c.coffer", "./target", "latest", "restored")
        rows = self.done("store", "list", "c.coffer", "--json").json()["stores"]
        self.assertEqual({os.path.basename(row["path"]): row["node"] for row in rows},
                         {"store": None, "restored": "db-1"})
        self.assertEqual(self.verified("c.coffer"), {})

    def test_a_store_of_before_becomes_a_nodes_own_where_it_says_so(self):
        self.make_coffer()
        self.make_store()
        self.refused(["store", "own", "c.coffer", "store"], "invalid_argument", "coffer node enrol")
        self.join("db-1")
        run = self.done("store", "own", "c.coffer", "store")
        self.assertIn("/store is of node db-1 now", run.out)
        self.assertEqual(self.verified("c.coffer"), {})
        self.refused(["store", "own", "c.coffer", "store"], "already_exists", "node db-1")
        own, shared = self.done("store", "list", "c.coffer", "--json").json()["stores"]
        self.assertEqual([(row["node"], row["state"]) for row in (own, shared)],
                         [("db-1", "database"), (None, "elsewhere")])
        self.assertEqual([row["id"] for row in self.done("status", "c.coffer", "--json").json()["stores"]],
                         [own["id"]])
        self.assertEqual(own["lineage"][0]["store"], shared["id"])
        self.done("store", "forget", "c.coffer", shared["id"])
        self.assertEqual(self.verified("c.coffer"), {})
        self.done("audit", "verify", "c.coffer")
        self.edit("c.coffer/coffer.yaml", "version: 1\n",
                  f"version: 1\nstores: [{{path: {self.path('san')}, shared: true}}]\n")
        self.make_file("c.coffer", "san/data.sst", b"x")
        self.refused(["store", "own", "c.coffer", "san"], "invalid_argument", "coffer.yaml says that they are shared")
        self.assertEqual({os.path.basename(row["path"]): row["node"] for row in
                          self.done("store", "list", "c.coffer", "--json").json()["stores"]},
                         {"store": "db-1", "san": None})

    def test_what_is_no_request_or_was_changed_is_refused(self):
        self.make_coffer()
        line = self.become("db-1")
        request = self.request()
        self.refused(["node", "enrol", "c.coffer", line], "invalid_argument", "coffer node request")
        self.become("db-2")
        stolen = request[:request.index(":coffer-node") + 1] + self.done("node", "show", "c.coffer").out.strip()
        self.refused(["node", "enrol", "c.coffer", stolen], "tampered", "was not made by node db-2")
        self.make_coffer("other.coffer")
        self.refused(["node", "enrol", "other.coffer", request], "foreign", "node db-1 is of coffer")

    def test_a_node_with_another_root_key_gets_nothing(self):
        self.make_coffer()
        self.become("db-1")
        right = self.read("root.key")[:32].hex()
        os.remove(self.path("root.key"))
        self.make_key()
        self.refused(["node", "request", "c.coffer"], "wrong_key", right, self.read("root.key")[:32].hex())

    def test_a_removal_goes_over_to_another_root_key(self):
        self.make_coffer()
        self.become("db-1")
        self.done("node", "enrol", "c.coffer", self.request())
        self.make_key("second.key")
        run = self.done("node", "remove", "c.coffer", "db-1", "--to", self.uri("second.key"))
        self.assertNotIn("the root key is the same", run.err)
        os.remove(self.path("root.key"))
        self.done("status", "c.coffer")

    def test_fresh_keys_of_a_node_are_in_the_list_too(self):
        self.make_coffer()
        old = self.become("db-1")
        self.assertIn("not of this coffer yet", self.done("node", "rotate", "c.coffer").err)
        self.done("node", "enrol", "c.coffer", self.request())
        new = self.done("node", "rotate", "c.coffer").out.strip()
        self.assertNotEqual(new, old)
        self.assertEqual(self.done("node", "show", "c.coffer").out.strip(), new)
        key = self.done("node", "show", "c.coffer", "--json").json()["key"]
        listed = self.done("node", "list", "c.coffer", "--json").json()["nodes"]
        self.assertEqual([row["key"] for row in listed], [key])
        self.assertIn("node renewed", self.done("audit", "show", "c.coffer", "--json").out)


class Rollouts(CliTest):
    """Rotations that some nodes use first: tests/store/rollout_test.cc has what nodes do about them."""

    def setUp(self):
        super().setUp()
        self.make_coffer()

    def enrol(self, name):
        self.done("node", "new", "c.coffer", name)
        self.done("node", "enrol", "c.coffer", self.done("node", "request", "c.coffer").out.strip())

    def keys(self):
        domains = self.done("keyring", "show", "c.coffer", "--json").json()["domains"]
        return [key["state"] for key in domains[0]["keys"]]

    def test_without_nodes_there_is_nobody_to_be_first(self):
        self.refused(["rotate", "domain", "c.coffer", "system", "--canary"], "invalid_argument", "coffer node enrol")
        self.refused(["rollout", "advance", "c.coffer", "system"], "not_found", "coffer rollout list")
        self.assertEqual(self.done("rollout", "list", "c.coffer").out, "no rollout is running\n")
        self.refused(["rotate", "domain", "c.coffer", "system", "--canary", "--rewrap"], "invalid_argument", "--rewrap")

    def test_a_new_key_waits_for_who_uses_it_and_comes_to_all_where_somebody_says_so(self):
        self.enrol("db-1")
        run = self.done("rotate", "domain", "c.coffer", "system", "--canary")
        self.assertIn("key 2 is used by 1 % of the nodes first, 1 node", run.out)
        self.assertEqual(self.keys(), ["active", "pre-active"])
        self.refused(["rollout", "advance", "c.coffer", "system"], "busy", "node db-1: has not reported")
        self.assertRegex(self.done("rollout", "list", "c.coffer").out, r"system +2 +1 % .* db-1 +waits: node db-1: has")
        self.assertIn("1 % of the nodes for", self.done("status", "c.coffer").out)
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["rollouts"][0]["share_thousandths"], 10)
        self.assertIn("rollout: key 2 of domain system: 1 %", self.done("node", "list", "c.coffer").out)
        self.assertIn('coffer_rollouts{state="running"} 1', self.done("metrics", "c.coffer").out)
        run = self.done("rollout", "advance", "c.coffer", "system", "--anyway")
        self.assertIn("has come to 10 % of the nodes", run.out)
        answer = self.done("rollout", "advance", "c.coffer", "system", "--anyway", "--json").json()
        self.assertEqual(answer["share_thousandths"], 1000)
        self.assertEqual(self.keys(), ["deactivated", "active"])

    def test_what_is_halted_says_so_until_it_is_resumed_or_undone(self):
        self.enrol("db-1")
        self.done("rotate", "domain", "c.coffer", "system", "--canary")
        self.done("rollout", "halt", "c.coffer", "system", "--why", "latency")
        self.refused(["rollout", "halt", "c.coffer", "system"], "already_exists", "latency")
        self.refused(["rollout", "advance", "c.coffer", "system", "--anyway"], "key_unavailable", "latency",
                     "coffer rollout resume")
        self.assertIn("HALTED: latency", self.problems("rollout", "list", "c.coffer").out)
        self.assertIn("HALTED: latency", self.done("status", "c.coffer").out)
        self.assertIn('coffer_rollouts{state="halted"} 1', self.done("metrics", "c.coffer").out)
        self.done("rollout", "resume", "c.coffer", "system")
        self.refused(["rollout", "resume", "c.coffer", "system"], "invalid_argument", "not halted")
        self.assertIn("use key 1 again", self.done("rollout", "undo", "c.coffer", "system").out)
        self.assertEqual(self.keys(), ["active", "deactivated"])
        self.assertIn("rollout halted", self.done("audit", "show", "c.coffer", "--json").out)


if __name__ == "__main__":
    main()
