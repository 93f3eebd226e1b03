"""What the command line says and refuses of a coffer whose keys a MariaDB server has: no server is needed for that."""

from server import MariadbTest, main


class ToolsTest(MariadbTest):
    def setUp(self):
        super().setUp()
        self.make_mariadb_coffer()

    def test_a_key_that_a_server_may_need_is_not_taken_for_unused(self):
        self.done("rotate", "domain", "c.coffer", "tenant-a")
        self.refused(["key", "destroy", "c.coffer", "tenant-a:1"], "busy",
                     "key 1 of domain tenant-a", "may be needed by a MariaDB server, as version 1 of key id 100")
        listed = self.done("key", "list", "c.coffer", "--json").json()["keys"]
        self.assertIn(("tenant-a", 1, "deactivated"), [(key["domain"], key["version"], key["state"]) for key in listed])
        # No policy destroys it either, whenever it was used last; of other domains it does.
        self.done("domain", "add", "c.coffer", "files")
        self.done("rotate", "domain", "c.coffer", "files")
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("policy: {destroy_after: 0s}\n")
        self.done("plan", "c.coffer", "--apply")
        self.assertEqual(self.states("files"), ["destroyed", "active"])
        self.assertEqual(self.states("tenant-a"), ["deactivated", "active"])
        self.done("key", "destroy", "c.coffer", "tenant-a:1", "--unneeded-by-mariadb")
        self.assertEqual(self.states("tenant-a"), ["destroyed", "active"])

    def states(self, domain):
        listed = self.done("key", "list", "c.coffer", "--history", "--json").json()["keys"]
        return [key["state"] for key in sorted(listed, key=lambda key: key["version"]) if key["domain"] == domain]

    def test_commands_that_look_at_files_say_that_there_are_none(self):
        status = self.done("status", "c.coffer")
        self.assertIn("  mariadb    key ids 1 (system), 100 (tenant-a); its servers alone know what needs which key",
                      status.out)
        self.assertIn("no files that Coffer itself encrypts", status.out)
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["config"]["mariadb_keys"],
                         {"1": "system", "100": "tenant-a"})
        for words in (("rewrap", "c.coffer"), ("verify", "c.coffer"), ("rotate", "domain", "c.coffer", "system")):
            self.done(*words)


if __name__ == "__main__":
    main()
