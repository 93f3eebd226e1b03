"""Keys and coffers that are wrong in every way: each refusal is distinct, says what to do, and leaves no trace."""

import os
import re
import shutil
import subprocess
import unittest

from harness import CliTest, main


class RootKeys(CliTest):
    def test_the_wrong_root_key_is_told_apart_from_damage(self):
        self.make_coffer()
        self.make_key("other.key")
        root = ["--root", self.uri("other.key")]
        for words in (["status"], ["verify"], ["rewrap"], ["rotate", "root"], ["keyring", "show"], ["domain", "list"]):
            self.refused([*words, "c.coffer", *root], "wrong_key", "other.key", "--root URI")
        self.refused(["exec", "c.coffer", *root, "--", "true"], "wrong_key", "other.key")

    def test_other_bytes_under_the_right_key_id_are_the_wrong_key(self):
        self.make_coffer()
        key = bytearray(self.read("root.key"))
        key[-1] ^= 1
        self.write("root.key", bytes(key), 0o600)
        self.refused(["status", "c.coffer"], "wrong_key", "root.key")

    def test_a_missing_root_key_is_not_a_wrong_one(self):
        self.make_coffer()
        os.remove(self.path("root.key"))
        self.refused(["status", "c.coffer"], "key_unavailable", "root.key", "--root URI")
        self.refused(["init", "d.coffer", "--root", self.uri("root.key")], "not_found", "root.key")

    def test_a_root_key_that_others_may_read_is_refused(self):
        self.make_coffer()
        for mode in (0o640, 0o604, 0o660, 0o644):
            os.chmod(self.path("root.key"), mode)
            self.refused(["status", "c.coffer"], "permission_denied", "root.key")
            self.refused(["init", "d.coffer", "--root", self.uri("root.key")], "permission_denied", "root.key")

    def test_a_root_key_of_another_length_is_refused(self):
        for size in (0, 1, 15, 17, 31, 33, 47, 49, 63, 65, 100000):
            path = self.write(f"{size}.key", b"k" * size, 0o600)
            code = "invalid_argument" if size < 100000 else "limit_exceeded"
            self.refused(["init", "c.coffer", "--root", f"file://{path}"], code, f"{size}.key")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_an_unreadable_root_key_is_a_matter_of_permission(self):
        self.make_coffer()
        for name in ("c.coffer", "c.coffer/keyring", "c.coffer/coffer.yaml"):
            os.chown(self.path(name), 65534, 65534)
        self.refused(["status", "c.coffer"], "permission_denied", "root.key", user=65534, group=65534, extra_groups=[])

    def test_an_unknown_kind_of_root_key_is_refused(self):
        for uri in ("kmop://host/key", "root.key", "file:", ":", "file://host/key"):
            run = self.coffer("init", "c.coffer", "--root", uri)
            self.assertEqual(run.status, 2, run)
            self.assertFalse(os.path.exists(self.path("c.coffer")), uri)

    def test_a_directory_is_not_a_key_file(self):
        os.mkdir(self.path("directory"), 0o700)
        run = self.coffer("init", "c.coffer", "--root", self.uri("directory"))
        self.assertEqual(run.status, 2, run)
        self.assertIn("directory", run.err)

    def test_a_rotation_to_a_root_key_that_is_not_there_changes_nothing(self):
        self.make_coffer()
        to = ["--to", self.uri("nowhere.key")]
        self.refused(["rotate", "root", "c.coffer", *to], "not_found", "nowhere.key")


