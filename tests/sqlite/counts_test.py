"""After whatever SQLite does to databases, the counts that are kept are those of a full count."""

import json
import os
import signal
import subprocess
import sys

from sqlite_harness import SqliteTest, connect, main, seed

STEPS = 80
MODES = ("delete", "truncate", "persist", "wal", "memory")


def work(coffer, directory, number, steps):
    """In a process of its own, whose end saves what it has counted."""
    chance = seed()
    chance.seed(f"{number} of {chance.random()}")
    open_ones = {}

    def database():
        name = chance.choice("abcd")
        if name not in open_ones:
            open_ones[name] = connect(coffer, os.path.join(directory, name + ".db"))
            open_ones[name].execute("CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, v BLOB)")
        return open_ones[name]

    def insert():
        rows = [(chance.randbytes(chance.choice((10, 1000, 60000))),) for _ in range(chance.choice((1, 3, 30)))]
        db = database()
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO t(v) VALUES (?)", rows)
        db.execute(chance.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK")))

    def remove():
        database().execute("DELETE FROM t WHERE n % 3 = ?", (chance.randint(0, 2),))

    def set_mode():
        database().execute(f"PRAGMA journal_mode = {chance.choice(MODES)}")

    def checkpoint():
        database().execute(f"PRAGMA wal_checkpoint({chance.choice(('PASSIVE', 'RESTART', 'TRUNCATE'))})")

    def limit():
        database().execute(f"PRAGMA journal_size_limit = {chance.choice((-1, 0, 100000))}")

    def vacuum():
        database().execute("VACUUM")

    def in_several():
        db = connect(coffer, os.path.join(directory, "a.db"))
        db.execute("ATTACH ? AS other", (f"file:{directory}/b.db?vfs=coffer&coffer={coffer}",))
        db.execute("CREATE TABLE IF NOT EXISTS u(v)")
        db.execute("CREATE TABLE IF NOT EXISTS other.u(v)")
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO main.u VALUES (randomblob(20000))")
        db.execute("INSERT INTO other.u VALUES (randomblob(20000))")
        db.execute("COMMIT")
        db.close()

    def close():
        if open_ones:
            open_ones.pop(chance.choice(list(open_ones))).close()

    choices = [insert] * 6 + [remove, set_mode, set_mode, checkpoint, limit, vacuum, in_several, close, close]
    for _ in range(steps):
        try:
            chance.choice(choices)()
        except Exception as error:  # pylint: disable=broad-exception-caught
            if "locked" not in str(error):
                raise
    return open_ones


class CountsTest(SqliteTest):
    def kept(self):
        stores = json.loads(self.read("c.coffer", "counts"))["counts"]["stores"]
        # Those that have no header yet are nobody's.
        return {store: {of: usage for of, usage in counts["files"].items() if of != "empty"}
                for store, counts in stores.items()}

    def count_anew(self):
        self.done("status", "c.coffer", "--recount")
        return self.kept()

    def begin(self):
        self.in_process("first")
        self.count_anew()

    def in_process(self, number, steps=STEPS, wait=True):
        process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "work", self.path("c.coffer"),
                                    self.path("db"), str(number), str(steps)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        if not wait:
            return process
        self.end(process)
        return None

    def end(self, process):
        process.communicate("", timeout=60)
        self.assertEqual(process.returncode, 0)

    def assert_counted(self):
        kept = self.kept()
        self.assertEqual(kept, self.count_anew())

    def test_whatever_is_done(self):
        self.begin()
        for number in range(4):
            self.in_process(number)
            self.assert_counted()
            if number == 1:
                self.done("rotate", "domain", "c.coffer", "system")

    def test_whatever_several_processes_do_at_once(self):
        self.begin()
        for number in range(2):
            running = [self.in_process(f"{number} {name}", wait=False) for name in "xyz"]
            for process in running:
                self.end(process)
            self.assert_counted()

    def test_a_kill_takes_what_came_since_they_were_saved_and_the_next_count_finds_it(self):
        self.begin()
        process = self.in_process("killed", wait=False)
        self.assertTrue(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.stdin.close()
        process.wait()
        self.done("status", "c.coffer")
        self.count_anew()
        # What it has left is removed, or brought home.
        self.in_process("after")
        self.assert_counted()


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        from sqlite_harness import load
        load()
        LEFT = work(*sys.argv[2:5], int(sys.argv[5]))
        print("done", flush=True)
        sys.stdin.read()
        if len(LEFT) % 2:
            for each in LEFT.values():
                each.close()
        sys.exit(0)
    main()
