"""`coffer backup`: files at rest kept in a directory, whatever becomes of that, of the keys, and of the commands."""

import os

from harness import CliTest, main
from keeper import add_target

BACKUP_MARKER = "coffer-backups"


class BackingUp(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer("a.coffer", "a.key")
        self.make_key("safe.key")
        self.target = "./target"

    def create(self, *words, paths=("store",), coffer="a.coffer"):
        recipients = ("--recipient", self.uri("a.key"), "--recipient", self.uri("safe.key"))
        return ["backup", "create", coffer, self.target, *paths, *recipients, *words]

    def made(self, *words, **options):
        return self.done(*self.create(*words, **options), "--json").json()

    def restore(self, directory, *words, coffer="a.coffer", backup="latest"):
        return ["backup", "restore", coffer, self.target, backup, directory, *words]

    def listed(self):
        run = self.coffer("backup", "list", "a.coffer", "--json")
        return {row["id"]: row["state"] for row in run.json()["backups"]}

    def expect_contents(self, coffer, directory, contents):
        for name, data in contents.items():
            self.assertEqual(self.done("cat", coffer, name.replace("store", directory, 1)).bytes, data, name)

    def target_files(self):
        return [os.path.relpath(os.path.join(folder, name), self.directory)
                for folder, _, names in os.walk(self.path("target")) for name in names]


class Commands(BackingUp):
    def test_a_store_is_backed_up_verified_restored_and_forgotten(self):
        contents = self.make_store("a.coffer")
        first = self.made()
        self.assertEqual((first["files"], first["there_already"]), (3, 0))
        self.assertEqual(len(first["recipients"]), 2)
        self.assertEqual(self.made()["bytes"], 0, "nothing has changed")
        self.assertEqual(list(self.listed().values()), ["whole", "whole"])
        self.done("backup", "verify", "./target")
        self.done("backup", "verify", "./target", "latest", "--coffer", "a.coffer")
        self.done(*self.restore("new"))
        self.expect_contents("a.coffer", "new", contents)
        self.assertEqual(self.verified("a.coffer"), {})
        self.done("backup", "forget", "a.coffer", *self.listed())
        self.assertEqual(self.listed(), {})
        self.assertEqual([os.path.basename(name) for name in self.target_files()], [BACKUP_MARKER])

    def test_another_coffer_restores_it_by_a_key_of_its_own(self):
        contents = self.make_store("a.coffer")
        made = self.made()
        os.rename(self.path("a.coffer"), self.path("gone"))
        os.remove(self.path("a.key"))
        self.make_coffer("b.coffer", "b.key")
        by_id = {"coffer": "b.coffer", "backup": made["id"]}
        words = ("--open-with", self.uri("safe.key"))
        self.refused(self.restore("new", *words, **by_id), "permission_denied", "--signed-by " + made["signed_by"])
        self.refused(self.restore("new", *words, "--signed-by", "00" * 32, **by_id), "permission_denied", "not by")
        self.refused(self.restore("new", *words, "--signed-by", "xyz", **by_id), "invalid_argument", "64 hexadecimal")
        self.refused(self.restore("new", "--open-with", self.uri("b.key"), "--signed-by", made["signed_by"], **by_id),
                     "wrong_key", "recipient")
        words = (*words, "--signed-by", made["signed_by"])
        self.done(*self.restore("new", *words, coffer="b.coffer"))
        self.expect_contents("b.coffer", "new", contents)
        self.done(*self.restore("plain", *words, "--plaintext", coffer="b.coffer"))
        for name, data in contents.items():
            self.assertEqual(self.read(name.replace("store", "plain", 1)), data)

    def test_a_command_keeps_it_as_a_directory_does(self):
        contents = self.make_store("a.coffer")
        add_target(self, "a.coffer", "offsite")
        self.target = "offsite"
        self.made()
        self.assertEqual(self.made()["bytes"], 0)
        self.done("backup", "verify", "offsite", "--coffer", "a.coffer")
        self.done(*self.restore("new"))
        self.expect_contents("a.coffer", "new", contents)
        self.done(*self.restore("plain", "--plaintext"))
        self.assertEqual(self.read("plain/data.sst"), contents["store/data.sst"])
        self.assertEqual(os.listdir(self.path("scratch")), [])
        # What it keeps is what a directory would.
        self.done("backup", "verify", "./kept")
        self.done("backup", "forget", "a.coffer", *self.listed())
        self.assertEqual(self.listed(), {})

    def test_wrong_words_change_nothing(self):
        self.make_store("a.coffer")
        self.refused(["backup", "create", "a.coffer", self.target], "invalid_argument", "PATH")
        self.refused(["backup", "create", "a.coffer", "nowhere", "store"], "invalid_argument", "backup_targets")
        self.refused(self.create(paths=("none",)), "not_found", "none")
        self.refused(self.restore("new"), "not_found", "no whole backup")
        self.refused(["backup", "verify", "./target"], "not_found", "no backup")
        self.write("store/000009.sst", b"never encrypted" * 1000)
        self.refused(self.create(), "plaintext", "000009.sst")
        os.remove(self.path("store/000009.sst"))
        backup = self.made()["id"]
        self.refused(self.restore("new", backup="5"), "invalid_argument", "32 hexadecimal")
        self.refused(self.restore("new", backup="00" * 16), "not_found", "no backup")
        self.refused(self.restore("store"), "already_exists", "not empty")
        self.refused(self.restore("new", "--domain", "none"), "not_found", "none")
        self.refused(self.restore("new", "--domain", "system", "--plaintext"), "invalid_argument", "give one")
        self.refused(self.restore("store/plain", "--plaintext"), "invalid_argument", "in clear")
        self.refused(["backup", "verify", "./target", "latest"], "invalid_argument", "--coffer")
        self.done("domain", "add", "a.coffer", "t")
        self.refused(["backup", "verify", "./target", backup, "--signed-by", "11" * 32], "permission_denied",
                     "signed by")
        self.make_coffer("b.coffer", "b.key")
        self.make_file("b.coffer", "theirs/x", b"x")
        self.refused(["backup", "create", "b.coffer", self.target, "theirs", "--recipient", self.uri("b.key"),
                      "--recipient", self.uri("safe.key")], "foreign", "has backups of coffer")

    def test_damage_is_found_with_and_without_a_key(self):
        self.make_store("a.coffer")
        self.made()
        for name in self.target_files():
            if os.path.basename(name) == BACKUP_MARKER:
                continue
            middle = os.path.getsize(self.path(name)) // 2
            self.set_byte(name, middle)
            if "recipient-" not in name:
                for words in (("./target",), ("./target", "latest", "--coffer", "a.coffer")):
                    run = self.problems("backup", "verify", *words, "--json")
                    kinds = {problem["kind"] for problem in run.json()["backups"][0]["problems"]}
                    self.assertLessEqual(kinds, {"damaged", "tampered", "truncated"}, name)
            self.set_byte(name, middle)
        self.done("backup", "verify", "./target", "latest", "--coffer", "a.coffer")

    def test_rocksdb_opens_a_checkpoint_that_was_restored(self):
        ldb = ["exec", "a.coffer", "--", "ldb", "--db=store"]
        self.done(*ldb, "--create_if_missing", "put", "key", "value")
        self.done(*ldb, "checkpoint", "--checkpoint_dir=" + self.path("snapshot"))
        self.done(*ldb, "put", "key", "later")
        with self.held_by_an_engine("store/LOCK"):
            self.refused(self.create(), "busy", "store")
        self.made(paths=("snapshot",))
        self.done(*self.restore("new"))
        self.assertEqual(self.done("exec", "a.coffer", "--", "ldb", "--db=new", "get", "key").out.strip(), "value")
        self.done(*self.restore("plain", "--plaintext"))
        plain = self.run_program(["ldb", "--db=plain", "get", "key"])
        self.assertEqual(plain.out.strip(), "value", plain)

    def test_a_tenant_that_was_shredded_is_in_no_backup(self):
        self.done("domain", "add", "a.coffer", "tenant-7")
        self.make_file("a.coffer", "store/data", b"system")
        self.make_file("a.coffer", "store/secret", b"tenant" * 1000, "blocks", "--domain", "tenant-7")
        backup = self.made()
        self.assertEqual(backup["domains"], ["system", "tenant-7"])
        self.done("shred", "a.coffer", "tenant-7", "--confirm", "tenant-7")
        answer = self.done(*self.restore("new"), "--json").json()
        self.assertEqual((answer["shredded"], answer["domains"]), (1, ["system"]))
        self.assertFalse(os.path.exists(self.path("new/secret")))
        self.done("backup", "verify", "./target")
        # Nor does who never heard of it.
        self.make_coffer("b.coffer", "b.key")
        self.done(*self.restore("there", "--open-with", self.uri("safe.key"), "--signed-by", backup["signed_by"],
                                coffer="b.coffer"))
        self.assertEqual(os.listdir(self.path("there")), ["data"])


if __name__ == "__main__":
    main()
