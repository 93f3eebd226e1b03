"""Writers are killed at any moment, in every journal mode: what was acknowledged is there, and nothing is half."""

import os
import random
import signal
import subprocess
import time

from sqlite_harness import SqliteTest, connect, main, seed

KILLS = int(os.environ.get("KILLS", "3"))  # of each mode
COMMITS = 60  # in each locking mode
ROWS = range(60)


def write(coffer, path, mode, name, chance, acknowledge):
    """Commits until it is killed, and says which commits SQLite has acknowledged."""
    db = connect(coffer, path)
    db.execute("PRAGMA cache_size = 8")
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.execute("PRAGMA wal_autocheckpoint = 20")
    db.execute("CREATE TABLE IF NOT EXISTS t(writer, number, filling)")
    number = db.execute("SELECT coalesce(max(number), 0) FROM t WHERE writer = ?", (name,)).fetchone()[0]
    while True:
        number += 1
        db.execute("BEGIN IMMEDIATE")
        for _ in range(chance.randrange(1, 12)):
            db.execute("INSERT INTO t VALUES (?, ?, randomblob(?))", (name, number, chance.randrange(4000)))
        if chance.randrange(4) == 0:
            db.execute("DELETE FROM t WHERE writer = ? AND number < ?", (name, number - 12))
        db.execute("COMMIT")
        os.write(acknowledge, f"{number}\n".encode())


class Writer:
    """A process of its own, which opens coffer and database by itself."""

    def __init__(self, *what):
        self.said, acknowledge = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            try:
                write(*what, acknowledge)
            finally:
                os._exit(1)
        os.close(acknowledge)

    def first(self):
        return os.read(self.said, 100)

    def kill(self):
        os.kill(self.process, signal.SIGKILL)

    def end(self):
        """What it said since, when it is dead; it must not have ended by itself."""
        with open(self.said, "rb") as file:
            said = file.read()
        return said, os.WTERMSIG(os.waitpid(self.process, 0)[1])


class KillTest(SqliteTest):

    def check(self, acknowledged):
        db = self.open()
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        for name, number in acknowledged.items():
            found = db.execute("SELECT max(number) FROM t WHERE writer = ?", (name,)).fetchone()[0]
            self.assertIn(found, (number, number + 1))
            acknowledged[name] = found  # from here on
        db.close()

    def kill_writers(self, mode, writers):
        chance = seed()
        acknowledged = {}
        for _ in range(KILLS):
            running = {name: Writer(self.path("c.coffer"), self.path("db", "x.db"), mode, name,
                                    random.Random(chance.random())) for name in writers}
            first = running[writers[0]].first()
            self.assertTrue(first, "the writer does not write")
            time.sleep(chance.random() * 0.1)
            for writer in running.values():
                writer.kill()
            for name, writer in running.items():
                said, killed_by = writer.end()
                self.assertEqual(killed_by, signal.SIGKILL)
                lines = ((first if name == writers[0] else b"") + said).split(b"\n")
                if len(lines) > 1:
                    acknowledged[name] = int(lines[-2])
            self.check(acknowledged)

    def test_delete(self):
        self.kill_writers("delete", ["a"])

    def test_truncate(self):
        self.kill_writers("truncate", ["a"])

    def test_persist(self):
        self.kill_writers("persist", ["a"])

    def test_wal(self):
        self.kill_writers("wal", ["a"])

    def test_two_writers_of_a_log(self):
        self.kill_writers("wal", ["a", "b"])


class RewrittenFrames(SqliteTest):
    """A transaction that is larger than the cache is in the log before it commits. What it changes again there is
    written anew in its place, and so are the headers of all frames from there on."""

    def change(self, db, rows, turn, chance):
        for row in chance.choices(ROWS, k=chance.randrange(20, 60)):
            db.execute("UPDATE t SET turn = ?, filling = randomblob(1500) WHERE a = ?", (turn, row))
            rows[row] = turn

    def transaction(self, db, committed, turn, chance):
        """What is in the database after it, and how the log began before the second half of it."""
        rows = dict(committed)
        db.execute("BEGIN")
        self.change(db, rows, turn, chance)
        log = self.copies("-wal")
        db.execute("SAVEPOINT s")
        undone = dict(rows) if turn % 2 == 0 else rows
        self.change(db, undone, turn, chance)
        if turn % 2 == 0:
            db.execute("ROLLBACK TO s")
        self.change(db, rows, turn, chance)
        db.execute("COMMIT")
        return rows, log

    def copies(self, *suffixes):
        """As a kill would leave them now: another database of this store. Another process makes them, since this one
        would lose its locks by reading. Returns the last."""
        for suffix in suffixes:
            subprocess.run(["cp", self.path("db", "x.db" + suffix), self.path("db", "copy.db" + suffix)], check=True)
        return self.read("db", "copy.db" + suffixes[-1])

    def commit_and_look(self, locking):
        chance = seed()
        db = self.open()
        for setting in (f"locking_mode = {locking}", "journal_mode = wal", "cache_size = 3"):
            db.execute(f"PRAGMA {setting}")
        db.execute("PRAGMA wal_autocheckpoint = 300")  # the log is begun anew now and then
        db.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, turn, filling)")
        db.execute("BEGIN")
        committed = dict.fromkeys(ROWS, 0)
        db.executemany("INSERT INTO t VALUES (?, ?, randomblob(1500))", committed.items())
        db.execute("COMMIT")
        for turn in range(1, COMMITS + 1):
            if turn % 3 == 0:
                db.execute("BEGIN")
                self.change(db, {}, turn, chance)
                db.execute("ROLLBACK")
            committed, log = self.transaction(db, committed, turn, chance)
            log_after = self.copies("", "-wal")
            if turn == 1:
                self.assertNotEqual(log_after[:len(log)], log, "no frame was written anew")
            copy = self.open("copy.db")
            self.assertEqual(copy.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(dict(copy.execute("SELECT a, turn FROM t")), committed, f"after commit {turn}")
            copy.close()

    def test_a_kill_after_any_commit_leaves_what_was_committed(self):
        self.commit_and_look("normal")

    def test_so_it_is_where_one_connection_has_the_database_to_itself(self):
        self.commit_and_look("exclusive")


if __name__ == "__main__":
    main()
