"""Every command when all is well: what it answers, as text and as JSON, and what it leaves on disk."""

import os
import re
import shutil
import stat

from harness import BODY_OFFSET, WRITE_STORE_FILE, CliTest, columns, main

EXAMPLE_KEY_COMMAND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/exec_provider.py")


class Keygen(CliTest):
    def test_a_raw_key_file_is_a_key_id_and_a_key_that_only_its_owner_may_read(self):
        for bits in (128, 192, 256):
            run = self.done("keygen", f"{bits}.key", "--bits", str(bits))
            self.assertIn(f"{bits} bits", run.out)
            self.assertEqual(len(self.read(f"{bits}.key")), 32 + bits // 8)
            self.assertEqual(stat.S_IMODE(os.stat(self.path(f"{bits}.key")).st_mode), 0o600)

    def test_a_jwk_file_locks_a_coffer_too(self):
        self.make_key("root.jwk", "--format", "jwk")
        self.make_coffer("c.coffer", "root.jwk")
        self.done("status", "c.coffer")

    def test_json_names_the_file_and_the_key_id_but_not_the_key(self):
        answer = self.done("keygen", "root.key", "--json").json()
        self.assertEqual(answer["file"], self.path("root.key"))
        self.assertEqual(answer["bits"], 256)
        key = self.read("root.key")
        self.assertEqual(answer["key_id"], key[:32].hex())
        self.assertNotIn(key[32:].hex(), str(answer))

    def test_a_file_is_replaced_only_when_asked(self):
        self.make_key()
        before = self.read("root.key")
        self.refused(["keygen", "root.key"], "already_exists", "root.key", "--overwrite")
        self.done("keygen", "root.key", "--overwrite")
        self.assertNotEqual(self.read("root.key"), before)

    def test_two_keys_differ(self):
        self.make_key("a.key")
        self.make_key("b.key")
        self.assertNotEqual(self.read("a.key"), self.read("b.key"))


class Init(CliTest):
    def test_it_makes_a_directory_for_its_owner_with_a_configuration_and_a_keyring(self):
        self.make_key()
        run = self.done("init", "c.coffer", "--root", self.uri("root.key"))
        self.assertIn(self.path("c.coffer"), run.out)
        self.assertIn("keep a copy of the root key", run.err)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("c.coffer")).st_mode), 0o700)
        self.assertLessEqual({"coffer.yaml", "keyring"}, set(os.listdir(self.path("c.coffer"))))

    def test_json_holds_the_coffers_id_and_its_root_key(self):
        self.make_key()
        answer = self.done("init", "c.coffer", "--root", self.uri("root.key"), "--json").json()
        self.assertEqual(len(answer["id"]), 32)
        self.assertIn("root.key", answer["root"]["uri"])

    def test_every_option_reaches_coffer_yaml_and_status(self):
        self.make_coffer("c.coffer", "root.key", "--cipher", "chacha20-poly1305", "--ctr-cipher", "aes-128-ctr",
                         "--chunk-size", "16384", "--data-files", "ctr", "--log-files", "ctr", "--reads", "mapping",
                         "--anchor", "anchor")
        config = self.done("status", "c.coffer", "--json").json()["config"]
        self.assertEqual(config, {"crypto": None, "cipher": "chacha20-poly1305", "ctr_cipher": "aes-128-ctr",
                                  "chunk_size": 16384, "page_size": 4096, "data_files": "ctr", "log_files": "ctr",
                                  "reads": "mapping", "anchor": self.path("anchor"), "freshness": False, "domains": [],
                                  "mariadb_keys": {}, "mounted_files": []})

    def test_an_empty_directory_will_do(self):
        os.mkdir(self.path("c.coffer"))
        self.make_coffer()
        self.done("status", "c.coffer")


