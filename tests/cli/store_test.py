"""coffer store list, move, adopt, forget; --as, `stores` and `bind` in coffer.yaml; files beside the coffer."""

import json
import os
import shutil
import subprocess
import time
import unittest

from harness import COFFER, CliTest, main


class StoreTest(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.contents = self.make_store()

    def stores(self):
        """path → what `store list` says of it."""
        answer = self.coffer("store", "list", "c.coffer", "--json").json()
        return {os.path.relpath(store["path"], self.directory): store for store in answer["stores"]}

    def copy(self, origin="store", to="copy"):
        shutil.copytree(self.path(origin), self.path(to))

    def foreign(self, *words):
        found = self.verified("c.coffer", *(word if word.startswith("--") else self.path(word) for word in words))
        self.assertLessEqual(set(found.values()), {"foreign"})
        return sorted(found)

    # --- list

    def test_freshness_is_shown_and_an_older_state_is_adopted_only_where_it_is_on(self):
        self.assertFalse(self.done("status", "c.coffer", "--json").json()["config"]["freshness"])
        self.refused(["store", "adopt", "c.coffer", "store", "--older"], "invalid_argument", "freshness: on")
        self.configure(f"anchor: {self.path('anchor')}\nfreshness: on\n")
        self.assertIn("no mark yet", self.done("status", "c.coffer").out)
        store = self.stores()["store"]["id"]
        identity = self.done("status", "c.coffer", "--json").json()["id"]
        log = {"name": "000009.log", "file": "12" * 16, "durable": 12288}
        marks = {"coffer": identity, "stores": {store: {"at": 1, "current": [], "logs": [log]}}}
        self.write("anchor.stores", json.dumps(marks).encode())
        self.assertGreater(self.done("status", "c.coffer", "--json").json()["stores"][0]["mark_age_seconds"], 10 ** 9)
        run = self.problems("verify", "c.coffer")
        self.assertIn("000009.log: it is missing, and the anchor has seen it durable to 12288", run.out)
        self.refused(["store", "adopt", "c.coffer", "store", "--older", "--from", "x"], "invalid_argument", "--from")
        self.done("store", "adopt", "c.coffer", "store", "--older")
        self.done("verify", "c.coffer")
        self.assertEqual(self.stores()["store"]["lineage"][0]["how"], "older")
        self.assertIn("an older state was taken back", self.done("store", "list", "c.coffer").out)

    def test_list_shows_where_stores_are_and_whether_they_are_there(self):
        self.assertEqual(list(self.stores()), ["store"])
        self.assertEqual(self.stores()["store"]["state"], "database")
        self.assertIn("  database, ", self.done("store", "list", "c.coffer").out)
        os.rename(self.path("store"), self.path("away"))
        self.assertIn("  missing, ", self.problems("store", "list", "c.coffer").out)
        self.assertEqual(self.stores()["store"]["state"], "missing")

    # --- move

    def test_a_directory_that_was_moved_opens_once_that_was_said(self):
        os.rename(self.path("store"), self.path("moved"))
        self.assertEqual(self.foreign("moved"), ["moved/data.sst", "moved/events.log", "moved/raw"])
        run = self.coffer("cat", "c.coffer", "moved/data.sst")
        self.assertEqual((run.status, run.bytes), (2, b""), run)
        self.assertIn(f"coffer store move {self.path('c.coffer')} {self.path('store')} {self.path('moved')}", run.err)
        self.done("store", "move", "c.coffer", "store", "moved")
        self.assertEqual(list(self.stores()), ["moved"])
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertEqual(self.done("cat", "c.coffer", "moved/data.sst").bytes, self.contents["store/data.sst"])

    def test_move_refuses_what_did_not_happen(self):
        self.copy()
        self.refused(["store", "move", "c.coffer", "store", "copy"], "invalid_argument", "is still there")
        os.rename(self.path("store"), self.path("moved"))
        os.mkdir(self.path("empty"))
        self.refused(["store", "move", "c.coffer", "store", "empty"], "invalid_argument", "holds no file of the store")
        self.refused(["store", "move", "c.coffer", "nowhere", "moved"], "not_found", "is no store", "store list")
        self.make_file("c.coffer", "other/data.sst", b"x")
        shutil.copy(self.path("moved/raw"), self.path("other/raw"))
        self.refused(["store", "move", "c.coffer", "store", "other"], "already_exists", "a store of its own")

    # --- adopt

    def test_a_copy_opens_once_it_is_adopted(self):
        self.copy()
        self.assertEqual(len(self.foreign("copy")), 3)
        run = self.done("store", "adopt", "c.coffer", "copy")
        self.assertIn(f"files of {self.path('store')}: 3 there now", run.out)
        self.assertEqual(self.verified("c.coffer", "copy"), {})
        self.assertEqual([each["how"] for each in self.stores()["copy"]["lineage"]], ["adopted"])
        self.assertEqual(self.stores()["copy"]["lineage"][0]["path"], self.path("store"))
        self.assertIn("may hold files of", self.done("store", "list", "c.coffer").out)
        self.refused(["store", "adopt", "c.coffer", "copy"], "invalid_argument", "nothing there needs to be adopted")

    def test_adopt_takes_from_one_store_only_if_asked_to(self):
        self.make_file("c.coffer", "other/one.sst", b"x")
        self.copy()
        shutil.copy(self.path("other/one.sst"), self.path("copy/one.sst"))
        other = self.stores()["other"]["id"]
        run = self.done("store", "adopt", "c.coffer", "copy", "--from", "store")
        self.assertIn("1 file of other stores stay refused", run.err)
        self.assertEqual(self.foreign("copy"), ["copy/one.sst"])
        self.refused(["store", "adopt", "c.coffer", "copy", "--from", "store"], "invalid_argument", "without --from")
        self.refused(["store", "adopt", "c.coffer", "copy", "--from", "nowhere"], "not_found", "is no store")
        self.done("store", "adopt", "c.coffer", "copy", "--from", other)
        self.assertEqual(self.foreign("copy"), [])

    def test_adopt_lets_no_file_in_that_is_not_genuine(self):
        self.make_coffer("other.coffer", "other.key")
        self.make_file("other.coffer", "strange/one.sst", b"x")
        self.write("strange/two.sst", b"plain text " * 1000)
        self.refused(["store", "adopt", "c.coffer", "strange"], "invalid_argument", "nothing there needs to be adopted")

    def test_a_data_file_of_another_domain_needs_to_be_adopted(self):
        for name in ("red", "blue"):
            os.makedirs(self.path("store", name))
            self.done("domain", "add", "c.coffer", name, "--path", f"store/{name}")
            self.make_file("c.coffer", f"store/{name}/1.sst", name.encode(), "blocks", "--domain", name)
        self.assertEqual(self.verified("c.coffer"), {})
        shutil.copy(self.path("store/red/1.sst"), self.path("store/blue/2.sst"))
        self.assertEqual(self.foreign(), ["store/blue/2.sst"])
        run = self.done("store", "adopt", "c.coffer", "store/blue")
        self.assertIn("files of the domain red: 1 there now", run.out)
        self.assertEqual(self.foreign(), [])
        self.assertEqual(self.stores()["store"]["domains"], ["red"])

    # --- forget

    def test_forget_refuses_while_files_need_the_store(self):
        self.refused(["store", "forget", "c.coffer", "store"], "invalid_argument", "3 files at", "delete or move")
        self.refused(["store", "forget", "c.coffer", "nowhere"], "not_found", "is no store")
        shutil.rmtree(self.path("store"))
        self.problems("verify", "c.coffer")
        self.done("store", "forget", "c.coffer", "store")
        self.assertEqual(self.stores(), {})
        self.done("verify", "c.coffer")

    # --- other places, without a change

    def test_as_stands_for_one_path(self):
        self.copy()
        self.assertEqual(self.foreign("copy", "--as", "store"), [])
        self.assertEqual(self.done("cat", "c.coffer", "copy/raw", "--as", "store/raw").bytes,
                         self.contents["store/raw"])
        self.assertEqual(self.done("rewrap", "c.coffer", "copy", "--as", "store", "--json").json()["current"], 3)
        self.done("status", "c.coffer", "copy", "--as", "store")
        self.assertEqual(len(self.foreign("copy")), 3)
        for words in (["verify", "c.coffer", "--as", "store"], ["verify", "c.coffer", "copy", "store", "--as", "store"],
                      ["verify", "c.coffer", "copy", "--as", ""]):
            self.refused(words, "invalid_argument", "--as: expected")

    def configure(self, text):
        self.write("c.coffer/coffer.yaml", self.read("c.coffer/coffer.yaml") + text.encode())

    def test_stores_in_the_configuration_say_where_a_store_is_here(self):
        os.rename(self.path("store"), self.path("volume"))
        self.configure(f"stores:\n  - path: {self.path('store')}\n    at: {self.path('volume')}\n")
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertEqual(self.active_share(), (3, 3))
        self.assertEqual(self.stores()["store"]["here"], self.path("volume"))
        self.make_file("c.coffer", "volume/more.sst", b"x")
        self.assertEqual(list(self.stores()), ["store"])

    def test_bind_domain_checks_domains_only(self):
        self.copy()
        written = self.read("c.coffer/coffer.yaml")
        self.assertIn(b"\nbind: store ", written)
        self.write("c.coffer/coffer.yaml", written.replace(b"\nbind: store ", b"\nbind: domain "))
        self.assertEqual(self.foreign("copy"), [])
        os.makedirs(self.path("copy/red"))
        self.done("domain", "add", "c.coffer", "red", "--path", "copy/red")
        self.make_file("c.coffer", "copy/red/1.sst", b"x", "blocks", "--domain", "red")
        shutil.copy(self.path("copy/red/1.sst"), self.path("store/1.sst"))
        self.assertEqual(self.foreign("store"), ["store/1.sst"])

    def test_what_is_wrong_in_the_configuration_is_named(self):
        before = self.read("c.coffer/coffer.yaml").replace(b"\nbind: store ", b"\n#")
        for text, says in (("stores: here\n", "stores: expected a list"),
                           ("stores:\n  - path: /a\n", "at or shared: true"),
                           ("stores:\n  - path: a\n    at: /b\n", "stores: path"), ("bind: all\n", "store or domain"),
                           ("stores:\n  - {path: /a, at: /b}\n  - {path: /c, at: /b}\n", "/b is listed twice"),
                           ("stores:\n  - {path: /a, at: /b, to: /c}\n", "unknown option \"to\""),
                           ("stores:\n  - {path: /a, shared: yes}\n", "shared: expected true or false")):
            self.write("c.coffer/coffer.yaml", before + text.encode())
            self.refused(["status", "c.coffer"], "invalid_argument", says)

    # --- O3

    def test_a_coffer_beside_its_data_is_no_plaintext(self):
        self.make_file("c.coffer", "beside.sst", b"x")
        self.make_file("c.coffer", "c.coffer/inside.sst", b"x")
        os.rename(self.path("root.key"), self.path("..", os.path.basename(self.directory) + ".key"))
        self.addCleanup(os.remove, self.path("..", os.path.basename(self.directory) + ".key"))
        key = "file://" + os.path.abspath(self.path("..", os.path.basename(self.directory) + ".key"))
        answer = self.done("status", "c.coffer", "--root", key, "--json").json()
        self.assertEqual((answer["plaintext"]["files"], answer["total"]["files"]), (0, 5))
        self.assertEqual(self.done("verify", "c.coffer", "--root", key, "--json").json()["files"], 5)


@unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
class RootBesideTheServer(CliTest):
    """What root's commands keep in a coffer of the database's user is that user's."""

    SERVER = {"user": 65534, "group": 65534, "extra_groups": []}

    def test_what_root_counts_first_the_servers_user_can_add_to(self):
        try:
            subprocess.run([COFFER, "--version"], check=True, capture_output=True, **self.SERVER)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("another user cannot run the program from here")
        self.make_key()
        os.mkdir(self.path("etc"))
        self.done("init", "--config", "etc/db.yaml", "--keyring", "c.coffer", "--root", self.uri("root.key"))
        shutil.copy(self.path("root.key"), self.path("server.key"))
        subprocess.run(["chown", "-R", "65534:65534", "c.coffer", "server.key"], cwd=self.directory, check=True)
        os.chmod(self.path("server.key"), 0o400)
        self.make_store("etc/db.yaml")
        subprocess.run(["chown", "-R", "65534:65534", "store"], cwd=self.directory, check=True)
        self.done("rotate", "domain", "etc/db.yaml", "system")
        for key, user in (("root.key", {}), ("server.key", self.SERVER)) * 2:
            words = ["etc/db.yaml", "--root", self.uri(key)]
            self.done("rewrap", *words, **user)
            self.done("status", *words, "--recount", **user)
            self.done("rotate", "domain", words[0], "system", "--rewrap", *words[1:], **user)
        for name in os.listdir(self.path("c.coffer")):
            info = os.stat(self.path("c.coffer", name))
            self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o777), (65534, 65534, 0o600), name)
        for name in ("usage", "usage.lock", "runs", "runs.lock", "counts", "counts.lock", "envelope.lock"):
            self.assertTrue(os.path.exists(self.path("c.coffer", name)), name)
        keys = self.done("status", "etc/db.yaml", "--json").json()["domains"][0]["keys"]
        self.assertEqual([key["seals"] for key in keys], [3], "one for each file: its second header repeats the first")


