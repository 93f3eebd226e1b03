"""`coffer scan`: nothing that must not be there, and what is said of what is."""

import base64
import os
import shutil

from harness import CliTest, main

CANARY = "a canary that nothing compresses, 4929-1234"


class ScanTest(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.write("canaries", f"{CANARY}\nhex:00ff10a17f0a0d0141\n".encode(), 0o600)

    def scanned(self, *words, status=0):
        run = self.coffer("scan", "c.coffer", *words, "--json")
        self.assertEqual(run.status, status, run)
        return run.json()

    def hits(self, *words):
        return {(os.path.relpath(self.path(hit["path"]), self.directory), hit["what"], hit["form"])
                for hit in self.scanned(*words, status=1)["hits"]}

    def test_what_is_written_under_a_coffer_holds_neither_plaintext_nor_keys(self):
        for kind in ("blocks", "log", "ctr"):
            self.make_file("c.coffer", f"store/{kind}", CANARY.encode() * 500, kind)
        answer = self.scanned("--canaries", "canaries", "--file-keys")
        self.assertEqual(answer["hits"], [])
        # Two canaries, domain key, keyring key, audit key, root key, three files.
        self.assertEqual((answer["secrets"], answer["files"] >= 5, answer["unread"]), (9, True, []))
        self.assertEqual(answer["not_searched_for"], [])
        self.assertIn("nothing found", self.done("scan", "c.coffer").out)

    def test_a_database_written_through_exec_holds_nothing_and_one_written_plain_does(self):
        if shutil.which("ldb") is None or os.environ.get("COFFER_SANITIZE"):
            self.skipTest("needs an unmodified RocksDB tool")
        put = ["ldb", "--compression_type=no", "--create_if_missing"]
        self.done("exec", "c.coffer", "--", *put, "--db=sealed", "put", "k", CANARY)
        self.assertEqual(self.run_program([*put, "--db=plain", "put", "k", CANARY]).status, 0)
        self.assertEqual(self.scanned("sealed", "c.coffer", "--canaries", "canaries")["hits"], [])
        found = self.hits("sealed", "plain", "--canaries", "canaries")
        self.assertTrue(found and all(path.startswith("plain/") for path, _, _ in found), found)

    def test_a_finding_says_what_and_where_and_nothing_of_the_secret(self):
        key = self.read("root.key")[32:]
        self.write("log", b"x" * 100 + CANARY.encode() + b"\n" + CANARY.encode().hex().encode())
        self.write("notes", b"root: " + base64.urlsafe_b64encode(key))
        self.write("core", os.urandom(4321) + key)
        run = self.problems("scan", "c.coffer", "log", "notes", "core", "--canaries", "canaries")
        self.assertEqual(run.out.splitlines()[:4],
                         ['core: root key "root-1" as it is, at byte 4321',
                          'log: canary "line 1" as it is, at byte 100',
                          'log: canary "line 1" in hexadecimal, at byte 144',
                          'notes: root key "root-1" in base64, at byte 6'])
        self.assertNotIn(CANARY, run.out + run.err)
        hit, = self.scanned("core", status=1)["hits"]
        self.assertEqual(hit, {"path": "core", "offset": 4321, "count": 1, "form": "as_is", "what": "root key",
                               "name": "root-1"})

    def test_a_root_key_that_coffer_yaml_does_not_have_is_named(self):
        old = self.make_key("old.key")
        self.write("dump", self.read("old.key")[32:])
        self.assertEqual(self.scanned("dump")["hits"], [])
        self.assertEqual(self.hits("dump", "--root-key", old), {("dump", "root key", "as_is")})

    def test_the_root_keys_own_file_is_a_finding_and_the_file_of_canaries_is_not_searched(self):
        self.assertEqual(self.hits(self.directory, "--canaries", "canaries"), {("root.key", "root key", "as_is")})

    def test_what_cannot_be_read_is_listed_and_the_rest_is_searched(self):
        os.mkdir(self.path("logs"))
        os.mkfifo(self.path("logs", "pipe"))
        self.write("logs/log", CANARY.encode())
        run = self.coffer("scan", "c.coffer", "gone", "logs", "--canaries", "canaries")
        self.assertEqual(run.status, 2, run)
        self.assertIn("gone: not read: No such file or directory\n", run.out)
        self.assertIn("logs/log: canary", run.out)
        self.assertIn("1 special file not read", run.out)
        self.assertIn("coffer: 1 path could not be read, gone first", run.err)
        as_json = self.coffer("scan", "c.coffer", "gone", "--json")
        self.assertEqual((as_json.json()["unread"][0]["code"], as_json.error()["code"]), ("not_found", "not_found"))

    def test_canaries_that_others_may_read_or_that_cannot_be_searched_for_are_refused(self):
        os.chmod(self.path("canaries"), 0o644)
        self.refused(["scan", "c.coffer", "--canaries", "canaries"], "permission_denied", "chmod 600")
        self.write("canaries", b"good enough\nshort\n", 0o600)
        said = self.refused(["scan", "c.coffer", "--canaries", "canaries"], "invalid_argument", "canaries: line 2")
        self.assertNotIn("short", said.err)
        self.refused(["scan", "c.coffer", "--root-key", "canaries"], "invalid_argument", "canaries")


if __name__ == "__main__":
    main()