class Status(CliTest):
    def test_a_new_coffer_has_one_domain_one_key_and_no_files(self):
        self.make_coffer()
        run = self.done("status", "c.coffer")
        rows = columns(run.out, "DOMAIN")
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0][:2], ["system", "1"])
        self.assertIn("active", rows[0])
        self.assertIn("no encrypted files yet", run.out)
        self.assertIn("root.key", run.out)

    def test_it_counts_files_bytes_and_shares_per_key(self):
        self.make_coffer()
        contents = self.make_store()
        answer = self.done("status", "c.coffer", "--json").json()
        self.assertEqual(answer["total"]["files"], 3)
        self.assertGreater(answer["total"]["bytes"], sum(len(data) for data in contents.values()) + 3 * BODY_OFFSET)
        self.assertEqual(answer["active"], answer["total"])
        self.assertEqual(answer["active_percent"], 100.0)
        self.assertEqual([store["path"] for store in answer["stores"]], [self.path("store")])
        self.assertEqual(answer["domains"][0]["keys"][0]["files"], 3)

    def test_after_a_rotation_old_files_count_under_the_old_key(self):
        self.make_coffer()
        self.make_store()
        self.done("rotate", "domain", "c.coffer", "system")
        self.make_file("c.coffer", "store/new.sst", b"x" * 100000)
        run = self.done("status", "c.coffer")
        rows = columns(run.out, "DOMAIN")
        self.assertEqual([row[0] for row in rows], ["system", "1"])  # newest first; the name stands once
        self.assertEqual(rows[0][1], "2")
        self.assertIn("deactivated", rows[1])
        self.assertIn("coffer rewrap", run.err)
        self.assertEqual(self.active_share(), (1, 4))

    def test_paths_narrow_it_to_a_store_or_a_file(self):
        self.make_coffer()
        self.make_store()
        self.make_file("c.coffer", "other/data.sst", b"x")
        answer = self.done("status", "c.coffer", "store/raw", "other", "--json").json()
        self.assertEqual(answer["total"]["files"], 2)

    def test_a_store_that_is_gone_is_said_to_be_missing(self):
        self.make_coffer()
        self.make_store()
        os.rename(self.path("store"), self.path("elsewhere"))
        self.assertIn("(MISSING: its directory is gone", self.problems("status", "c.coffer").out)
        self.assertTrue(self.problems("status", "c.coffer", "--json").json()["stores"][0]["missing"])
        self.assertEqual(self.verified("c.coffer"), {"store": "missing"})
        os.mkdir(self.path("store"))  # as where a disk is not mounted
        self.assertIn("(EMPTY: ", self.problems("status", "c.coffer").out)
        self.assertTrue(self.problems("status", "c.coffer", "--json").json()["stores"][0]["empty"])
        self.assertEqual(self.verified("c.coffer"), {"store": "missing"})
        os.rmdir(self.path("store"))
        os.rename(self.path("elsewhere"), self.path("store"))
        self.assertEqual(self.verified("c.coffer"), {})

    def test_plaintext_unreadable_and_unknown_files_are_counted_and_make_it_exit_with_1(self):
        self.make_coffer()
        self.make_store()
        self.make_coffer("other.coffer", "other.key")
        self.make_file("other.coffer", "foreign/file.sst", b"abc")
        os.rename(self.path("foreign/file.sst"), self.path("store/foreign.sst"))
        self.write("store/notes.txt", b"plain text " * 2000)
        self.set_byte("store/raw", 100)
        self.set_byte("store/raw", 4096 + 100)
        run = self.problems("status", "c.coffer")
        for part in ("PLAINTEXT: 1 file", "UNREADABLE: 1 file", "UNKNOWN KEY: 1 file"):
            self.assertIn(part, run.out)
        answer = self.problems("status", "c.coffer", "--json").json()
        self.assertEqual([answer[kind]["files"] for kind in ("plaintext", "unreadable", "unknown_key")], [1, 1, 1])

    def test_a_keyring_that_was_replaced_meanwhile_and_cannot_be_taken_up_is_said_with_1(self):
        # The key command puts the damaged keyring there: status has read the good one by then.
        example, keys = self.path("example"), self.path("keys.json")
        shutil.copy(EXAMPLE_KEY_COMMAND, example)
        self.assertEqual(self.run_program([example, keys, "add", "app"]).status, 0)
        swap = f'mv -f "{self.path("next")}" "{self.path("c.coffer/keyring")}" 2>&-'
        script = f'#!/bin/sh\n"{example}" "$@" || exit\n{swap}\nexit 0\n'
        command = self.write("coffer-exec-swap", script.encode(), 0o700)
        self.done("init", "c.coffer", "--root", f"exec:{command}/app?arg1={keys}")
        good = self.read("c.coffer/keyring")
        self.assertIsNone(self.done("status", "c.coffer", "--json").json()["keyring_refresh"])
        for words in ([], ["--json"]):
            self.write("c.coffer/keyring", good, 0o600)
            self.write("next", good[:-1] + bytes([good[-1] ^ 1]), 0o600)
            run = self.problems("status", "c.coffer", *words)
            if words:
                self.assertEqual(run.json()["keyring_refresh"]["code"], "damaged")
            else:
                self.assertIn("CANNOT BE TAKEN UP as it is stored now: damaged", run.out)

    def test_a_file_name_cannot_move_the_readers_cursor(self):
        self.make_coffer()
        name = self.make_file("c.coffer", "store/fi\x1b[2Jle.sst", b"abc")
        self.write(name, self.read(name)[:-1])
        run = self.problems("verify", "c.coffer")
        self.assertNotIn("\x1b", run.out + run.err)
        self.assertIn("fi\\x1b[2Jle", run.out)

    def test_a_path_that_is_not_utf8_does_not_break_json(self):
        self.make_coffer()
        os.makedirs(os.fsencode(self.path("st")) + b"\xff")
        self.run_program([WRITE_STORE_FILE, self.path("c.coffer"),
                          os.fsencode(self.path("st")) + b"\xff/file", "blocks"])
        self.assertEqual(self.done("status", "c.coffer", "--json").json()["total"]["files"], 1)


