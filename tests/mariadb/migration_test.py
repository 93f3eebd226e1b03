"""From Debian's file_key_management to Coffer's plug-in and back, as docs/mariadb.md has it."""

from server import ENCRYPTED, MARK, SMALL, MariadbTest, Server, main, wait_until

BINLOG = ("--log-bin=bin", "--server-id=1", "--binlog-format=ROW")
IN_CLEAR = ("--innodb-encrypt-tables=OFF", "--innodb-encrypt-log=OFF", "--encrypt-binlog=OFF",
            "--aria-encrypt-tables=OFF", "--innodb-encryption-threads=2")
COUNT = "select (select count(*) from d.t), (select count(*) from d.named), (select count(*) from d.aria)"


class MigrationTest(MariadbTest):
    def test_every_table_comes_over_from_file_key_management(self):
        self.write("keys.txt", b"1;" + b"11" * 32 + b"\n100;" + b"22" * 32 + b"\n", 0o600)
        theirs = ("--plugin-load-add=file_key_management", f"--file-key-management-filename={self.path('keys.txt')}")
        server = Server(self, options=(*SMALL, *BINLOG))
        server.start(*ENCRYPTED, *theirs)
        server.sql(f"""create database d; use d;
            create table t (a int primary key, b varchar(100)) engine=innodb;
            create table named (a int primary key, b varchar(100)) engine=innodb encrypted=yes encryption_key_id=100;
            create table aria (a int, b varchar(100)) engine=aria transactional=1;
            insert into t select seq, concat('{MARK}', seq) from seq_1_to_500;
            insert into named select * from t;
            insert into aria select * from t;""")

        # Step 1, still with their plug-in: everything in clear.
        self.to_clear(server)
        server.stop()
        server.start(*IN_CLEAR, *theirs)
        self.wait_until_clear(server)
        server.stop()

        # Step 2, with ours.
        self.make_mariadb_coffer()
        ours = self.make_server(options=BINLOG)
        ours.start()
        self.assertEqual(ours.sql(COUNT), [["500", "500", "500"]])
        ours.sql("alter table d.aria force; alter table d.named encrypted=yes encryption_key_id=100; reset master")
        ours.wait_for_version(1, of_key=1)
        self.assertEqual(ours.versions()["d/named"], (100, 1, 1))
        ours.stop()
        self.assertEqual(ours.files_with(MARK), [])
        ours.start()
        self.assertEqual(ours.sql(COUNT), [["500", "500", "500"]])

        # And back to clear, as before uninstalling.
        self.to_clear(ours)
        ours.stop()
        back = Server(self, options=(*SMALL, *BINLOG))
        back.start(*IN_CLEAR, *self.ours())
        self.wait_until_clear(back)
        back.stop()
        back.start()
        self.assertEqual(back.sql(COUNT), [["500", "500", "500"]])

    def ours(self):
        return ("--plugin-load-add=coffer_key_management", "--plugin-maturity=beta", *self.with_coffer("c.coffer"))

    def to_clear(self, server):
        """While the server encrypts: tables that say themselves that they are encrypted, and Aria's."""
        server.sql("set global innodb_encrypt_tables = off; set global aria_encrypt_tables = off;"
                   "alter table d.named encrypted=default encryption_key_id=1; alter table d.aria force; reset master")

    def wait_until_clear(self, server):
        def is_clear():
            rows = server.sql("select min_key_version, current_key_version, rotating_or_flushing "
                              "from information_schema.innodb_tablespaces_encryption")
            return all(row == ["0", "0", "0"] for row in rows) or not rows
        wait_until(is_clear, "no tablespace is encrypted")


if __name__ == "__main__":
    main()
