"""`coffer reencrypt` on databases of Debian's sqlite3: at rest they get other keys, and nothing else changes."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time

from sqlite_harness import EXTENSION, SqliteTest, main

HEADER_SIZE = 8192
PAGE = 4096

# Changes what is committed, in `mode`, and is killed with its changes half on the disk.
KILLED = """
import os, signal, sys
sys.path.insert(0, {here!r})
from sqlite_harness import connect, load
load()
db = connect(*sys.argv[1:3])
db.execute("PRAGMA journal_mode = " + sys.argv[3])
db.execute("PRAGMA cache_size = 2")
if sys.argv[3] == "wal":
    db.execute("UPDATE t SET b = b || 'committed'")
db.execute("BEGIN")
db.execute("UPDATE t SET b = b || 'never'")
os.kill(os.getpid(), signal.SIGKILL)
"""


class ReencryptTest(SqliteTest):
    def fill(self, name="x.db", mode="delete", rows=1000):
        db = self.open(name)
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO t(b) VALUES (?)", ((f"row {i} " * 20,) for i in range(rows)))
        db.execute("COMMIT")
        db.close()

    def rows(self, name="x.db"):
        db = self.open(name)
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        out = db.execute("SELECT a, b FROM t").fetchall()
        db.close()
        return out

    def names(self):
        return sorted(os.listdir(self.path("db")))

    def header(self, name="x.db"):
        return self.done("inspect", self.path("db", name), "--json").json()

    def rotate(self):
        self.done("rotate", "domain", "c.coffer", "system")

    def expect_problem(self, name, code, *says):
        """What is a problem does not change."""
        before = self.digests()
        report = self.problems("reencrypt", "c.coffer", "--json").json()
        found = {os.path.basename(problem["path"]): problem for problem in report["problems"]}
        self.assertEqual(found[name]["code"], code, found)
        for part in says:
            self.assertIn(part, found[name]["message"])
        after = self.digests()
        self.assertEqual({each: after.get(each) for each in found}, {each: before[each] for each in found})
        self.assertEqual([each for each in after if each.startswith(".coffer-new.")], [])

    def digests(self):
        return {name: hashlib.sha256(self.read("db", name)).hexdigest() for name in self.names()}

    def crash(self, mode):
        here = os.path.dirname(os.path.abspath(__file__))
        words = [sys.executable, "-c", KILLED.format(here=here), self.path("c.coffer"), self.path("db", "x.db"), mode]
        run = subprocess.run(words, env={**os.environ, "COFFER_SQLITE": EXTENSION}, check=False)
        self.assertEqual(run.returncode, -9)

    def test_each_gets_another_key_and_the_old_one_is_needed_by_nothing(self):
        for mode in ("truncate", "persist", "wal"):
            self.fill(f"{mode}.db", mode, 300)
        self.fill(rows=300)
        os.chmod(self.path("db", "x.db"), 0o640)
        os.setxattr(self.path("db", "x.db"), "user.of", b"mine")
        self.assertIn("persist.db-journal", self.names())
        before = {name: (self.rows(name), self.header(name), os.stat(self.path("db", name)))
                  for name in self.names() if name.endswith(".db")}
        self.rotate()
        report = self.done("reencrypt", "c.coffer", "--json").json()
        self.assertEqual((report["problems"], report["files_left"]), ([], 0))
        self.assertEqual(self.verified("c.coffer"), {})
        self.done("key", "destroy", "c.coffer", "system:1")
        for name, (rows, header, stat) in before.items():
            self.assertNotEqual(self.header(name)["file_id"], header["file_id"])
            self.assertEqual(self.header(name)["oldest_key_version"], 2)
            now = os.stat(self.path("db", name))
            self.assertEqual((now.st_mode, now.st_size, now.st_mtime_ns),
                             (stat.st_mode, stat.st_size, stat.st_mtime_ns))
            self.assertEqual(self.rows(name), rows)
            db = self.open(name)
            db.execute("INSERT INTO t(b) VALUES ('more')")
            db.close()
        self.assertEqual(os.getxattr(self.path("db", "x.db"), "user.of"), b"mine")
        self.assertEqual(self.verified("c.coffer"), {})

    def test_one_that_is_open_is_left_alone(self):
        self.fill()
        self.rotate()
        for mode in ("delete", "wal"):
            db = self.open()
            db.execute(f"PRAGMA journal_mode = {mode}")
            rows = db.execute("SELECT count(*) FROM t").fetchone()
            self.expect_problem("x.db", "busy", "a program has it open")
            db.execute("INSERT INTO t(b) VALUES ('while it was tried')")
            self.assertEqual(db.execute("SELECT count(*) - 1 FROM t").fetchone(), rows)
            db.close()
        reader = self.open(more="&mode=ro")
        reader.execute("SELECT * FROM t").fetchone()
        self.expect_problem("x.db", "busy")
        reader.close()
        self.done("reencrypt", "c.coffer")
        self.assertEqual(self.rows()[-1][1], "while it was tried")

    def test_nobody_uses_it_meanwhile(self):
        self.fill(rows=20000)
        self.rotate()
        process = self.start("reencrypt", "c.coffer", "--rate", "1", "--json")
        self.until_begun()
        db = sqlite3.connect(f"file:{self.path('db', 'x.db')}?vfs=coffer&coffer={self.path('c.coffer')}", uri=True,
                             timeout=0)
        with self.assertRaisesRegex(sqlite3.OperationalError, "locked"):
            db.execute("SELECT count(*) FROM t").fetchone()
        self.done("reencrypt", "c.coffer", "--set-rate", "500")
        run = self.outcome(process)
        # It has the file open, and would go on with the one that lost its name.
        self.assertEqual({problem["code"] for problem in run.json()["problems"]}, {"busy"})
        self.assertEqual(db.execute("SELECT count(*) FROM t").fetchone(), (20000,))
        db.close()
        self.assertEqual(self.names(), ["x.db"])
        self.done("reencrypt", "c.coffer")
        self.assertEqual(len(self.rows()), 20000)

    def until_begun(self):
        for _ in range(3000):
            if any(name.startswith(".coffer-new.") for name in self.names()):
                return
            time.sleep(0.01)
        self.fail("it does not begin")

    def test_changes_that_are_not_in_the_database_yet_are_not_lost(self):
        for mode, beside in (("delete", "x.db-journal"), ("wal", "x.db-wal")):
            if os.path.exists(self.path("db", "x.db")):
                os.remove(self.path("db", "x.db"))
            self.fill(mode=mode)
            committed = self.rows()
            self.crash(mode)
            self.assertIn(beside, self.names())
            self.rotate()
            for name in (beside, "x.db"):
                self.expect_problem(name, "unsupported", "open that once with SQLite")
            found = self.rows()
            self.assertEqual(len(found), len(committed))
            self.assertTrue(found[0][1].endswith("committed" if mode == "wal" else " "))
            self.assertNotIn(beside, self.names())
            self.done("reencrypt", "c.coffer")
            self.assertEqual(self.rows(), found)

    def test_kill_9_in_the_middle(self):
        self.fill(mode="persist", rows=20000)
        before = self.rows()
        self.rotate()
        process = self.start("reencrypt", "c.coffer", "--rate", "1")
        self.until_begun()
        time.sleep(0.2)
        process.kill()
        self.outcome(process)
        self.assertEqual(self.verified("c.coffer"), {})
        self.assertEqual(self.rows(), before)
        self.done("reencrypt", "c.coffer")
        self.assertEqual(self.names(), ["x.db"])
        self.assertEqual(self.rows(), before)

    def test_what_is_altered_or_cut_stays_as_it_is(self):
        self.fill()
        self.rotate()
        whole = self.read("db", "x.db")
        self.set_byte("db/x.db", HEADER_SIZE + 5 * PAGE + 100)
        self.expect_problem("x.db", "tampered")
        self.write("db/x.db", whole[:-PAGE])
        self.expect_problem("x.db", "truncated", "fewer pages than the")
        self.write("db/x.db", whole[:-1])
        self.expect_problem("x.db", "truncated")
        self.write("db/x.db", whole)
        self.done("reencrypt", "c.coffer")

    def test_what_stands_beside_it_and_is_not_its_own_is_named(self):
        self.fill("gone.db", "persist")
        os.remove(self.path("db", "gone.db"))
        self.fill()
        self.rotate()
        self.expect_problem("gone.db-journal", "unsupported", "is not there")
        self.rotate()
        self.write("db/x.db-journal", b"in clear" * 2000)
        self.expect_problem("x.db", "plaintext", "x.db-journal")
        os.remove(self.path("db", "x.db-journal"))
        shutil.copy(self.path("db", "gone.db-journal"), self.path("db", "x.db-wal"))
        self.expect_problem("x.db", "foreign", "x.db-wal")
        os.remove(self.path("db", "x.db-wal"))
        os.remove(self.path("db", "gone.db-journal"))
        self.done("reencrypt", "c.coffer")
        self.assertEqual(self.header()["oldest_key_version"], 3)

    def test_a_full_disk(self):
        if not self.in_mount_namespace():
            return
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.path("db")], check=True)
        self.fill(rows=5000)
        self.rotate()
        self.expect_problem("x.db", "no_space")
        self.assertEqual(len(self.rows()), 5000)


if __name__ == "__main__":
    main()
