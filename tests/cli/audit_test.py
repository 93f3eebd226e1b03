"""`coffer audit`: what was done to keys is there, in words and as JSON, and what somebody did to that is told."""

import json
import os
import shutil
import sys

from harness import CliTest, main

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))

from decoder.audit import check_audit_log  # noqa: E402
from decoder.keyring import open_keyring  # noqa: E402
from decoder.root_key import read_root_key  # noqa: E402


class AuditTest(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()

    def changes(self, coffer="c.coffer"):
        """Of each line: its note and the words for what changed."""
        answer = self.done("audit", "show", coffer, "--json").json()
        self.assertEqual((answer["wrong"], answer["notes"]), ([], []))
        return [([line["note"]] if "note" in line else []) + [change["what"] for change in line["changes"]]
                for line in answer["log"]]

    def lines(self):
        return self.read("c.coffer/audit.log").splitlines(keepends=True)

    def wrong(self):
        answer = self.problems("audit", "verify", "c.coffer", "--json").json()
        return [remark["line"] for remark in answer["wrong"]]

    def work(self):
        self.done("rotate", "domain", "c.coffer", "system")
        self.done("domain", "add", "c.coffer", "tenant")
        self.done("rotate", "root", "c.coffer")

    def test_every_command_that_changes_keys_or_stores_leaves_a_line(self):
        self.work()
        self.make_file("c.coffer", "store/file", b"contents")
        os.rename(self.path("store"), self.path("moved"))
        self.done("store", "move", "c.coffer", "store", "moved")
        shutil.rmtree(self.path("moved"))
        self.done("store", "forget", "c.coffer", "moved")
        found = self.changes()
        self.assertEqual(found[:4], [["a new coffer", "slot added", "domain added", "key made"],
                                     ["key state", "key made"], ["domain added", "key made"],
                                     ["slot added", "slot removed"]])
        self.assertIn("store added", found[4])
        self.assertEqual(found[-2:], [["store moved"], ["store forgotten"]])
        self.assertIn(f"{len(found)} records of the keyring up to version {len(found)}: all as written",
                      self.done("audit", "verify", "c.coffer").out)

    def test_it_is_read_by_people(self):
        self.work()
        out = self.done("audit", "show", "c.coffer").out
        self.assertRegex(out, r"(?m)^2  \d{4}-.* UTC  keyring 1 → 2  coffer \(uid \d+, process \d+\) on \S")
        self.assertRegex(out, r"(?m)^    key state: domain system, version 1, key [0-9a-f]{12}, from active, to deact")

    def test_a_clone_and_a_configuration_that_is_written_anew_are_told(self):
        self.done("store", "clone", "c.coffer", "clone.coffer")
        self.assertRegex(self.changes("clone.coffer")[0][0], "^a clone of coffer [0-9a-f]{32}$")
        os.remove(self.path("c.coffer/coffer.yaml"))
        self.done("init", "c.coffer", "--root", self.uri("root.key"), "--keep-keyring")
        self.assertEqual(self.changes()[-1], ["a new configuration is being written"])

    def test_who_edits_the_log_is_found_and_the_line_named(self):
        self.work()
        lines = self.lines()
        whole = b"".join(lines)
        told = {
            "edited": (whole.replace(b'"domain":"tenant"', b'"domain":"other!"', 1), [3, 4]),
            "a line taken away": (lines[0] + lines[2] + lines[3], [2]),
            "cut": (b"".join(lines[:3]), [None]),
            "gone": (b"", [None]),
            "added": (whole + lines[3].replace(b'"number":4', b'"number":5'), [5]),
        }
        for what, (log, where) in told.items():
            self.write("c.coffer/audit.log", log, 0o600)
            self.assertEqual(self.wrong(), where, what)
        run = self.problems("audit", "verify", "c.coffer")
        self.assertIn("audit.log:5: wrong: it was altered", run.out)
        os.remove(self.path("c.coffer/audit.log"))
        self.assertEqual(self.wrong(), [None])
        self.done("rotate", "domain", "c.coffer", "system")
        self.assertEqual(self.wrong(), [1])

    def test_what_a_crash_left_is_a_note(self):
        shutil.copy(self.path("c.coffer/keyring"), self.path("before"))
        self.done("rotate", "domain", "c.coffer", "system")
        os.replace(self.path("before"), self.path("c.coffer/keyring"))
        run = self.done("audit", "verify", "c.coffer")
        self.assertIn("audit.log:2: note: what it says was not finished", run.out)
        self.done("rotate", "domain", "c.coffer", "system")
        with open(self.path("c.coffer/audit.log"), "ab") as file:
            file.write(b'{"number":3,"ti')
        self.assertEqual(self.done("audit", "verify", "c.coffer", "--json").json()["records"], 3)
        self.done("rotate", "domain", "c.coffer", "system")
        self.assertEqual([json.loads(line)["number"] for line in self.lines()], [1, 2, 2, 3])
        # The same by a program that knows no more than docs/format.md.
        keyring = open_keyring(self.read("c.coffer/keyring"), read_root_key(self.read("root.key")))
        records, wrong = check_audit_log(self.read("c.coffer/audit.log"), keyring)
        self.assertEqual((len(records), wrong), (4, []))
        self.assertEqual(check_audit_log(b"".join(self.lines()[:3]), keyring)[1], [0])

    def test_no_secret_is_in_it(self):
        self.work()
        self.assertEqual(self.done("scan", "c.coffer", "c.coffer", "--json").json()["hits"], [])


if __name__ == "__main__":
    main()
