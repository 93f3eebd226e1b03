"""Who is believed: configuration and keyring apart, root keys, copies of a coffer, kills in between."""

import os
import shutil
import signal
import time

from harness import CliTest, main, seed


class Apart(CliTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("etc"), 0o755)
        self.make_key()
        self.done("init", "--config", "etc/db.yaml", "--keyring", "db.keyring", "--root", self.uri("root.key"))

    def test_every_command_takes_the_configuration_for_the_coffer(self):
        self.assertFalse(os.path.exists(self.path("db.keyring/coffer.yaml")))
        self.make_file("etc/db.yaml", "store/a.sst", b"hello")
        for coffer in (["etc/db.yaml"], ["--config", "etc/db.yaml"]):
            for words in (["status"], ["verify"], ["rewrap"], ["keyring", "show"], ["slot", "list"], ["domain", "list"],
                          ["store", "list"], ["rotate", "root"]):
                self.done(*words, *coffer)
        self.assertEqual(self.done("cat", "etc/db.yaml", "store/a.sst").bytes, b"hello")
        self.assertIn("DOMAIN", self.done("status", environment={"COFFER": self.path("etc/db.yaml")}).out)

    def test_the_keyrings_directory_alone_is_no_coffer(self):
        self.refused(["status", "db.keyring"], "not_found", "db.keyring", "configuration file")

    def test_who_writes_the_keyrings_directory_decides_nothing(self):
        # He puts a configuration of his own beside it, and a keyring that it fits.
        self.make_key("mine.key")
        self.done("init", "stranger.coffer", "--root", self.uri("mine.key"))
        for name in ("coffer.yaml", "keyring"):
            shutil.copy(self.path("stranger.coffer", name), self.path("db.keyring", name))
        self.refused(["status", "etc/db.yaml"], "foreign", "db.keyring", "configuration")
        self.refused(["rotate", "domain", "etc/db.yaml", "system"], "foreign")

    def test_an_older_keyring_is_looked_at_and_not_changed(self):
        shutil.copytree(self.path("db.keyring"), self.path("old"))
        self.done("rotate", "domain", "etc/db.yaml", "system")
        answer = self.done("keyring", "show", "etc/db.yaml", "--keyring", "old", "--json").json()
        self.assertEqual(answer["version"], 1)
        self.refused(["rotate", "root", "etc/db.yaml", "--keyring", "old"], "foreign", "old")

    def test_a_configuration_needs_its_keyrings_place(self):
        self.refused(["init", "--config", "etc/other.yaml", "--root", self.uri("root.key")],
                     "invalid_argument", "--keyring")
        self.refused(["init", "--config", "etc/db.yaml", "--keyring", "other", "--root", self.uri("root.key")],
                     "already_exists", "db.yaml")

    def test_a_configuration_that_others_may_write_is_not_believed(self):
        for name, mode in (("etc/db.yaml", 0o664), ("etc", 0o777)):
            before = os.stat(self.path(name)).st_mode & 0o7777
            os.chmod(self.path(name), mode)
            self.refused(["status", "etc/db.yaml"], "permission_denied", f"chmod go-w {self.path(name)}")
            os.chmod(self.path(name), before)
        self.done("status", "etc/db.yaml")