class Rotate(CliTest):
    def test_rotating_the_root_key_in_place_keeps_everything_readable(self):
        self.make_coffer()
        contents = self.make_store()
        before = self.read("c.coffer/keyring")
        answer = self.done("rotate", "root", "c.coffer", "--json").json()
        self.assertNotEqual(self.read("c.coffer/keyring"), before)
        self.assertEqual(answer["keyring_version"], 3)
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertEqual(self.done("cat", "c.coffer", "store/raw").bytes, contents["store/raw"])

    def test_after_rotating_to_another_root_key_the_first_one_is_not_needed(self):
        self.make_coffer()
        self.make_store()
        self.make_key("second.key")
        run = self.done("rotate", "root", "c.coffer", "--to", self.uri("second.key"))
        self.assertIn("second.key", run.out)
        os.remove(self.path("root.key"))
        self.assertEqual(self.verified("c.coffer"), {})

    def test_rotating_a_domain_with_rewrap_brings_its_files_along(self):
        self.make_coffer()
        self.make_store()
        run = self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        self.assertIn("domain system: key 2", run.out)
        self.assertIn("rewrapped 3 files", run.out)
        self.assertEqual(self.active_share(), (3, 3))

    def test_rotating_a_domain_says_its_new_key(self):
        self.make_coffer()
        answer = self.done("rotate", "domain", "c.coffer", "system", "--rewrap", "--json").json()
        self.assertEqual(answer["domain"], "system")
        self.assertEqual(answer["key"]["version"], 2)
        self.assertEqual(answer["rewrap"]["problems"], [])

    def test_the_root_key_may_be_found_at_another_place(self):
        self.make_coffer()
        os.rename(self.path("root.key"), self.path("moved.key"))
        self.refused(["status", "c.coffer"], "key_unavailable", "root.key", "--root URI")
        root = ["--root", self.uri("moved.key")]
        for words in (["status"], ["keyring", "show"], ["verify"], ["rewrap"], ["domain", "list"], ["rotate", "root"]):
            self.done(*words, "c.coffer", *root)
        self.edit("c.coffer/coffer.yaml", "root.key", "moved.key")
        self.done("status", "c.coffer")


class Rewrap(CliTest):
    def test_it_changes_headers_only_and_is_repeatable(self):
        self.make_coffer()
        contents = self.make_store()
        bodies = {name: self.read(name)[BODY_OFFSET:] for name in contents}
        self.done("rotate", "domain", "c.coffer", "system")
        self.assertEqual(self.active_share(), (0, 3))
        answer = self.done("rewrap", "c.coffer", "--json").json()
        self.assertEqual((answer["files"], answer["rewrapped"], answer["current"]), (3, 3, 0))
        self.assertEqual(self.active_share(), (3, 3))
        self.assertEqual({name: self.read(name)[BODY_OFFSET:] for name in contents}, bodies)
        self.assertIn(", 3 already under the active key", self.done("rewrap", "c.coffer").out)
        self.assertEqual(self.verified("c.coffer"), {})

    def test_it_can_be_narrowed_to_a_domain_and_to_paths(self):
        self.make_coffer()
        self.done("domain", "add", "c.coffer", "tenant")
        self.make_file("c.coffer", "store/a", b"a")
        self.make_file("c.coffer", "store/b", b"b", "blocks", "--domain", "tenant")
        for name in ("system", "tenant"):
            self.done("rotate", "domain", "c.coffer", name)
        self.assertEqual(self.done("rewrap", "c.coffer", "--domain", "tenant", "--json").json()["rewrapped"], 1)
        self.assertEqual(self.active_share(), (1, 2))
        self.assertEqual(self.done("rewrap", "c.coffer", "store/a", "--json").json()["rewrapped"], 1)
        self.assertEqual(self.active_share(), (2, 2))

    def test_it_names_the_files_it_could_not_bring_along(self):
        self.make_coffer()
        self.make_store()
        self.write("store/notes.txt", b"plain text " * 2000)
        self.done("rotate", "domain", "c.coffer", "system")
        run = self.problems("rewrap", "c.coffer")
        self.assertIn(f"{self.path('store/notes.txt')}: plaintext: ", run.out)
        self.assertIn("rewrapped 3 files", run.out)
        self.assertIn("1 problem", run.out)


