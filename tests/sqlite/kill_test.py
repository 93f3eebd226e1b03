"""Writers are killed at any moment, in every journal mode: what was acknowledged is there, and nothing is half."""

import os
import random
import signal
import time

from sqlite_harness import SqliteTest, connect, main, seed

KILLS = int(os.environ.get("KILLS", "3"))  # of each mode


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


if __name__ == "__main__":
    main()
