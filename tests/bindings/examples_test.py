#!/usr/bin/python3
"""The examples in C and in Python, as their readers run them, on one coffer that `coffer init` made.

  examples_test.py COFFER_PROGRAM LIBRARY NOTES_PROGRAM CARDS_PROGRAM
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "examples", "python"))

import coffer_c  # noqa: E402

PROGRAM, LIBRARY, NOTES, CARDS = sys.argv[1:]
del sys.argv[1:]


class Example(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        self.key = os.path.join(self.folder, "root.key")
        with open(os.open(self.key, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(bytes(range(0x80, 0xC0)))
        self.place = os.path.join(self.folder, "c.coffer")
        os.mkdir(os.path.join(self.folder, "notes"))
        self.log = os.path.join(self.folder, "notes", "notes.log")
        self.command("init", "--root", f"file://{self.key}")

    def command(self, name, *arguments):
        done = subprocess.run([PROGRAM, name, self.place, *arguments], capture_output=True, text=True, check=False)
        self.assertLessEqual(done.returncode, 1, done.stderr)
        return done.stdout

    def coffer(self):
        coffer = coffer_c.Coffer(self.place, library=LIBRARY)
        self.addCleanup(coffer.close)
        return coffer


class InC(Example):
    def notes(self, *arguments):
        return subprocess.run([NOTES, self.place, self.log, *arguments], capture_output=True, text=True, check=False)

    def test_notes_are_added_listed_and_nowhere_in_clear(self):
        for text in ("buy canaries", "", "feed canaries"):
            self.assertEqual(self.notes("add", text).returncode, 0)
        self.coffer().rotate("system")
        self.assertEqual(self.notes("add", "rotate keys").returncode, 0)
        done = self.notes("list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "buy canaries\n\nfeed canaries\nrotate keys\n")
        with open(self.log, "rb") as file:
            self.assertNotIn(b"canaries", file.read())

    def test_a_note_that_was_changed_is_said_to_be(self):
        self.assertEqual(self.notes("add", "buy canaries").returncode, 0)
        with open(self.log, "r+b") as file:
            file.seek(8192 + 100)
            file.write(b"\xff")
        done = self.notes("list")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^notes: (damaged|tampered|wrong_key): .*notes.log")

    def test_it_says_how_it_is_used(self):
        self.assertEqual(self.notes("add").returncode, 2)
        self.assertEqual(self.cards("x").returncode, 2)

    def cards(self, *arguments):
        box = os.path.join(self.folder, "notes", "box")
        return subprocess.run([CARDS, self.place, box, *arguments], capture_output=True, text=True, check=False)

    def test_cards_are_written_anew_where_they_are(self):
        for number, text in ((0, "buy canaries"), (900000, "feed canaries"), (0, "sell canaries")):
            done = self.cards(str(number), text)
            self.assertEqual(done.returncode, 0, done.stderr)
        for number, text in ((0, "sell canaries"), (1, ""), (900000, "feed canaries"), (1000000, "")):
            self.assertEqual(self.cards(str(number)).stdout.strip("\0\n"), text)
        box = os.path.join(self.folder, "notes", "box")
        with open(box, "rb") as file:
            self.assertNotIn(b"canaries", file.read())
        self.assertLess(os.stat(box).st_blocks * 512, 200_000)
        self.coffer().rotate("system")
        self.assertIn("re-encrypted 1 file", self.command("reencrypt"))
        self.assertEqual(self.cards("0").stdout, "sell canaries\n")


class InPython(Example):
    def test_values_and_keys_are_sealed_for_their_place(self):
        coffer = self.coffer()
        blob = coffer.seal("system", b"buy canaries", b"row 1")
        self.assertNotIn(b"canaries", blob)
        self.assertEqual(coffer.unseal(blob, b"row 1"), b"buy canaries")
        with self.assertRaises(coffer_c.CofferError) as caught:
            coffer.unseal(blob, b"row 2")
        self.assertEqual(caught.exception.name, "tampered")
        wrapped = coffer.wrap_key("system", b"k" * 32, b"key 1")
        coffer.rotate("system")
        fresh = coffer.rewrap(wrapped, b"key 1")
        self.assertNotEqual(fresh, wrapped)
        for each in (wrapped, fresh):
            self.assertEqual(coffer.unwrap_key(each, b"key 1"), b"k" * 32)
        self.assertEqual(coffer.unseal(coffer.seal("system", b"")), b"")

    def test_a_log_is_written_read_and_written_further(self):
        coffer = self.coffer()
        for text in (b"buy canaries;", b"feed canaries;"):
            log = coffer_c.Log(coffer, self.log, writable=True)
            log.append(text)
            log.close()
        log = coffer_c.Log(coffer, self.log)
        self.assertEqual(log.read(), b"buy canaries;feed canaries;")
        log.close()
        with open(self.log, "rb") as file:
            self.assertNotIn(b"canaries", file.read())
        self.assertEqual(self.command("cat", self.log), "buy canaries;feed canaries;")
        found = json.loads(self.command("verify", "--json"))
        self.assertEqual((found["files"], found["problems"]), (1, []))

    def test_a_file_is_changed_in_place(self):
        coffer = self.coffer()
        path = os.path.join(self.folder, "notes", "pages")
        pages = coffer_c.Pages(coffer, path)
        pages.write_at(100_000, b"buy canaries")
        pages.write_at(0, b"feed them")
        pages.sync()
        pages.write_at(100_000, b"sel")
        pages.close()
        pages = coffer_c.Pages(coffer, path)
        self.assertEqual(pages.read(), b"feed them".ljust(100_000, b"\0") + b"sel canaries")
        pages.punch_hole(0, 5000)
        pages.truncate(100_003)
        self.assertEqual(pages.read(), bytes(100_000) + b"sel")
        pages.close()
        self.assertEqual(json.loads(self.command("verify", "--json"))["problems"], [])

    def test_its_status_is_the_commands(self):
        coffer = self.coffer()
        ours, theirs = json.loads(coffer.status_json()), json.loads(self.command("status", "--json"))
        self.assertEqual(list(ours), list(theirs))
        for about in ("coffer", "id", "keyring_version", "root_keys", "config", "stores", "groups", "total"):
            self.assertEqual(ours[about], theirs[about], about)

    def test_a_failure_says_what_to_do(self):
        os.rename(self.key, self.key + ".away")
        with self.assertRaises(coffer_c.CofferError) as caught:
            self.coffer()
        self.assertEqual(caught.exception.name, "key_unavailable")
        self.assertIn(self.key, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