class Verify(CliTest):
    def test_it_reads_every_file_of_every_store(self):
        self.make_coffer()
        self.make_store()
        self.make_file("c.coffer", "other/data.sst", b"x")
        run = self.done("verify", "c.coffer")
        self.assertIn("in 4 files, ", run.out)

    def test_an_empty_coffer_has_nothing_wrong(self):
        self.make_coffer()
        self.assertIn("in 0 files", self.done("verify", "c.coffer").out)

    def test_what_a_crash_leaves_is_a_note_not_a_problem(self):
        self.make_coffer()
        self.make_file("c.coffer", "store/open.log", b"abc" * 1000, "log", "--pieces", "3", "--unclosed")
        self.make_file("c.coffer", "store/torn.log", b"abc" * 1000, "log", "--pieces", "3", "--unclosed")
        self.shrink("store/torn.log", os.path.getsize(self.path("store/torn.log")) - 5)
        self.make_file("c.coffer", "store/open.ctr", b"abc" * 1000, "ctr", "--unclosed")
        self.write("store/empty", b"")
        self.write("store/begun", b"\0" * 5000)
        run = self.done("verify", "c.coffer")
        self.assertIn("open.log: note: not closed", run.out)
        self.assertIn("torn.log: note: ", run.out)
        self.assertIn("torn off", run.out)
        self.assertIn("open.ctr: note: ctr, not closed", run.out)
        self.assertIn("(2 empty)", run.out)
        self.assertEqual(len(self.done("verify", "c.coffer", "--json").json()["notes"]), 3)


class PagesFiles(CliTest):
    """Files that are changed in place, one that was closed and one as a crash leaves it."""

    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.contents = {name: os.urandom(20000) for name in ("store/closed", "store/open")}
        self.make_file("c.coffer", "store/closed", self.contents["store/closed"], "pages")
        self.make_file("c.coffer", "store/open", self.contents["store/open"], "pages", "--unclosed")

    def read_all(self):
        return {name: self.done("cat", "c.coffer", name).bytes for name in self.contents}

    def test_they_are_shown_without_a_key_and_counted(self):
        for name in self.contents:
            shown = self.done("inspect", name, "--json").json()
            self.assertEqual((shown["kind"], shown["cipher"], shown["chunk_size"], shown["plaintext_size"]),
                             ("pages", "xaes-256-gcm", 4096, 20000))
        self.assertIn("in 2 files, ", self.done("verify", "c.coffer").out)
        self.assertIn("in 2 files under active keys", self.done("status", "c.coffer").out)

    def test_they_are_rewrapped_and_read_the_same(self):
        self.done("rotate", "domain", "c.coffer", "system")
        self.assertIn("rewrapped 2 files", self.done("rewrap", "c.coffer").out)
        self.assertEqual(self.done("inspect", "store/open", "--json").json()["domain_key_version"], 2)
        self.assertEqual(self.read_all(), self.contents)

    def test_what_is_altered_or_cut_is_a_problem(self):
        whole = os.path.getsize(self.path("store/closed"))
        with open(self.path("store/closed"), "r+b") as file:
            file.seek(-10, os.SEEK_END)
            byte = file.read(1)[0]
            file.seek(-10, os.SEEK_END)
            file.write(bytes([byte ^ 1]))
        self.assertIn("closed: tampered: ", self.problems("verify", "c.coffer").out)
        self.shrink("store/closed", whole - 1)
        self.assertIn("closed: truncated: ", self.problems("verify", "c.coffer").out)

    def test_a_re_encryption_makes_them_anew(self):
        self.make_file("c.coffer", "store/data.sst", b"data")
        self.done("rotate", "domain", "c.coffer", "system")
        report = self.done("reencrypt", "c.coffer", "--json").json()
        self.assertEqual((report["reencrypted"], report["files_left"]), (3, 0))
        self.done("key", "compromise", "c.coffer", "system:2")
        applied = self.done("plan", "c.coffer", "--apply", "--json").json()
        self.assertEqual((applied["reencrypted"][0]["files"], applied["problems"]), (3, []))
        for name in self.contents:
            self.assertEqual(self.done("inspect", name, "--json").json()["oldest_key_version"], 3)
        self.assertEqual(self.read_all(), self.contents)


