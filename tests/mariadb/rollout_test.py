"""A MariaDB server on the node that uses a new key first, and what its pages do when that key is taken back."""

import os
import time

from server import MARK, MariadbTest, main, wait_until

PAGE_SIZE = 16384
SETTLED_S = 3  # how long InnoDB's threads are watched for work that has no end
MAKE_TABLES = f"""
create database d; use d;
create table d.t (a int primary key, b varchar(100), key (b)) engine=innodb;
create table d.aria (a int, b varchar(100)) engine=aria transactional=1;
insert into d.t select seq, concat('{MARK}', seq) from seq_1_to_2000;
insert into d.aria select seq, concat('{MARK}', seq) from seq_1_to_200;
"""
COUNT = "select count(*), sum(a) from d.t; select count(*) from d.aria"


class Rollouts(MariadbTest):
    def setUp(self):
        super().setUp()
        self.make_mariadb_coffer(keys="1: system")
        for name in ("db-2", "db-1"):  # the last one is this node; of the other nothing runs
            if os.path.exists(self.path("c.coffer/node.key")):
                os.remove(self.path("c.coffer/node.key"))
            self.done("node", "new", "c.coffer", name)
            self.done("node", "enrol", "c.coffer", self.done("node", "request", "c.coffer").out.strip())
        self.server = self.make_server(options=("--log-bin=bin", "--server-id=1"))
        self.server.start()
        self.server.sql(MAKE_TABLES)

    def begin(self):
        """A key that this node uses first; which one is, is chance. Its version, and of how many keys it is the newest
        that were made for that."""
        for _ in range(40):
            self.done("rotate", "domain", "c.coffer", "system", "--canary")
            (rollout,) = self.done("rollout", "list", "c.coffer", "--json").json()["rollouts"]
            if rollout["nodes"] == ["db-1"]:
                return rollout["version"]
            self.done("rollout", "undo", "c.coffer", "system")
        raise AssertionError("this node was never the first of two")

    def use(self, version):
        """What is written under it is of that version from now on."""
        self.server.wait_for_keys(version)
        number = time.monotonic_ns() % 1_000_000_000 + 10_000
        self.server.sql(f"insert into d.t values ({number}, '{MARK}'); insert into d.aria values (1, '{MARK}');"
                        "flush binary logs; flush tables")

    def counts(self):
        return self.server.sql(COUNT)

    def expect_after_restarts(self, counts):
        self.server.stop()
        self.server.start()
        self.assertEqual(self.counts(), counts)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.counts(), counts)

    def versions_of_pages(self):
        """Of those in the file of d.t, by which version each is encrypted; the server is stopped for that."""
        self.server.stop()
        with open(self.path("db/d/t.ibd"), "rb") as file:
            pages = iter(lambda: file.read(PAGE_SIZE), b"")
            found = {int.from_bytes(page[:4], "big") for page in pages}
        self.server.start()
        return found - {0}  # the first page is in clear, and what was never written

    def rotated_pages(self):
        rows = self.server.sql("show global status like 'innodb_encryption_rotation_pages_%'")
        return {name: int(value) for name, value in rows}

    def test_pages_follow_a_key_to_the_canary_on_and_back(self):
        self.done("rotate", "domain", "c.coffer", "system")
        version = self.begin()
        self.server.wait_for_version(version)
        self.use(version)
        self.done("rollout", "advance", "c.coffer", "system", "--wait")
        self.done("rollout", "advance", "c.coffer", "system", "--wait")
        self.expect_after_restarts(self.counts())

        # Once more, and back when every page is under the new key.
        self.done("rotate", "domain", "c.coffer", "system")
        before = self.done("keyring", "show", "c.coffer", "--json").json()["domains"][0]["keys"][-1]["version"]
        version = self.begin()
        self.server.wait_for_version(version)
        self.use(version)
        self.done("rollout", "undo", "c.coffer", "system")
        self.use(before)
        self.server.sql("create table d.after (a int primary key) engine=innodb; insert into d.after values (1)")
        self.assertEqual(self.server.versions()["d/after"][1:], (before, before))
        done = self.rotated_pages()
        time.sleep(SETTLED_S)
        self.assertEqual(self.rotated_pages(), done, "pages of a newer version are let alone")
        self.expect_after_restarts(self.counts())
        self.assertNotIn("not handed out", self.server.log_text())
        self.assertIn(f"key id 1, domain system: key version {before} is the latest again, after {version}",
                      self.server.log_text())
        # InnoDB has never seen a version go back: of the lowest it says what was so before.
        self.assertEqual(self.versions_of_pages(), {before, version})
        self.assertEqual(self.server.versions()["d/t"][1:], (version, before))

        # What comes next is newer than what was taken back, and tells the truth again.
        self.server.rotate("system", of_key=1)
        lowest = self.server.versions()["d/t"][1]
        self.assertGreater(lowest, version)
        self.assertGreaterEqual(min(self.versions_of_pages()), lowest)
        self.expect_after_restarts(self.counts())
        self.assertEqual(self.server.files_with(MARK), ["aria_log.00000001"])


if __name__ == "__main__":
    main()