class Coffers(CliTest):
    def test_what_is_not_a_coffer_is_refused(self):
        os.mkdir(self.path("directory"))
        self.write("file", b"abc")
        for words in (["status"], ["verify"], ["rewrap"], ["rotate", "root"], ["keyring", "show"], ["domain", "list"]):
            self.refused([*words, "directory"], "not_found", "not a coffer", "coffer init")
            self.refused([*words, "nowhere"], "not_found", "nowhere")
            run = self.coffer(*words, "file")
            self.assertEqual(run.status, 2, run)

    def test_init_takes_no_directory_with_something_in_it_and_no_coffer(self):
        self.make_coffer()
        os.mkdir(self.path("directory"))
        self.write("directory/file", b"abc")
        root = ["--root", self.uri("root.key")]
        self.refused(["init", "directory", *root], "invalid_argument", "not empty")
        self.refused(["init", "c.coffer", *root], "already_exists", "c.coffer")
        self.refused(["init", "nowhere/c.coffer", *root], "not_found", "nowhere")

    def test_a_keyring_cut_at_any_length_is_refused(self):
        self.make_coffer()
        whole = self.read("c.coffer/keyring")
        for size in [0, 1, 7, 8, 9, 103, 104, 105, len(whole) // 2, len(whole) - 5, len(whole) - 4, len(whole) - 1]:
            self.write("c.coffer/keyring", whole[:size], 0o600)
            run = self.coffer("status", "c.coffer", "--json")
            self.assertEqual(run.status, 2, run)
            self.assertIn(run.error()["code"], ("truncated", "damaged"), f"{size}: {run}")
            self.assertIn("keyring", run.error()["message"])
        self.refused(["status", "c.coffer"], run.error()["code"], "keyring")
        self.write("c.coffer/keyring", whole, 0o600)
        self.done("status", "c.coffer")

    def test_a_keyring_with_a_flipped_bit_is_refused(self):
        self.make_coffer()
        whole = self.read("c.coffer/keyring")
        for offset in range(0, len(whole), 13):
            self.write("c.coffer/keyring", whole, 0o600)
            self.set_byte("c.coffer/keyring", offset)
            run = self.coffer("status", "c.coffer", "--json")
            self.assertEqual(run.status, 2, f"byte {offset}: {run}")

    def test_a_missing_keyring_is_named(self):
        self.make_coffer()
        os.remove(self.path("c.coffer/keyring"))
        self.refused(["status", "c.coffer"], "not_found", "keyring")

    def test_a_plain_file_in_place_of_the_keyring_is_named(self):
        self.make_coffer()
        self.write("c.coffer/keyring", b"not a keyring at all " * 50, 0o600)
        run = self.coffer("status", "c.coffer")
        self.assertEqual(run.status, 2, run)
        self.assertIn("keyring", run.err)

    def test_an_older_keyring_is_noticed_by_the_files_that_saw_a_newer_one(self):
        self.make_coffer()
        self.make_store()
        old = self.read("c.coffer/keyring")
        self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        self.write("c.coffer/keyring", old, 0o600)
        kinds = set(self.verified("c.coffer").values())
        self.assertEqual(kinds, {"missing key"})
        run = self.problems("verify", "c.coffer")
        self.assertIn("restore the newer keyring", run.out)
        self.refused(["cat", "c.coffer", "store/raw"], "key_unavailable", "store/raw")

    def test_an_older_keyring_is_noticed_at_once_where_there_is_an_anchor(self):
        self.make_coffer("c.coffer", "root.key", "--anchor", "anchor")
        old = self.read("c.coffer/keyring")
        self.done("rotate", "domain", "c.coffer", "system")
        self.write("c.coffer/keyring", old, 0o600)
        for words in (["status"], ["verify"], ["rewrap"], ["rotate", "root"], ["keyring", "show"]):
            self.refused([*words, "c.coffer"], "rolled_back", "keyring")

    def test_errors_in_coffer_yaml_name_the_file_the_line_and_the_key(self):
        self.make_coffer()
        identity = re.search(r"(coffer: .*\n)(keyring: .*\n)(roots:\n( .*\n)+)",
                             self.read("c.coffer/coffer.yaml").decode()).group(0)
        for text, part in (("version: 1\nciphr: aes-256-gcm\n", "unknown option \"ciphr\""),
                           ("version: 2\n", "version"), ("", "empty"), ("cipher: aes-256-gcm\n", "version is missing"),
                           ("version: 1\nreads: pread\nreads: pread\n", "reads is there twice"),
                           ("version: 1\nanchor: \"/a\\0b\"\n", "control character"),
                           ("version: 1\ndomains: [{name: x, path: /x}]\n", "coffer domain add"),
                           ("version: 1\nchunk_size: 1000\n", "chunk_size"),
                           ("version: 1\ncipher: rot13\n", "cipher"), ("version: [\n", "YAML"),
                           ("version: 1\ndata_files: log\n", "data_files"), ("version: 1\n", "keyring"),
                           ("version: 1\nkeyring: /k\n", "coffer"), ("version: 1\ncoffer: 12\n", "coffer's id"),
                           ("version: 1\nroots: {a b: {uri: x}}\n", "roots: a name has"),
                           ("version: 1\nroots: {a: {uri: /x, fingerprint: 12}}\n", "fingerprint: expected")):
            self.write("c.coffer/coffer.yaml", (text + (identity if "domains" in text else "")).encode())
            self.refused(["status", "c.coffer"], "invalid_argument", "coffer.yaml:", part)

    def test_a_coffer_that_was_moved_goes_on_working_when_it_is_told(self):
        self.make_coffer()
        contents = self.make_store()
        shutil.move(self.path("c.coffer"), self.path("moved.coffer"))
        self.refused(["rotate", "domain", "moved.coffer", "system"], "foreign", "moved.coffer",
                     f"keyring: {self.path('moved.coffer')}")
        self.edit("moved.coffer/coffer.yaml", self.path("c.coffer"), self.path("moved.coffer"))
        self.assertEqual(self.done("cat", "moved.coffer", "store/raw").bytes, contents["store/raw"])


@unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
class ReadOnly(CliTest):
    def test_a_coffer_that_may_only_be_read_can_be_read_and_is_not_changed(self):
        self.make_coffer()
        contents = self.make_store()
        subprocess.run(["chown", "-R", "65534:65534", self.directory], check=True)
        os.chmod(self.path("c.coffer"), 0o500)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        self.done("status", "c.coffer", **nobody)
        self.done("verify", "c.coffer", **nobody)
        self.done("keyring", "show", "c.coffer", **nobody)
        self.assertEqual(self.done("cat", "c.coffer", "store/raw", **nobody).bytes, contents["store/raw"])
        for words in ("rotate domain c.coffer system", "rotate root c.coffer", "domain add c.coffer x"):
            self.refused(words.split(), "permission_denied", "c.coffer", **nobody)


if __name__ == "__main__":
    main()
