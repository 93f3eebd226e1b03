"""Programs that know nothing of Coffer, on a mount: SQLite in its journal modes, and Redis."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys

from mounting import MountTest, main

LONG = "COFFER_FUSE_LONG" in os.environ

INSERTS = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=30)
database.execute(f"pragma synchronous=full")
for i in range(int(sys.argv[3])):
    with database:
        database.execute("insert into t values (?, ?, ?)", (sys.argv[2], i, sys.argv[2] * (i % 700)))
    print(i, flush=True)
"""


class ProgramsTest(MountTest):
    def make_database(self, mode):
        path = self.path("m", f"{mode}.db")
        database = sqlite3.connect(path)
        self.assertEqual(database.execute(f"pragma journal_mode={mode}").fetchone()[0], mode)
        database.execute("create table t (who text, number integer, filler text)")
        database.execute("create index i on t (number)")
        database.commit()
        database.close()
        return path

    def insert(self, path, who, count):
        return subprocess.Popen([sys.executable, "-c", INSERTS, path, who, str(count)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def assert_whole(self, path, least):
        database = sqlite3.connect(path, timeout=30)
        self.assertEqual(database.execute("pragma integrity_check").fetchone()[0], "ok")
        rows = {who: [number for (number,) in database.execute("select number from t where who=? order by number",
                                                                (who,))] for who in least}
        database.close()
        for who, count in least.items():
            self.assertEqual(rows[who], list(range(len(rows[who]))))
            self.assertGreaterEqual(len(rows[who]), count, path)

    def test_two_processes_share_an_sqlite_database_in_each_journal_mode(self):
        self.mount_new()
        count = 400 if LONG else 40
        for mode in ("wal", "delete", "truncate", "persist"):
            path = self.make_database(mode)
            writers = [self.insert(path, who, count) for who in "ab"]
            for writer in writers:
                _, err = writer.communicate(timeout=120)
                self.assertEqual(writer.returncode, 0, err)
            self.assert_whole(path, {"a": count, "b": count})
        self.umount()
        self.mount()
        for mode in ("wal", "delete", "truncate", "persist"):
            self.assert_whole(self.path("m", f"{mode}.db"), {"a": count, "b": count})
        self.umount()

    def test_an_sqlite_database_outlives_kills_of_the_daemon(self):
        self.make_coffer()
        self.mount()
        for mode in ("wal", "delete"):
            path = self.make_database(mode)
            for number in range(10 if LONG else 2):
                who = f"run{number}"
                writer = self.insert(path, who, 100000)
                committed = [int(writer.stdout.readline()) for _ in range(20)]
                self.kill()
                out, _ = writer.communicate(timeout=60)
                committed += [int(line) for line in out.split()]
                self.assertNotEqual(writer.returncode, 0)
                self.mount()
                self.assert_whole(path, {who: len(committed)})
        self.umount()

    @staticmethod
    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def start_redis(self, port):
        process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir",
                                    self.path("m", "redis"), "--appendonly", "yes", "--appendfsync", "always",
                                    "--save", "", "--loglevel", "warning"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for(lambda: self.redis(port, "PING") == "PONG", "Redis answers")
        return process

    def redis(self, port, *words):
        """One command, and its answer's first line, without type."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                command = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode())
                                                               for word in words)
                connection.sendall(command)
                lines = connection.makefile("rb").readline().decode().strip()
                return lines[1:]
        except OSError:
            return None

    def test_redis_keeps_what_it_has_acknowledged(self):
        self.mount_new()
        os.mkdir(self.path("m", "redis"))
        port = self.free_port()
        process = self.start_redis(port)
        count = 300 if LONG else 40
        for i in range(count):
            self.assertEqual(self.redis(port, "SET", f"key{i}", "v" * i), "OK")
            if i == count // 2:
                self.assertIn("started", self.redis(port, "BGREWRITEAOF"))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = self.start_redis(port)
        self.assertEqual(self.redis(port, "DBSIZE"), str(count))
        self.assertEqual(self.redis(port, "STRLEN", f"key{count - 1}"), str(count - 1))
        self.assertEqual(self.redis(port, "SAVE"), "OK")
        process.terminate()
        process.wait()
        self.umount()
        self.mount()
        process = self.start_redis(port)
        self.assertEqual(self.redis(port, "DBSIZE"), str(count))
        process.terminate()
        process.wait()
        self.umount()


if __name__ == "__main__":
    main()