class Cat(CliTest):
    def test_it_returns_what_was_written_at_every_size(self):
        self.make_coffer()
        chunk = 1024
        for kind in ("blocks", "log", "ctr", "pages"):
            for size in (0, 1, 15, 16, 17, chunk - 1, chunk, chunk + 1, 3 * chunk, (1 << 20) + 1):
                data = os.urandom(size)
                name = self.make_file("c.coffer", f"store/{kind}-{size}", data, kind, "--chunk-log2", "10")
                self.assertEqual(self.done("cat", "c.coffer", name).bytes, data, name)

    def test_a_file_for_the_output_is_made_for_its_owner_only(self):
        self.make_coffer()
        contents = self.make_store()
        answer = self.done("cat", "c.coffer", "store/data.sst", "-o", "plain", "--json").json()
        self.assertEqual(answer["bytes"], len(contents["store/data.sst"]))
        self.assertEqual(self.read("plain"), contents["store/data.sst"])
        self.assertEqual(stat.S_IMODE(os.stat(self.path("plain")).st_mode), 0o600)
        self.refused(["cat", "c.coffer", "store/data.sst", "-o", "plain"], "already_exists", "plain")

    def test_with_json_the_findings_go_beside_the_payload(self):
        self.make_coffer()
        contents = self.make_store()
        run = self.done("cat", "c.coffer", "store/events.log", "--json")
        self.assertEqual(run.bytes, contents["store/events.log"])
        self.assertIn('"closed":true', run.err)

    def test_an_unclosed_ctr_file_needs_consent(self):
        self.make_coffer()
        self.make_file("c.coffer", "store/open", b"abc", "ctr", "--unclosed")
        self.refused(["cat", "c.coffer", "store/open"], "unsupported", "--allow-unauthenticated")
        run = self.done("cat", "c.coffer", "store/open", "--allow-unauthenticated")
        self.assertEqual(run.bytes, b"abc")
        self.assertIn("nothing proves", run.err)


class Inspect(CliTest):
    def test_a_files_header_is_shown_without_any_key(self):
        self.make_coffer()
        self.make_store()
        os.remove(self.path("root.key"))
        keys = {"kind", "cipher", "file_id", "store_id", "domain_key_id", "domain_key_version", "oldest_key_version",
                "newest_key_version", "keyring_version", "sequence", "slot_a", "slot_b", "wrapped_file_key",
                "file_size"}
        for name, more in (("data.sst", {"chunk_size", "plaintext_size"}), ("events.log", set()),
                           ("raw", {"closed", "body_size", "body_mac", "plaintext_size"})):
            answer = self.done("inspect", f"store/{name}", "--json").json()
            self.assertLessEqual(keys | more, set(answer), name)
            self.assertIn(answer["file_id"], self.done("inspect", f"store/{name}").out)
        self.assertEqual(self.done("inspect", "store/data.sst", "--json").json()["plaintext_size"], 20000)

    def test_a_keyrings_header_is_shown_without_any_key(self):
        self.make_coffer()
        answer = self.done("inspect", "c.coffer/keyring", "--json").json()
        self.assertEqual(answer["keyring_version"], 1)
        self.assertIn("root.key", answer["slots"][0]["root_key"])
        os.remove(self.path("root.key"))
        self.assertIn("root.key", self.done("inspect", "c.coffer/keyring").out)

    def test_a_file_that_was_never_written_is_said_to_be_so(self):
        self.write("empty", b"")
        self.assertEqual(self.done("inspect", "empty", "--json").json()["type"], "never written")


