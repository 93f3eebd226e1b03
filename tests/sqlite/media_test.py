"""Databases on file systems that are full, and that are for reading only: real ones, mounted for the test."""

import os
import sqlite3
import subprocess

from sqlite_harness import SqliteTest, main, seed

SIZE = 2 << 20  # of the file system


class MediaTest(SqliteTest):
    def mount(self, *options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join((f"size={SIZE}", *options)), "tmpfs", self.path("db")],
                       check=True)

    def remount(self, *options):
        subprocess.run(["mount", "-o", ",".join(("remount", *options)), self.path("db")], check=True)

    def expect_rows(self, db, rows):
        self.assertEqual(dict(db.execute("SELECT number, length(filling) FROM t")), rows)
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])

    def is_done(self, db, statement, *values):
        """Else the disk is full, and the connection says so."""
        try:
            db.execute(statement, values)
        except sqlite3.OperationalError as error:
            self.assertIn("full", str(error))
            return False
        return True

    def test_a_full_disk_harms_nothing_in_any_journal_mode(self):
        if not self.in_mount_namespace():
            return
        chance = seed()
        self.mount()
        for mode in ("delete", "truncate", "persist", "wal"):
            name = mode + ".db"
            db = self.open(name)
            db.execute("PRAGMA cache_size = 10")
            db.execute(f"PRAGMA journal_mode = {mode}")
            db.execute("CREATE TABLE t(number, filling)")
            rows = {}
            refused = 0
            for number in range(220):
                size = chance.randrange(1, 20000)
                if self.is_done(db, "INSERT INTO t VALUES (?, randomblob(?))", number, size):
                    rows[number] = size
                    continue
                refused += 1
                for one in list(rows)[:len(rows) // 2] if refused % 3 == 0 else ():
                    if self.is_done(db, "DELETE FROM t WHERE number = ?", one):
                        del rows[one]
            self.assertGreater(refused, 5, mode)
            self.assertGreater(len(rows), 10, mode)
            self.expect_rows(db, rows)
            # Somebody makes room, and the connection goes on.
            self.remount(f"size={3 * SIZE}")
            self.assertTrue(self.is_done(db, "INSERT INTO t VALUES (1000, zeroblob(100000))"), mode)
            rows[1000] = 100000
            self.expect_rows(db, rows)
            db.close()
            db = self.open(name)
            self.expect_rows(db, rows)
            db.close()
            for left in os.listdir(self.path("db")):
                os.remove(self.path("db", left))
            self.remount(f"size={SIZE}")

    def test_a_database_is_read_where_nothing_can_be_written(self):
        if not self.in_mount_namespace():
            return
        self.mount()
        for name, mode in (("delete.db", "delete"), ("wal.db", "wal")):
            db = self.open(name)
            db.execute(f"PRAGMA journal_mode = {mode}")
            db.execute("CREATE TABLE t(number, filling)")
            db.execute("INSERT INTO t VALUES (1, zeroblob(5000))")
            db.close()
        self.remount("ro")
        for name, more in (("delete.db", ""), ("delete.db", "&mode=ro"), ("delete.db", "&immutable=1"),
                           ("wal.db", "&immutable=1")):
            db = self.open(name, more)
            self.expect_rows(db, {1: 5000})
            with self.assertRaisesRegex(sqlite3.OperationalError, "readonly"):
                db.execute("DELETE FROM t")
        # There is no room for the locks of a log, and SQLite does without them only where it is told to.
        with self.assertRaisesRegex(sqlite3.OperationalError, "unable to open"):
            self.open("wal.db", "&mode=ro").execute("SELECT * FROM t")


if __name__ == "__main__":
    main()