class Roots(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.make_key("second.key")

    def roots(self):
        answer = self.done("slot", "list", "c.coffer", "--json").json()
        return {root["name"]: root["slot"] is not None for root in answer["roots"]}

    def configure(self, name, file, *more):
        return ["slot", "add", "c.coffer", "--by", self.uri(file), "--name", name, *more]

    def test_they_are_added_gone_over_to_and_removed(self):
        self.assertEqual(self.roots(), {"root-1": True})
        self.done(*self.configure("second", "second.key", "--configure-only"))
        self.assertEqual(self.roots(), {"root-1": True, "second": False})
        self.refused(["slot", "remove", "c.coffer", "root-1"], "busy", "root-1")
        self.done("rotate", "root", "c.coffer", "--to", "second")
        self.assertEqual(self.roots(), {"root-1": False, "second": True})
        self.done("slot", "remove", "c.coffer", "root-1")
        self.assertEqual(self.roots(), {"second": True})
        os.remove(self.path("root.key"))
        self.done("status", "c.coffer")

    def test_what_is_wrong_is_said(self):
        self.refused(["rotate", "root", "c.coffer", "--to", "second.key"],
                     "invalid_argument", "second.key", "./second.key")
        self.refused(self.configure("a b", "second.key"), "invalid_argument", "a b")
        self.refused(self.configure("root-1", "second.key"), "already_exists", "root-1")
        self.refused(self.configure("x", "none.key"), "not_found", "none.key")
        self.refused(["slot", "remove", "c.coffer", "nobody"], "not_found", "nobody")

    def test_a_former_root_key_locks_nothing_any_more(self):
        shutil.copytree(self.path("c.coffer"), self.path("before"))
        self.done("rotate", "root", "c.coffer", "--to", self.uri("second.key"))
        # The former administrator has the old root key, and an old keyring that it opens.
        shutil.copy(self.path("before/keyring"), self.path("c.coffer/keyring"))
        self.refused(["status", "c.coffer"], "key_unavailable", "root-1", "coffer.yaml")

    def test_a_rotation_killed_at_any_instant_leaves_a_coffer_that_opens(self):
        chance = seed()
        begin = time.monotonic()
        self.done("rotate", "root", "c.coffer", "--to", self.uri("second.key"))
        whole = time.monotonic() - begin
        for turn in range(40):
            key = self.uri("root.key" if turn % 2 == 0 else "second.key")
            process = self.start("rotate", "root", "c.coffer", "--to", key)
            time.sleep(chance.uniform(0, whole))
            process.send_signal(signal.SIGKILL)
            self.outcome(process)
            self.done("status", "c.coffer")
        self.done("rotate", "root", "c.coffer", "--to", self.uri("root.key"))
        self.assertTrue(self.roots())


class Copies(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.contents = self.make_store()
        shutil.copytree(self.path("c.coffer"), self.path("copy"))

    def test_a_copy_is_looked_at_and_changes_nothing(self):
        run = self.coffer("status", "copy")
        self.assertEqual(run.status, 1, run)
        self.assertIn("system", run.out)
        self.assertIn("its stores were not looked at", run.err)
        self.done("keyring", "show", "copy")
        self.done("verify", "copy", "store")
        self.assertEqual(self.done("cat", "copy", "store/raw").bytes, self.contents["store/raw"])
        for words in (["rotate", "domain", "copy", "system", "--rewrap"], ["rotate", "root", "copy"],
                      ["rewrap", "copy"], ["rewrap", "copy", "store"], ["verify", "copy"],
                      ["domain", "add", "copy", "d"],
                      ["store", "adopt", "copy", "store"],
                      ["slot", "add", "copy", "--by", self.uri("root.key"), "--name", "x"]):
            self.refused(words, "foreign", self.path("copy"), "coffer store clone")
        self.assertEqual(self.verified("c.coffer"), {})

    def test_a_clone_takes_copies_of_stores_in_and_leaves_the_original_alone(self):
        shutil.copytree(self.path("store"), self.path("store2"))
        self.done("store", "clone", "copy", "clone")
        self.assertEqual(self.verified("clone"), {})
        self.done("store", "adopt", "clone", "store2")
        self.done("rotate", "domain", "clone", "system", "--rewrap")
        self.assertEqual(self.done("cat", "clone", "store2/raw").bytes, self.contents["store/raw"])
        self.refused(["cat", "clone", "store/raw"], "foreign", "store/raw")
        self.assertEqual(self.verified("c.coffer"), {})
        self.refused(["store", "clone", "copy", "clone"], "already_exists", "clone")


if __name__ == "__main__":
    main()