class Counts(CliTest):
    """Of many files `status` tells from the counts that are kept, and says so."""

    MANY = 20000
    COUNTS = "c.coffer/counts"

    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.make_store()

    def make_many(self):
        for i in range(self.MANY):
            os.link(self.path("store/data.sst"), self.path(f"store/{i:06}.sst"))

    def status(self, *words, problems=False):
        run = (self.problems if problems else self.done)("status", "c.coffer", *words, "--json")
        return run.json()

    def test_of_few_files_none_are_kept(self):
        answer = self.status()
        self.assertTrue(answer["recounted"])
        self.assertAlmostEqual(answer["counted_at"], time.time(), delta=60)
        self.done("plan", "c.coffer")
        self.assertFalse(os.path.exists(self.path(self.COUNTS)))
        self.refused(["status", "c.coffer", "store", "--recount"], "invalid_argument", "leave PATH out")
        self.status("--recount")
        self.assertTrue(os.path.exists(self.path(self.COUNTS)))
        os.remove(self.path("store/raw"))
        self.assertEqual(self.status()["total"]["files"], 2)

    def test_many_are_counted_once_and_anew_when_it_is_asked_for(self):
        self.make_many()
        first = self.status()
        self.assertTrue(first["recounted"])
        self.assertEqual(first["total"]["files"], self.MANY + 3)
        os.remove(self.path("store/raw"))
        self.write("store/clear", b"in clear")
        # Nobody has looked at a file: it says how old that is.
        kept = self.status()
        self.assertFalse(kept["recounted"])
        self.assertEqual(kept["counted_at"], first["counted_at"])
        for name in ("total", "active", "plaintext", "unknown_key"):
            self.assertEqual(kept[name], first[name], name)
        self.assertEqual(kept["domains"][0]["keys"][0]["files"], self.MANY + 3)
        self.assertIn("files were counted", self.done("status", "c.coffer").out)
        # Who names a path, or asks, has them looked at.
        named = self.status("store", problems=True)
        self.assertEqual((named["recounted"], named["plaintext"]["files"]), (True, 1))
        anew = self.status("--recount", problems=True)
        self.assertEqual((anew["recounted"], anew["plaintext"]["files"], anew["total"]["files"]),
                         (True, 1, self.MANY + 2))
        self.assertFalse(self.status(problems=True)["recounted"])  # and what it found is not forgotten
        # Another store, of which nothing is known.
        os.remove(self.path("store/clear"))
        self.make_file("c.coffer", "next/1.sst", b"x")
        self.assertEqual(self.status()["recounted"], True)
        self.assertEqual(self.status()["total"]["files"], self.MANY + 3)

    def test_counts_that_are_gone_or_somebody_elses_are_no_good_news(self):
        self.make_many()
        self.write("store/clear", b"in clear")
        self.status(problems=True)
        good = self.read(self.COUNTS)
        os.remove(self.path(self.COUNTS))
        self.assertEqual(self.status(problems=True)["plaintext"]["files"], 1)
        os.remove(self.path("store/clear"))
        self.status("--recount")
        self.write(self.COUNTS, good.replace(b'"plaintext":[1,', b'"plaintext":[0,'))
        answer = self.status(problems=True)
        self.assertEqual((answer["counts_refused"]["code"], answer["recounted"]), ("tampered", True))
        self.assertIn("COUNTS OF FILES", self.problems("status", "c.coffer").out)
        self.done("plan", "c.coffer")
        self.status(problems=True)  # whoever else counts does not make it good
        self.status("--recount")
        self.assertEqual((self.status()["counts_refused"], self.status()["recounted"]), (None, False))


if __name__ == "__main__":
    main()