class KeyringShow(CliTest):
    def test_it_shows_slots_domains_keys_and_stores_with_their_times(self):
        self.make_coffer()
        self.make_store()
        self.done("rotate", "domain", "c.coffer", "system")
        answer = self.done("keyring", "show", "c.coffer", "--json").json()
        self.assertEqual(answer["version"], 3)
        states = [key["state"] for key in answer["domains"][0]["keys"]]
        self.assertEqual(states, ["deactivated", "active"])
        self.assertGreater(answer["domains"][0]["keys"][0]["deactivated"], 0)
        self.assertEqual(answer["stores"][0]["path"], self.path("store"))
        text = self.done("keyring", "show", "c.coffer").out
        for part in ("root.key", "deactivated", self.path("store"), "SLOT", "DOMAIN", "STORE"):
            self.assertIn(part, text)


class Domains(CliTest):
    def test_a_domain_is_added_with_an_active_key(self):
        self.make_coffer()
        self.assertIn("domain tenant: key 1", self.done("domain", "add", "c.coffer", "tenant").out)
        answer = self.done("domain", "list", "c.coffer", "--json").json()
        self.assertEqual([domain["name"] for domain in answer["domains"]], ["system", "tenant"])
        self.assertIn("tenant", self.done("domain", "list", "c.coffer").out)

    def test_a_path_goes_into_coffer_yaml_and_leaves_the_rest_as_it_was(self):
        self.make_coffer()
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("# my own words\n")
        before = self.read("c.coffer/coffer.yaml").decode()
        self.done("domain", "add", "c.coffer", "one", "--path", "store/one")
        self.done("domain", "add", "c.coffer", "two", "--path", self.path("store/two/"))
        after = self.read("c.coffer/coffer.yaml").decode()
        self.assertEqual([line for line in before.splitlines() if line not in after], [])
        domains = self.done("status", "c.coffer", "--json").json()["config"]["domains"]
        self.assertEqual({entry["name"]: entry["path"] for entry in domains},
                         {"one": self.path("store/one"), "two": self.path("store/two")})

    def test_a_domain_that_is_configured_first_can_be_made_afterwards(self):
        self.make_coffer()
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write(f"domains:\n  - {{name: one, path: {self.path('store/one')}}}\n")
        self.refused(["status", "c.coffer"], "invalid_argument", 'no domain "one"', "coffer domain add")
        self.done("domain", "add", "c.coffer", "one")
        self.done("status", "c.coffer")

    def test_a_path_with_a_control_character_is_refused(self):
        self.make_coffer()
        self.refused(["domain", "add", "c.coffer", "one", "--path", "a\nb"], "invalid_argument", "control character")
        self.refused(["init", "d.coffer", "--root", self.uri("root.key"), "--anchor", "a\tb"], "invalid_argument",
                     "anchor", "control character")
        # A line's end would come back from YAML as a blank.
        self.refused(["init", "d.coffer", "--root", self.uri("root.key"), "--anchor", "a\nb"], "invalid_argument",
                     "anchor", "control character")
        self.refused(["init", "d\n.coffer", "--root", self.uri("root.key")], "invalid_argument", "COFFER",
                     "control character")
        self.assertFalse(os.path.exists(self.path("a\nb")) or os.path.exists(self.path("d\n.coffer")))

    def test_a_configuration_laid_out_otherwise_is_not_touched(self):
        self.make_coffer()
        coffer, keyring, name, uri = re.search(r"coffer: (\S+)\nkeyring: (\S+)\nroots:\n  (\S+):\n    uri: (\S+)",
                                               self.read("c.coffer/coffer.yaml").decode()).groups()
        self.write("c.coffer/coffer.yaml", (f"{{version: 1, cipher: aes-128-gcm, coffer: {coffer}, keyring: {keyring}, "
                                            f"roots: {{{name}: {{uri: {uri}}}}}}}\n").encode())
        self.refused(["domain", "add", "c.coffer", "one", "--path", "store/one"], "unsupported", "coffer.yaml", "one")

    def test_names_and_paths_are_given_once(self):
        self.make_coffer()
        self.done("domain", "add", "c.coffer", "one", "--path", "store/one")
        self.refused(["domain", "add", "c.coffer", "one"], "already_exists", "one")
        self.refused(["domain", "add", "c.coffer", "two", "--path", "store/one"], "already_exists", "store/one")
        self.refused(["domain", "add", "c.coffer", "No Good"], "invalid_argument", "No Good")


if __name__ == "__main__":
    main()
