"""Writers are killed at any moment, in every journal mode: what was acknowledged is there, and nothing is half."""

import os
import subprocess
import sys
import time

from sqlite_harness import EXTENSION, SqliteTest, main, seed

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kill_worker.py")
KILLS = int(os.environ.get("KILLS", "3"))  # of each mode


class KillTest(SqliteTest):

    def start_writer(self, mode, name, chance):
        return subprocess.Popen(
            [sys.executable, WORKER, self.path("c.coffer"), self.path("db", "x.db"), mode, name, str(chance.random())],
            stdout=subprocess.PIPE, env={**os.environ, "COFFER_SQLITE": EXTENSION})

    def check(self, acknowledged):
        db = self.open()
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        for name, number in acknowledged.items():
            found = db.execute("SELECT max(number) FROM t WHERE writer = ?", (name,)).fetchone()[0]
            self.assertIn(found, (number, number + 1))
        db.close()

    def kill_writers(self, mode, writers):
        chance = seed()
        acknowledged = {}
        for _ in range(KILLS):
            running = {name: self.start_writer(mode, name, chance) for name in writers}
            first = running[writers[0]].stdout.readline()
            self.assertTrue(first, "the writer does not write")
            time.sleep(chance.random() * 0.15)
            for writer in running.values():
                writer.kill()
            for name, writer in running.items():
                lines = (first if name == writers[0] else b"") + writer.stdout.read()
                writer.stdout.close()
                writer.wait()
                whole = [line for line in lines.split(b"\n")[:-1] if line]
                if whole:
                    acknowledged[name] = int(whole[-1])
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
