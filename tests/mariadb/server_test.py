"""A MariaDB server on a coffer: what it encrypts, what it refuses, and what the coffer's keys do to it."""

import os
import shutil

from server import MARK, MariadbTest, main, wait_until

BINLOG = ("--log-bin=bin", "--server-id=1", "--binlog-format=ROW")
MAKE_TABLES = f"""
create database d; use d;
create table d.t (a int primary key, b varchar(100), key (b)) engine=innodb;
create table d.tenant (a int primary key, b varchar(100)) engine=innodb encryption_key_id=100;
create table d.aria (a int, b varchar(100)) engine=aria transactional=1;
insert into d.t select seq, concat('{MARK}', seq) from seq_1_to_2000;
insert into d.tenant select seq, concat('{MARK}', seq) from seq_1_to_200;
insert into d.aria select seq, concat('{MARK}', seq) from seq_1_to_200;
"""
COUNT = "select (select count(*) from d.t), (select count(*) from d.tenant), (select count(*) from d.aria)"
# What is larger than memory goes to disk.
SPILL = f"""
set tmp_memory_table_size = 0, sort_buffer_size = 65536;
select count(*) from (select b, count(*) from d.t group by concat(b, '{MARK}') order by b desc) as s;
create temporary table d.passing (a int primary key, b text) engine=innodb;
insert into d.passing select a, b from d.t;
"""


class EncryptionTest(MariadbTest):
    def test_no_file_holds_what_was_written_and_rotation_reaches_every_page(self):
        self.make_mariadb_coffer()
        server = self.make_server(options=(*BINLOG, "--tmpdir=" + self.path("db")))
        server.start()
        server.sql(MAKE_TABLES + SPILL)
        self.assertEqual(server.files_with(MARK), [])
        self.assertTrue(all(version == 1 for _, _, version in server.versions().values()), server.versions())
        server.stop()
        server.start()
        self.assertEqual(server.sql(COUNT), [["2000", "200", "200"]])

        # Seen by the server that runs, whose threads write every page anew.
        server.rotate("system", of_key=1)
        self.assertEqual(server.versions()["d/tenant"], (100, 1, 1))
        server.rotate("tenant-a", of_key=100)
        self.assertTrue(all(lowest == version == 3 for _, lowest, version in server.versions().values()))
        server.sql(f"insert into d.t values (5001, '{MARK}'); flush binary logs;")
        self.assertIn(MARK, server.sql("show binlog events in 'bin.000003'").__repr__() +
                      server.sql("select b from d.t where a = 5001").__repr__())
        server.stop()
        self.assertEqual(server.files_with(MARK), [])

        # What is under no page any more, and in no log since the restart, is not needed.
        self.done("rotate", "root", "c.coffer")
        server.start()
        self.assertEqual(server.sql(COUNT), [["2001", "200", "200"]])
        self.assertEqual(server.sql("select b from d.t where a = 5001"), [[MARK]])

    def test_what_the_server_leaves_in_clear_is_what_the_page_says(self):
        self.make_mariadb_coffer()
        server = self.make_server(options=("--general-log=1", "--general-log-file=general.log"))
        server.start()
        server.sql("create database d; create table d.aria (a int, b varchar(100)) engine=aria transactional=1;"
                   f"create table d.t (a int, b varchar(100) comment '{MARK} in a definition') engine=innodb;"
                   "create table d.myisam (a int, b varchar(100)) engine=myisam")
        for table in ("aria", "myisam", "t"):
            server.sql(f"insert into d.{table} values (1, '{MARK} in {table}')")
        server.stop()
        self.assertEqual(server.files_with(f"{MARK} in aria"), ["aria_log.00000001", "general.log"])
        self.assertEqual(server.files_with(f"{MARK} in myisam"), ["d/myisam.MYD", "general.log"])
        self.assertEqual(server.files_with(f"{MARK} in a definition"), ["d/t.frm", "general.log"])
        self.assertEqual(server.files_with(f"{MARK} in t"), ["general.log"])

    def test_a_server_that_does_not_get_its_keys_does_not_start_and_nothing_is_damaged(self):
        self.make_mariadb_coffer()
        self.make_mariadb_coffer("other.coffer", "other.key")
        server = self.make_server()
        server.start()
        server.sql(MAKE_TABLES)
        server.kill()  # its log has to be read at the next start

        self.assertIn("key id 1 was another key", self.refusal(server, "other.coffer"))
        self.edit("c.coffer/coffer.yaml", "100: tenant-a", "100: system")
        self.assertIn("key id 100 was another key", self.refusal(server))
        self.edit("c.coffer/coffer.yaml", ", 100: system", "")
        self.assertIn("been used with key id 100", self.refusal(server))
        self.edit("c.coffer/coffer.yaml", "mariadb: {keys: {1: system}}", "")
        self.assertIn("says nothing of MariaDB", self.refusal(server))
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("mariadb: {keys: {1: system, 100: tenant-a}}\n")
        os.rename(self.path("root.key"), self.path("away.key"))
        self.assertIn(self.path("root.key"), self.refusal(server))
        self.make_key("root.key")
        self.assertIn("the slot wants key id", self.refusal(server))
        os.rename(self.path("away.key"), self.path("root.key"))
        self.assertIn("no-such.coffer", self.refusal(server, "no-such.coffer"))
        self.assertIn("set coffer_key_management_coffer",
                      server.refuses_to_start("--coffer-key-management-coffer="))
        self.assertIn("to the absolute path", server.refuses_to_start("--coffer-key-management-coffer=../c.coffer"))

        server.start()
        self.assertEqual(server.sql(COUNT), [["2000", "200", "200"]])

    def refusal(self, server, coffer="c.coffer"):
        before = server.innodb_files()
        said = server.refuses_to_start(*self.with_coffer(coffer))
        self.assertEqual(server.innodb_files(), before)
        line = [line for line in said.splitlines() if "coffer_key_management: coffer" in line]
        self.assertEqual(len(line), 1, said)
        self.assertIn(f"coffer {self.path(coffer)}: ", line[0])
        return line[0]


