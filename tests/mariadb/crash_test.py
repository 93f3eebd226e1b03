"""Servers that are killed while they write and their keys are rotated: no commit that was acknowledged is lost."""

import contextlib
import subprocess
import threading

from server import MARK, MariadbTest, main, seed, wait_until

ROUNDS = 24
WRITERS = 3
BINLOG = ("--log-bin=bin", "--server-id=1", "--binlog-format=ROW", "--sync-binlog=1",
          "--innodb-flush-log-at-trx-commit=1")


class Writer:
    """A client that inserts rows one by one, and says which ones were committed."""

    def __init__(self, server, first):
        self.acknowledged = []
        statements = "".join(f"insert into d.t values ({number}, concat('{MARK}', {number}), repeat('x', 900));\n"
                             f"select {number};\n" for number in range(first, first + 100000))
        self.process = subprocess.Popen(
            ["/usr/bin/mariadb", "--no-defaults", "-S", server.socket, "-N", "-B", "--unbuffered"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.feeder = threading.Thread(target=self.feed, args=(statements,))
        self.reader = threading.Thread(target=self.read)
        self.feeder.start()
        self.reader.start()

    def feed(self, statements):
        # Until the server is gone, and the client with it.
        with contextlib.suppress(BrokenPipeError), self.process.stdin as stdin:
            stdin.write(statements)

    def read(self):
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.acknowledged.append(int(line))

    def end(self):
        self.process.wait(timeout=60)
        self.feeder.join()
        self.reader.join()
        self.process.stdout.close()
        return self.acknowledged


class CrashTest(MariadbTest):
    def test_no_acknowledged_commit_is_lost_however_often_the_server_is_killed(self):
        random = seed()
        self.make_mariadb_coffer()
        server = self.make_server(options=BINLOG)
        server.start()
        server.sql("create database d; create table d.t (a int primary key, b varchar(100), c text) engine=innodb")
        committed = set()
        for turn in range(ROUNDS):
            writers = [Writer(server, (turn * WRITERS + number) * 100000) for number in range(WRITERS)]
            rows = random.randrange(50, 600)
            wait_until(lambda: sum(len(writer.acknowledged) for writer in writers) >= rows // 2, "half of the rows")
            self.done("rotate", "domain", "c.coffer", "system")
            wait_until(lambda: sum(len(writer.acknowledged) for writer in writers) >= rows, "all of the rows")
            server.kill()
            for writer in writers:
                committed.update(writer.end())
            self.assertEqual(server.files_with(MARK), [])
            server.start()
            found = {int(number) for number, in server.sql("select a from d.t")}
            self.assertEqual(committed - found, set(), f"after kill {turn + 1}")
        self.assertEqual(server.sql("check table d.t")[0][-1], "OK")
        self.assertGreater(len(committed), ROUNDS * 50)
        server.wait_for_version(ROUNDS)  # the last key but one, or the last
        server.stop()


if __name__ == "__main__":
    main()
