"""mariadb-backup on a server with the plug-in, while it writes; and what is restored."""

import os
import subprocess

from server import MARK, SMALL, USER, MariadbTest, main


class BackupTest(MariadbTest):
    def backup(self, defaults, *words):
        done = subprocess.run(["/usr/bin/mariadb-backup", defaults, *words], capture_output=True, text=True,
                              timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-4000:])

    def server_with_accounts(self, name):
        server = self.make_server(name=name)
        server.options.remove("--skip-grant-tables")
        return server

    def test_what_was_backed_up_is_encrypted_and_is_restored_by_the_coffer(self):
        self.make_mariadb_coffer()
        server = self.server_with_accounts("db")
        installed = self.run_program(
            ["/usr/bin/mariadb-install-db", "--no-defaults", f"--user={USER}", f"--datadir={server.data}",
             f"--tmpdir={server.temporary}", "--auth-root-authentication-method=normal", "--skip-test-db", *SMALL])
        self.assertEqual(installed.status, 0, installed)
        server.start()
        server.sql("create database d; use d; create table t (a int primary key, b varchar(100)) engine=innodb;"
                   f"insert into t select seq, concat('{MARK}', seq) from seq_1_to_3000")
        server.rotate("system", of_key=1)
        self.backup("--no-defaults", "--backup", f"--target-dir={self.path('backup')}", f"--socket={server.socket}",
                    f"--user={USER}", f"--datadir={server.data}")
        server.stop()
        # Where the plug-in is, and the coffer, the backup says itself.
        self.backup(f"--defaults-file={self.path('backup/backup-my.cnf')}", "--prepare",
                    f"--target-dir={self.path('backup')}")
        restored = self.server_with_accounts("restored")
        os.rmdir(self.path("restored/mysql"))
        self.assertEqual(server.files_with(MARK), [])
        self.backup("--no-defaults", "--copy-back", f"--target-dir={self.path('backup')}",
                    f"--datadir={restored.data}")
        self.assertEqual(restored.files_with(MARK), [])
        restored.start()
        self.assertEqual(restored.sql("select count(*), max(b) from d.t"), [["3000", f"{MARK}999"]])
        self.assertEqual(restored.sql("check table d.t")[0][-1], "OK")


if __name__ == "__main__":
    main()
