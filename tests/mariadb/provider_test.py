"""A server whose coffer's root key is in PyKMIP: away for a while, and revoked."""

import os
import signal

from server import MARK, MariadbTest, main, wait_until

from kmip_test import Server as Pykmip  # found where server.py looks

TABLE = f"create database d; create table d.t (a int primary key, b text) engine=innodb; insert into d.t values " \
        f"(1, '{MARK}')"


class ProviderTest(MariadbTest):
    def setUp(self):
        super().setUp()
        self.pykmip = Pykmip()
        self.addCleanup(self.pykmip.stop)

    def make_kmip_coffer(self, policy=""):
        self.done("kmip", "create", self.pykmip.address(), "server")
        uri = self.pykmip.address("/server").replace("timeout_millis=10000", "timeout_millis=2000")
        self.done("init", "c.coffer", "--root", uri)
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("mariadb: {keys: {1: system}}\n" + policy)

    def test_a_provider_that_is_away_stops_no_server_that_runs_and_lets_none_start(self):
        self.make_kmip_coffer()
        server = self.make_server()
        server.start()
        server.sql(TABLE)
        os.kill(self.pykmip.process.pid, signal.SIGSTOP)
        try:
            server.sql("insert into d.t values (2, 'more'); create table d.u (a int primary key) engine=innodb")
            server.stop()
            self.assertIn(f"127.0.0.1:{self.pykmip.port}", server.refuses_to_start())
        finally:
            os.kill(self.pykmip.process.pid, signal.SIGCONT)
        server.start()
        self.assertEqual(server.sql("select count(*) from d.t"), [["2"]])
        self.assertEqual(server.files_with(MARK), [])

    def test_a_root_key_that_is_revoked_is_the_end_where_the_policy_says_so(self):
        self.make_kmip_coffer("policy: {on_revoked: fence}\n")
        server = self.make_server()
        server.start()
        server.sql(TABLE)
        key = self.done("kmip", "list", self.pykmip.address(), "--json").json()["keys"][0]["id"]
        self.done("kmip", "revoke", self.pykmip.address(), key, "--yes")
        wait_until(lambda: "its keys were wiped from memory" in server.log_text(), "the root key is looked at")
        self.assertIn("Wrong create options", server.fails("create table d.u (a int primary key) engine=innodb"))
        self.assertIn("its latest key is not handed out: key_unavailable", server.log_text())
        # InnoDB writes no page without a key: it ends the server.
        server.client("insert into d.t select seq, repeat('x', 4000) from seq_10_to_2000; flush tables d.t for export",
                      "-D", "d")
        server.process.wait(timeout=60)
        self.assertEqual(server.process.returncode, -signal.SIGABRT)
        self.assertEqual(server.files_with(MARK), [])

        # A new root key, and everything is there.
        self.done("kmip", "create", self.pykmip.address(), "server")
        self.done("rotate", "root", "c.coffer")
        server.start()
        self.assertEqual(server.sql("select b from d.t where a = 1"), [[MARK]])


if __name__ == "__main__":
    main()
