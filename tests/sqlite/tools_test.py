"""Debian's sqlite3, its Python module and its shell, beside the commands of Coffer."""

import os
import shutil
import sqlite3
import subprocess

from sqlite_harness import EXTENSION, SqliteTest, main, uri

CANARY = "PlaintextCanary"
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DECODER = os.path.join(ROOT, "tools", "coffer_decode.py")
GOLDEN = os.path.join(ROOT, "tests", "golden", "v1-sqlite")


class ToolsTest(SqliteTest):

    def fill(self, db, rows=300):
        db.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)")
        db.executemany("INSERT INTO t(b) VALUES (?)", ((f"{CANARY} {i} " * 5,) for i in range(rows)))

    def count(self, db):
        return db.execute("SELECT count(*) FROM t WHERE b LIKE ?", (CANARY + "%",)).fetchone()[0]

    def shell(self, *commands):
        words = [shutil.which("sqlite3", path="/usr/bin"), "-batch", ":memory:",
                 f".load {os.path.splitext(EXTENSION)[0]}", *commands]
        run = self.run_program(words)
        self.assertEqual((run.status, run.err), (0, ""), run)
        return run.out

    def test_the_shell_reads_what_python_wrote_and_no_file_has_it_in_clear(self):
        db = self.open()
        self.fill(db)
        db.close()
        opened = f".open {self.database('x.db')}"
        self.assertEqual(self.shell(opened, "SELECT count(*) FROM t"), "300\n")
        for name, commands in {"cloned.db": (opened, f".clone {self.database('cloned.db')}"),
                               "saved.db": (opened, f".backup '{self.database('saved.db')}'"),
                               "restored.db": (f".open {self.database('restored.db')}",
                                               f".restore '{self.database('x.db')}'")}.items():
            self.shell(*commands)
            self.assertEqual(self.count(self.open(name)), 300, name)
        for name in os.listdir(self.path("db")):
            self.assertNotIn(CANARY.encode(), self.read("db", name), name)

    def test_a_dump_of_the_shell_is_read_into_another_database(self):
        db = self.open()
        self.fill(db)
        db.close()
        self.write("dump.sql", self.shell(f".open {self.database('x.db')}", ".dump").encode())
        self.shell(f".open {self.database('y.db')}", f".read {self.path('dump.sql')}")
        self.assertEqual(self.count(self.open("y.db")), 300)

    def test_a_backup_is_restored_as_it_is_and_in_clear(self):
        self.make_key("safe.key")
        create = ["backup", "create", "c.coffer", "./target", "db", "--recipient", self.uri("root.key"),
                  "--recipient", self.uri("safe.key")]
        db = self.open()
        self.fill(db)
        self.refused(create, "busy", "x.db")
        db.close()
        self.done(*create)
        later = self.open()
        later.execute("DELETE FROM t")
        later.close()
        self.done("backup", "restore", "c.coffer", "./target", "latest", "new")
        restored = sqlite3.connect(uri(self.path("c.coffer"), self.path("new/x.db")), uri=True, isolation_level=None)
        self.addCleanup(restored.close)
        self.assertEqual(self.count(restored), 300)
        restored.execute("INSERT INTO t(b) VALUES ('more')")
        self.assertEqual(restored.execute("PRAGMA integrity_check").fetchone(), ("ok",))
        self.done("backup", "restore", "c.coffer", "./target", "latest", "plain", "--plaintext")
        plain = sqlite3.connect(self.path("plain/x.db"))
        self.addCleanup(plain.close)
        self.assertEqual(self.count(plain), 300)
        self.assertEqual(plain.execute("PRAGMA integrity_check").fetchone(), ("ok",))

    def database(self, name):
        return uri(self.path("c.coffer"), self.path("db", name))

    def test_status_verify_and_cat_know_it(self):
        db = self.open()
        db.execute("PRAGMA journal_mode = wal")
        self.fill(db)
        answer = self.done("status", "c.coffer", "--json").json()
        self.assertEqual(answer["total"]["files"], 2, answer)
        self.assertEqual(self.verified("c.coffer"), {})
        db.execute("PRAGMA journal_mode = delete")
        db.close()
        self.done("cat", "c.coffer", self.path("db", "x.db"), "-o", "plain.db")
        plain = sqlite3.connect(self.path("plain.db"))
        self.assertEqual(self.count(plain), 300)
        self.assertEqual(plain.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        plain.close()
        self.set_byte("db/x.db", 8192 + 3 * 4096 + 77)
        self.assertEqual(self.verified("c.coffer"), {"db/x.db": "tampered"})

    def test_the_decoder_reads_the_three_kinds_as_cat_does(self):
        db = self.open()
        db.execute("PRAGMA journal_mode = persist")
        self.fill(db)
        db.execute("PRAGMA cache_size = 5")
        db.execute("BEGIN")
        db.execute("UPDATE t SET b = b || 'x'")
        os.mkdir(self.path("db", "copies"))
        shutil.copy(self.path("db", "x.db-journal"), self.path("db", "copies", "journal"))
        db.execute("ROLLBACK")
        db.execute("PRAGMA journal_mode = wal")
        db.execute("UPDATE t SET b = b || 'y'")
        for name in ("db/copies/journal", "db/x.db-wal", "db/x.db"):
            cat = self.done("cat", "c.coffer", self.path(name)).bytes
            decoded = self.run_program(["/usr/bin/python3", DECODER, "--coffer", self.path("c.coffer"), "--root-key",
                                        self.path("root.key"), self.path(name)])
            self.assertEqual(decoded.status, 0, decoded.err)
            self.assertEqual(decoded.bytes, cat, name)
            self.assertIn(CANARY.encode(), cat, name)

    def test_the_decoder_reads_the_golden_files(self):
        with open(os.path.join(GOLDEN, "manifest"), encoding="ascii") as manifest:
            entries = [line.split() for line in manifest]
        self.assertEqual(len(entries), 3)
        for name, file_key, size, digest in entries:
            run = self.run_program(["/usr/bin/python3", DECODER, "--describe", "--file-key", file_key,
                                    os.path.join(GOLDEN, name)])
            self.assertEqual((run.json()["size"], run.json()["sha256"]), (int(size), digest), run)

    def test_keys_are_turned_while_it_is_written(self):
        db = self.open()
        db.execute("PRAGMA journal_mode = wal")
        self.fill(db)
        other = self.open()
        self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        self.assertEqual(self.active_share(), (2, 2))
        for connection in (db, other, self.open()):
            connection.execute("INSERT INTO t(b) VALUES (?)", (CANARY,))
        self.assertEqual(self.count(other), 303)
        self.assertEqual(self.verified("c.coffer"), {})

    def test_a_database_in_a_domain_is_locked_with_it(self):
        os.mkdir(self.path("tenant"))
        self.done("domain", "add", "c.coffer", "tenant", "--path", self.path("tenant"))
        script = f"""
import sys, time
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from sqlite_harness import connect, load
load()
db = connect({self.path('c.coffer')!r}, {self.path('tenant', 'x.db')!r})
db.execute("PRAGMA cache_size = 1")
db.execute("CREATE TABLE t(b)")
db.executemany("INSERT INTO t VALUES (?)", (({CANARY!r} * 50,) for _ in range(200)))
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(db.execute("SELECT count(*) FROM t").fetchone()[0], flush=True)
    except Exception as error:
        print(type(error).__name__, db.execute("SELECT coffer_error()").fetchone()[0], flush=True)
"""
        process = subprocess.Popen(["/usr/bin/python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True, bufsize=1)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)

        def ask():
            process.stdin.write("\n")
            return process.stdout.readline().strip()

        self.assertEqual(process.stdout.readline().strip(), "ready")
        self.assertEqual(ask(), "200")
        self.assertEqual(self.active_share()[1], 1)
        self.done("tenant", "lock", "c.coffer", "tenant")
        self.wait_until(lambda: "locked" in ask())
        self.done("tenant", "unlock", "c.coffer", "tenant")
        self.wait_until(lambda: ask() == "200")
        process.stdin.close()
        process.wait()

    def wait_until(self, holds):
        for _ in range(200):
            if holds():
                return
            subprocess.run(["sleep", "0.05"], check=True)
        self.fail("does not come")


if __name__ == "__main__":
    main()
