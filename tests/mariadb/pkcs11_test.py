"""A server whose coffer's root key is in a token, SoftHSM: the module works inside the server, as the server's user."""

import unprivileged  # noqa: F401, I001  # else no right to a file could be missing

import os

from server import MARK, MariadbTest, main

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = b"314159-pin-of-the-token"
TABLE = f"create database d; create table d.t (a int primary key, b text) engine=innodb; insert into d.t values " \
        f"(1, '{MARK}')"


class Pkcs11Test(MariadbTest):
    def setUp(self):
        super().setUp()
        self.secrets.add(PIN)
        self.write("pin", PIN + b"\n", 0o600)
        os.mkdir(self.path("tokens"))
        self.write("softhsm2.conf", f"directories.tokendir = {self.path('tokens')}\n".encode())
        os.environ["SOFTHSM2_CONF"] = self.path("softhsm2.conf")
        self.addCleanup(os.environ.pop, "SOFTHSM2_CONF", None)
        run = self.run_program(["softhsm2-util", "--init-token", "--free", "--label", "db", "--so-pin", "0000",
                                "--pin", PIN.decode()])
        self.assertEqual(run.status, 0, run)
        self.done("init", "c.coffer", "--root", self.root("first"))
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write("mariadb: {keys: {1: system}}\n")
        self.server = self.make_server()

    def root(self, name):
        return f"pkcs11:token=db;object={name}?module-path={MODULE}&pin-source=file:{self.path('pin')}&create=true"

    def start(self):
        self.server.start()
        self.assertNotIn(PIN.decode(), self.server.log_text())

    def test_the_root_key_is_rotated_within_the_token_while_the_server_writes(self):
        self.start()
        self.server.sql(TABLE)
        self.done("rotate", "root", "c.coffer", "--to", self.root("second"))
        run = self.run_program(["pkcs11-tool", "--module", MODULE, "--token-label", "db", "--login", "--pin",
                                PIN.decode(), "--delete-object", "--type", "secrkey", "--label", "first"])
        self.assertEqual(run.status, 0, run)
        # What the server takes over now was locked with the second key, which its module has not seen before.
        self.server.rotate("system", 1)
        self.server.sql("insert into d.t values (2, 'more')")
        self.server.stop()
        self.start()
        self.assertEqual(self.server.sql("select b from d.t"), [[MARK], ["more"]])
        self.assertEqual(self.server.files_with(MARK), [])
        self.server.stop()

    def test_a_token_that_is_away_stops_no_server_that_runs_and_lets_none_start(self):
        self.start()
        self.server.sql(TABLE)
        os.rename(self.path("tokens"), self.path("elsewhere"))
        self.server.sql("insert into d.t values (2, 'more'); create table d.u (a int primary key) engine=innodb")
        self.server.stop()
        files = self.server.innodb_files()
        said = self.server.refuses_to_start()
        self.assertIn("coffer_key_management: coffer " + self.path("c.coffer"), said)
        self.assertIn("PKCS#11 token db, key first", said)
        self.assertEqual(self.server.innodb_files(), files)
        os.rename(self.path("elsewhere"), self.path("tokens"))
        self.start()
        self.assertEqual(self.server.sql("select count(*) from d.t"), [["2"]])
        self.server.stop()

    def test_what_the_servers_environment_or_user_lacks_is_said(self):
        without_rights = {"tokens": "does not start: CKR_GENERAL_ERROR", "pin": "no PIN: " + self.path("pin")}
        for name, expected in without_rights.items():
            mode = os.stat(self.path(name)).st_mode
            os.chmod(self.path(name), 0)
            said = self.server.refuses_to_start()
            os.chmod(self.path(name), mode)
            self.assertIn("PKCS#11 token db, key first", said)
            self.assertIn(expected, said)
        place = os.environ.pop("SOFTHSM2_CONF")
        self.assertIn("its own set-up in this process's environment", self.server.refuses_to_start())
        os.environ["SOFTHSM2_CONF"] = place
        self.start()
        self.server.stop()


if __name__ == "__main__":
    main()
