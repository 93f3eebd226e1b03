"""A database of more than 1 GiB: the page at 2^30, in which SQLite has its locks, is none of its pages."""

import os
import sqlite3

from sqlite_harness import SqliteTest, main

LOCKS = 1 << 30
HEADER = 8192
CANARY = b"PlaintextCanary"


class LargeTest(SqliteTest):
    def fill(self, db, table):
        """To both sides of the place, in two rows; what is read again is at their ends."""
        db.execute(f"CREATE TABLE {table}(number INTEGER PRIMARY KEY, filling)")
        for number, size in ((1, 900_000_000), (2, 250_000_000)):
            db.execute(f"INSERT INTO {table} VALUES (?, zeroblob(?))", (number, size))
            with db.blobopen(table, "filling", number) as blob:
                blob.seek(size - len(CANARY))
                blob.write(CANARY)

    def check(self, db, table):
        for number in (1, 2):
            with db.blobopen(table, "filling", number, readonly=True) as blob:
                blob.seek(-len(CANARY), os.SEEK_END)
                self.assertEqual(blob.read(), CANARY)

    def test_it_is_written_read_verified_and_put_out_in_clear(self):
        db = self.open()
        db.execute("PRAGMA page_size = 65536")
        db.execute("PRAGMA synchronous = OFF")
        self.fill(db, "t")
        db.execute("CREATE TABLE behind(a)")
        db.executemany("INSERT INTO behind VALUES (?)", ((f"{CANARY.decode()} {i}",) for i in range(10000)))
        self.assertGreater(os.path.getsize(self.path("db", "x.db")), HEADER + LOCKS + 65536)
        self.check(db, "t")
        db.execute("PRAGMA journal_mode = wal")
        db.execute("UPDATE behind SET a = a || 'x'")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.assertEqual(db.execute("SELECT count(*) FROM behind WHERE a LIKE '%x'").fetchone(), (10000,))
        self.assertEqual(db.execute("PRAGMA journal_mode = delete").fetchone(), ("delete",))
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        db.close()
        self.check(self.open(), "t")
        self.assertEqual(self.verified("c.coffer"), {})
        self.done("cat", "c.coffer", self.path("db", "x.db"), "-o", "plain.db")
        plain = sqlite3.connect(self.path("plain.db"))
        self.check(plain, "t")
        self.assertEqual(plain.execute("PRAGMA quick_check").fetchall(), [("ok",)])
        plain.close()


if __name__ == "__main__":
    main()
