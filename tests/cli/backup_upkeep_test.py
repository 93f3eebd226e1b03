"""Backups that are there: recipients come and go, tenants are shredded in them, they are forgotten."""

import os

from backup_test import BackingUp
from harness import main

PASSPHRASE = b"correct horse battery staple"

# As an operator would write it; away while there is a file "away".
COMMAND = """#!/bin/sh
[ ! -e "$1/away" ] || { echo 'no route to the target' >&2; exit 1; }
cd "$1/kept" || exit 1
case "$2" in
size) [ -f "$3" ] || exit 3; exec stat -c %s "$3";;
get) [ -f "$3" ] || exit 3; exec cat "$3";;
put) mkdir -p "$(dirname "$3")" && cat > ".new.$$" && exec mv ".new.$$" "$3";;
list) find . -type f ! -name '.*' | sed 's|^\\./||' | grep "^$3"; exit 0;;
remove) exec rm -f "$3";;
esac
exit 2
"""


class Upkeep(BackingUp):
    def by_command(self):
        """The target is what a command reaches."""
        os.mkdir(self.path("kept"))
        command = self.write("store-program", COMMAND.encode(), 0o755)
        with open(self.path("a.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write(f"backup_targets:\n  far:\n    command: [{command}, {self.directory}]\n"
                       f"    scratch: {self.directory}\n")
        self.target = "far"

    def add(self, backup, root, *words):
        return ["backup", "add-recipient", "a.coffer", self.target, backup, root, *words]

    def remove(self, backup, name):
        return ["backup", "remove-recipient", "a.coffer", self.target, backup, name]

    def audit_lines(self):
        return self.done("audit", "show", "a.coffer", "--json").json()["log"]

    def test_recipients_come_and_go_by_one_small_file_each(self):
        contents = self.make_store("a.coffer")
        backup = self.made()["id"]
        self.make_key("other.key")
        before = set(self.target_files())
        answer = self.done(*self.add(backup, self.uri("other.key")), "--json").json()
        self.assertEqual([row["name"] for row in answer["recipients"]], ["root-1", "root-2", "root-3"])
        (added,) = set(self.target_files()) - before
        self.assertLessEqual(os.path.getsize(self.path(added)), 4096)
        self.done(*self.restore("new", "--open-with", self.uri("other.key")))
        self.expect_contents("a.coffer", "new", contents)
        self.refused(self.add(backup, self.uri("other.key")), "already_exists", "root-3")
        self.refused(self.add(backup, "none"), "invalid_argument", "no root")
        self.refused(self.add("00" * 16, self.uri("other.key")), "not_found", "no recipients")
        self.done(*self.remove(backup, "root-2"))
        self.assertEqual(set(self.target_files()), {added if "root-2" in name else name for name in before})
        self.refused(self.restore("again", "--open-with", self.uri("safe.key")), "wrong_key", "root-1, root-3")
        self.refused(self.remove(backup, "root-2"), "not_found", "root-2")
        self.refused(self.remove(backup, "root-1"), "busy", "add another one")
        notes = [line["note"] for line in self.audit_lines() if "recipient" in line.get("note", "")]
        self.assertEqual(len(notes), 2, "what was refused did not happen")
        self.assertRegex(notes[0], f"^backup {backup}: recipient root-3 is added: key id [0-9a-f]+ ")
        self.assertEqual(notes[1], f"backup {backup}: recipient root-2 is removed")
        self.done("audit", "verify", "a.coffer")

    def test_whoever_has_the_passphrase_opens_a_backup_of_a_coffer_that_is_gone(self):
        contents = self.make_store("a.coffer")
        self.secrets.add(PASSPHRASE)
        uri = self.done("slot", "add", "a.coffer", "--passphrase", "--scrypt", "16", "--json",
                        stdin=PASSPHRASE).json()["uri"]
        made = self.done("backup", "create", "a.coffer", self.target, "store", "--json").json()
        self.assertIn("passphrase of recipient", str(made["recipients"]))
        os.rename(self.path("a.coffer"), self.path("gone"))
        os.remove(self.path("a.key"))
        self.make_coffer("b.coffer", "b.key")
        self.write("passphrase", PASSPHRASE + b"\n", 0o600)
        words = ("--signed-by", made["signed_by"], "--open-with", f"{uri}&passphrase_file={self.path('passphrase')}")
        self.done(*self.restore("new", *words, coffer="b.coffer"))
        self.expect_contents("b.coffer", "new", contents)

    def test_a_shredding_that_did_not_reach_a_backup_says_so_and_is_repeated(self):
        self.by_command()
        self.done("domain", "add", "a.coffer", "tenant-7")
        self.make_file("a.coffer", "store/data", b"system")
        self.make_file("a.coffer", "store/secret", b"tenant" * 1000, "blocks", "--domain", "tenant-7")
        backup = self.made()["id"]
        self.write("away", b"")
        shred = ["shred", "a.coffer", "tenant-7", "--confirm", "tenant-7", "--certificate"]
        run = self.problems(*shred, "first.json")
        self.assertRegex(run.out, f"backup {backup} at far: NOT REACHED: .*no route to the target")
        self.assertIn("repeat", run.err)
        self.done("certificate", "a.coffer", "first.json")
        self.assertIn(f'"backups":[],"backups_not_reached":[{{"id":"{backup}"', self.read("first.json").decode())
        os.remove(self.path("away"))
        answer = self.done(*shred, "second.json", "--json").json()
        self.assertEqual(answer["backups"], [{"id": backup, "target": "far"}])
        answer = self.done(*self.restore("new"), "--json").json()
        self.assertEqual((answer["shredded"], answer["domains"]), (1, ["system"]))

    def test_what_is_forgotten_goes_and_what_cannot_be_reached_stays_on_the_list(self):
        self.by_command()
        self.make_store("a.coffer")
        first, second = self.made()["id"], self.made()["id"]
        answer = self.done("backup", "forget", "a.coffer", first, "--json").json()
        self.assertEqual(answer["backups"], [{"id": first, "target": "far", "objects": 0, "kept": 3}])
        self.done("backup", "verify", "far", second, "--coffer", "a.coffer")
        self.refused(["backup", "forget", "a.coffer", first], "not_found", "coffer backup list")
        self.refused(["backup", "forget", "a.coffer"], "invalid_argument", "an ID")
        self.write("away", b"")
        self.refused(["backup", "forget", "a.coffer", second], "provider_unavailable", "no route to the target")
        self.assertEqual(list(self.listed().values()), ["whole"])
        self.done("backup", "forget", "a.coffer", second, "--target-is-gone")
        self.assertEqual(self.listed(), {})
        changes = self.done("audit", "show", "a.coffer").out
        for what in ("backup begun", "backup made", "backup being forgotten", "backup forgotten"):
            self.assertIn(what, changes)


if __name__ == "__main__":
    main()