class KeysTest(MariadbTest):
    def test_a_key_id_that_is_listed_while_the_server_runs_is_there_at_once(self):
        self.make_mariadb_coffer(keys="1: system")
        server = self.make_server()
        server.start()
        create = "create table d.t (a int primary key) engine=innodb encryption_key_id=100"
        server.sql("create database d")
        self.assertIn("Wrong create options", server.fails(create))
        self.assertIn(f"key id 100 is not in {self.path('c.coffer/coffer.yaml')}; list it there", server.log_text())
        self.edit("c.coffer/coffer.yaml", "1: system", "1: system, 100: tenant-a")
        wait_until(lambda: server.client(create).returncode == 0, "key id 100 is known")
        self.assertEqual(server.versions()["d/t"], (100, 1, 1))

    def test_keys_in_every_state_do_what_their_state_says(self):
        self.make_mariadb_coffer()
        server = self.make_server()
        server.start()
        server.sql(MAKE_TABLES)
        # The active key is suspended, or compromised, and a fresh one takes its place; all go on reading.
        self.done("key", "suspend", "c.coffer", "tenant-a:1")
        self.done("key", "compromise", "c.coffer", "system:1")
        server.wait_for_keys(2)
        server.stop()
        server.start()
        self.assertEqual(server.sql(COUNT), [["2000", "200", "200"]])
        server.stop()
        self.done("tenant", "lock", "c.coffer", "tenant-a")
        server.start()
        self.assertEqual(server.sql("select count(*) from d.t"), [["2000"]])
        self.assertIn("is corrupted", server.fails("select count(*) from d.tenant"))  # InnoDB has no other word for it
        self.assertIn('key id 100, domain tenant-a: key version 2 is not handed out: key_unavailable: key 2 of domain '
                      'tenant-a: domain "tenant-a" is locked', server.log_text())
        self.assertIn("Wrong create options",
                      server.fails("create table d.u (a int primary key) engine=innodb encryption_key_id=100"))
        server.stop()
        self.done("tenant", "unlock", "c.coffer", "tenant-a")
        server.start()
        self.assertEqual(server.sql(COUNT), [["2000", "200", "200"]])

        # Of a server that has its keys: the others go on, and so does it with what it has.
        server.sql(f"insert into d.tenant values (6000, '{MARK}')")
        self.done("tenant", "lock", "c.coffer", "tenant-a")
        wait_until(lambda: server.client("create table d.v (a int primary key) engine=innodb encryption_key_id=100; "
                                         "drop table d.v").returncode != 0 or "its latest key" in server.log_text(),
                   "the lock is seen")
        server.sql(f"insert into d.t values (6000, '{MARK}')")
        self.assertIn("its latest key is not handed out", server.log_text())

        # After a crash InnoDB needs the keys of whatever its log has, before it serves anybody.
        server.kill()
        self.assertIn("Encryption key is not found for ./d/tenant.ibd", server.refuses_to_start())
        self.done("tenant", "unlock", "c.coffer", "tenant-a")
        server.start()
        self.assertEqual(server.sql(COUNT), [["2001", "201", "200"]])

    def test_the_policy_rotates_keys_by_their_age_while_the_server_runs(self):
        self.make_mariadb_coffer()
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("policy: {domains: {tenant-a: {rotation_period: 1s}}}\n")
        server = self.make_server()
        server.start()
        server.sql(MAKE_TABLES)
        wait_until(lambda: "policy: domain tenant-a was rotated" in server.log_text(), "a key is a second old")
        wait_until(lambda: server.versions().get("d/tenant", (0, 0, 0))[1] >= 3, "pages follow")
        self.assertEqual(server.sql(COUNT), [["2000", "200", "200"]])

    def test_a_copy_of_a_data_directory_goes_with_a_clone_of_the_coffer(self):
        self.make_mariadb_coffer()
        server = self.make_server()
        server.start()
        server.sql(MAKE_TABLES)
        server.stop()
        shutil.copytree(self.path("db"), self.path("copy"))
        self.done("store", "clone", "c.coffer", "clone.coffer")
        with open(self.path("clone.coffer/coffer.yaml"), encoding="utf-8") as file:
            self.assertIn("mariadb", file.read())
        copy = self.make_server("clone.coffer", name="copy")
        copy.start()
        self.assertEqual(copy.sql(COUNT), [["2000", "200", "200"]])
        os.truncate(self.path("copy/coffer_key_management.check"), 40)
        copy.stop()
        self.assertIn("has a line that nobody wrote so", copy.refuses_to_start())


if __name__ == "__main__":
    main()
