"""Root keys at other places than key files: making them, and what the tool says of their providers."""

import os
import stat
import subprocess

from harness import CliTest, main


class KeystoreTest(CliTest):
    def setUp(self):
        super().setUp()
        self.password = b"correct horse battery"
        self.write("password", self.password + b"\n", 0o600)
        self.secrets.add(self.password)

    def keystore(self, alias="root", name="keys.p12", password="password"):
        return f"keystore:{self.path(name)}?alias={alias}&store_password_file={self.path(password)}"

    def keytool(self, *words):
        done = subprocess.run(["keytool", "-J-XX:TieredStopAtLevel=1", *words, "-storepass", self.password.decode()],
                              capture_output=True, check=False, cwd=self.directory)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.decode()


class KeygenInAKeystore(KeystoreTest):
    def test_it_makes_a_keystore_that_locks_a_coffer(self):
        run = self.done("keygen", self.keystore())
        self.assertIn("alias root", run.out)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("keys.p12")).st_mode), 0o600)
        self.done("init", "c.coffer", "--root", self.keystore())
        answer = self.done("status", "c.coffer", "--json").json()
        self.assertIn('key "root"', str(answer))
        self.assertIn("keys.p12", self.done("status", "c.coffer").out)

    def test_keytool_lists_what_it_made_and_its_own_keys_lock_a_coffer_too(self):
        self.done("keygen", self.keystore(), "--bits", "128")
        self.keytool("-genseckey", "-keyalg", "AES", "-keysize", "256", "-alias", "theirs", "-keystore", "keys.p12")
        self.assertIn("root", self.keytool("-list", "-keystore", "keys.p12"))
        os.chmod(self.path("keys.p12"), 0o600)
        self.done("init", "c.coffer", "--root", self.keystore("theirs"))
        self.done("rotate", "root", "c.coffer", "--to", self.keystore("root"))
        self.done("status", "c.coffer")

    def test_an_alias_is_never_overwritten(self):
        self.done("keygen", self.keystore())
        self.refused(["keygen", self.keystore()], "already_exists", "keys.p12", "root", "another alias")
        self.refused(["keygen", self.keystore(), "--overwrite"], "invalid_argument", "never overwritten")
        self.refused(["keygen", self.keystore("ROOT")], "already_exists", "ROOT")
        self.done("keygen", self.keystore("next"))

    def test_what_is_wrong_is_said_and_leaves_the_keystore_as_it_is(self):
        self.done("keygen", self.keystore())
        self.write("wrong", b"wrong", 0o600)
        self.write("open", b"correct", 0o644)
        self.refused(["keygen", self.keystore("b", password="wrong")], "permission_denied", "store password")
        self.refused(["keygen", self.keystore("b", password="open")], "permission_denied", "chmod 600")
        self.refused(["keygen", self.keystore("b", password="missing")], "not_found", "missing")
        self.refused(["keygen", self.keystore("")], "invalid_argument", "alias")
        self.refused(["keygen", f"keystore:{self.path('keys.p12')}?alias=b"], "invalid_argument", "store_password_file")
        self.refused(["init", "c.coffer", "--root", self.keystore("nobody")], "not_found", "nobody", "root")

    def test_json_names_keystore_and_alias(self):
        answer = self.done("keygen", self.keystore(), "--json").json()
        self.assertEqual(answer, {"keystore": self.path("keys.p12"), "alias": "root", "bits": 256})


if __name__ == "__main__":
    main()
