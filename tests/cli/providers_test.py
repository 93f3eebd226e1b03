"""Root keys at other places than key files: making them, and what the tool says of their providers."""

import os
import pty
import stat
import subprocess
import termios
import time

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
        self.refused(["rotate", "root", "c.coffer", "--to", self.keystore("root")], "invalid_argument", "128 bits",
                     "allow_weak_root=true")
        self.done("rotate", "root", "c.coffer", "--to", self.keystore("root") + "&allow_weak_root=true")
        self.done("status", "c.coffer")

    def test_a_wrong_password_is_not_taken_for_a_wrong_mode(self):
        self.done("keygen", self.keystore())
        self.done("init", "c.coffer", "--root", self.keystore())
        self.write("password", b"guessed", 0o600)
        run = self.refused(["status", "c.coffer"], "permission_denied", "store password is not right",
                           "hint: correct what store_password_file, ")
        self.assertNotIn("the file's mode", run.err)

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
        self.refused(["keygen", self.keystore("b", password="missing")], "permission_denied", "missing")
        self.refused(["keygen", self.keystore("")], "invalid_argument", "alias")
        self.refused(["keygen", f"keystore:{self.path('keys.p12')}?alias=b"], "invalid_argument", "store_password_file")
        self.refused(["init", "c.coffer", "--root", self.keystore("nobody")], "not_found", "nobody", "root")

    def test_json_names_keystore_and_alias(self):
        answer = self.done("keygen", self.keystore(), "--json").json()
        self.assertEqual(answer, {"keystore": self.path("keys.p12"), "alias": "root", "bits": 256})


class ProviderList(CliTest):
    def test_every_scheme_has_a_form_that_begins_with_it(self):
        answer = self.done("provider", "list", "--json").json()
        self.assertIn("file", [scheme["scheme"] for scheme in answer["schemes"]])
        for scheme in answer["schemes"]:
            self.assertTrue(scheme["form"].startswith(scheme["scheme"] + ":"), scheme)
            self.assertTrue(scheme["about"], scheme)
        self.assertEqual((answer["named"], answer["kmip_hosts"]), ([], []))
        text = self.done("provider", "list").out
        for scheme in answer["schemes"]:
            self.assertIn(scheme["form"], text)

    def test_what_is_configured_is_listed_without_options(self):
        self.write("c.yaml", b"""version: 1
key_providers:
  keys: {uri: 'keystore:/etc/keys.p12', store_password_env: P, alias: not-shown}
kmip_hosts:
  prod: {hosts: 'hsm1, hsm2:5697', cert: /c, key: /k, ca: /a}
""")
        run = self.done("provider", "list", "--config", "c.yaml")
        self.assertIn("provider:keys", run.out)
        self.assertIn("keystore:/etc/keys.p12", run.out)
        self.assertIn("kmip:prod/KEY", run.out)
        self.assertIn("hsm2:5697", run.out)
        self.assertNotIn("not-shown", run.out)
        answer = self.done("provider", "list", "--config", "c.yaml", "--json").json()
        self.assertEqual(answer["named"], [{"name": "keys", "uri": "keystore:/etc/keys.p12"}])
        self.assertEqual(answer["kmip_hosts"], [{"group": "prod", "hosts": ["hsm1:5696", "hsm2:5697"]}])

    def test_a_coffer_will_do_for_its_configuration(self):
        self.make_coffer()
        with open(self.path("c.coffer/coffer.yaml"), "a", encoding="utf-8") as file:
            file.write(f"key_providers: {{mine: {{uri: 'file://{self.path('root.key')}'}}}}\n")
        for run in (self.done("provider", "list", "--config", "c.coffer"),
                    self.done("provider", "list", environment={"COFFER": self.path("c.coffer")})):
            self.assertIn("provider:mine", run.out)

    def test_a_configuration_that_is_wrong_is_refused(self):
        self.write("c.yaml", b"nonsense: 1\n")
        self.refused(["provider", "list", "--config", "c.yaml"], "invalid_argument", "c.yaml:1", "nonsense")
        self.refused(["provider", "list", "--config", "missing.yaml"], "not_found", "missing.yaml")


class ProviderCheck(KeystoreTest):
    STEPS = ["open", "current key", "wrap", "unwrap", "another slot is refused", "unwrap by the kept URI"]

    def test_a_provider_that_works_passes_every_step(self):
        self.make_key()
        self.done("keygen", self.keystore())
        for uri in (self.uri("root.key"), "root.key", self.keystore()):
            run = self.done("provider", "check", uri)
            self.assertIn("it works", run.out)
            answer = self.done("provider", "check", uri, "--json").json()
            self.assertTrue(answer["works"])
            self.assertEqual([step["step"] for step in answer["steps"]], self.STEPS)
            for step in answer["steps"]:
                self.assertTrue(step["ok"])
                self.assertGreaterEqual(step["milliseconds"], 0)
        self.assertEqual(answer["uri"], self.keystore())

    def failing(self, uri, step, code, *says, **options):
        run = self.problems("provider", "check", uri, **options)
        self.assertIn(f"{step} failed: ", run.out)
        for part in says:
            self.assertIn(part, run.out)
        answer = self.problems("provider", "check", uri, "--json", **options).json()
        self.assertFalse(answer["works"])
        last = answer["steps"][-1]
        self.assertEqual((last["step"], last["ok"], last["error"]["code"]), (step, False, code))

    def test_what_is_wrong_is_said_with_the_step_and_a_hint(self):
        self.done("keygen", self.keystore())
        self.write("wrong", b"wrong", 0o600)
        self.failing("nothing:x", "open", "invalid_argument", "nothing:", "hint: known: file:")
        self.failing("missing.key", "current key", "not_found", "missing.key", "hint: coffer keygen")
        self.failing(self.keystore("b"), "current key", "not_found", '"b"', "root")
        self.failing(self.keystore(password="wrong"), "current key", "permission_denied", "store password", "hint: ")
        self.write("open.key", os.urandom(32), 0o644)
        self.failing("open.key", "current key", "permission_denied", "hint: run chmod 600")

    def test_an_option_that_holds_a_secret_by_mistake_is_not_repeated(self):
        run = self.problems("provider", "check", f"keystore:/k.p12?store_password={self.password.decode()}")
        self.assertNotIn(self.password.decode(), run.out + run.err)

    def test_named_ones_are_found_in_the_configuration(self):
        self.done("keygen", self.keystore())
        self.write("c.yaml", f"version: 1\nkey_providers: {{keys: {{uri: 'keystore:{self.path('keys.p12')}', "
                             f"store_password_file: '{self.path('password')}'}}}}\n".encode())
        run = self.done("provider", "check", "provider:keys?alias=root", "--config", "c.yaml")
        self.assertIn("it works", run.out)
        self.failing("provider:keys", "open", "invalid_argument", "no provider")


class SealValue(KeystoreTest):
    def setUp(self):
        super().setUp()
        self.make_key("sealing.key")

    def sealed(self, name="store_password", value=None, *words):
        return self.done("seal-value", name, "--key", "sealing.key", "--for", "keystore:", *words,
                         stdin=value or self.password)

    def test_what_it_prints_may_stand_in_coffer_yaml(self):
        self.done("keygen", self.keystore())
        prepared = (f"version: 1\nsealing_key: {self.path('sealing.key')}\nkey_providers:\n  keys:\n"
                    f"    uri: keystore:{self.path('keys.p12')}\n")
        self.write("prepared.yaml", prepared.encode())
        text = self.done("seal-value", "store_password", "--for", "provider:keys", "--config", "prepared.yaml",
                         stdin=self.password).out.strip()
        self.assertRegex(text, r"^sealed:v1:[A-Za-z0-9+/=]+$")
        self.write("prepared.yaml", f"{prepared}    store_password_sealed: {text}\n".encode())
        moved = prepared.replace("keys:\n", "others:\n")
        self.write("moved.yaml", f"{moved}    store_password_sealed: {text}\n".encode())
        self.assertIn("for another place than store_password of provider:others",
                      self.problems("provider", "check", "provider:others", "--config", "moved.yaml").out)
        os.remove(self.path("password"))
        self.done("init", "c.coffer", "--root", "provider:keys", "--template", "prepared.yaml")
        self.done("rotate", "root", "c.coffer")
        self.assertIn("it works", self.done("provider", "check", "provider:keys", "--config", "c.coffer").out)

    def test_or_in_a_uri_with_the_key_in_the_environment(self):
        text = self.sealed().out.strip().replace("+", "%2b").replace("=", "%3d")
        self.done("keygen", self.keystore())
        uri = f"keystore:{self.path('keys.p12')}?store_password_sealed={text}"
        self.done("provider", "check", uri, environment={"COFFER_SEALING_KEY": self.path("sealing.key")})
        run = self.problems("provider", "check", uri)
        self.assertIn("COFFER_SEALING_KEY", run.out)

    def test_an_end_of_line_does_not_belong_to_the_value_and_the_suffix_not_to_the_name(self):
        self.done("keygen", self.keystore())
        for name, value in (("store_password", self.password + b"\n"), ("store_password_sealed", self.password)):
            answer = self.sealed(name, value, "--json").json()
            self.assertEqual(answer["option"], "store_password_sealed")
            text = answer["value"].replace("+", "%2b").replace("=", "%3d")
            self.done("provider", "check", f"keystore:{self.path('keys.p12')}?store_password_sealed={text}",
                      environment={"COFFER_SEALING_KEY": self.path("sealing.key")})

    def test_a_value_does_not_open_under_another_name(self):
        self.done("keygen", self.keystore())
        text = self.sealed("key_password").out.strip().replace("+", "%2b").replace("=", "%3d")
        run = self.problems("provider", "check", f"keystore:{self.path('keys.p12')}?store_password_sealed={text}",
                            environment={"COFFER_SEALING_KEY": self.path("sealing.key")})
        self.assertIn("store_password_sealed", run.out)
        self.assertIn("another place", run.out)

    def test_typed_at_a_terminal_it_is_not_shown(self):
        ours, theirs = pty.openpty()
        process = self.start("seal-value", "store_password", "--for", "keystore:", "--key", "sealing.key",
                             stdin=theirs)
        self.assertIn(b"not shown", process.stderr.readline())
        while termios.tcgetattr(theirs)[3] & termios.ECHO:
            time.sleep(0.01)
        os.write(ours, "\u00f6\x7f".encode() + self.password + b"\n")  # backspace takes back a character, not a byte
        run = self.outcome(process)
        self.assertEqual(run.status, 0, run)
        self.assertTrue(run.out.startswith("sealed:v1:"), run)
        self.assertTrue(termios.tcgetattr(theirs)[3] & termios.ECHO, "as it was before")
        os.close(theirs)
        try:
            shown = os.read(ours, 4096)
        except OSError:  # how a pseudo-terminal ends
            shown = b""
        os.close(ours)
        self.assertNotIn(self.password, shown)
        self.done("keygen", self.keystore())
        text = run.out.strip().replace("+", "%2b").replace("=", "%3d")
        self.done("provider", "check", f"keystore:{self.path('keys.p12')}?store_password_sealed={text}",
                  environment={"COFFER_SEALING_KEY": self.path("sealing.key")})

    def test_what_cannot_be_sealed_is_refused(self):
        for value in (b"", b"\n", b"two\nlines", b"x" * 4097):
            code = "limit_exceeded" if len(value) > 4096 else "invalid_argument"
            self.refused(["seal-value", "token", "--for", "vault:", "--key", "sealing.key"], code, stdin=value)
        self.refused(["seal-value", "token", "--for", "vault:"], "invalid_argument", "--key", stdin=b"x")
        self.refused(["seal-value", "token", "--for", "vault:", "--key", "missing"], "not_found", "missing", stdin=b"x")
        for where, code in (("", "invalid_argument"), ("prod", "invalid_argument"), ("provider:no", "invalid_argument"),
                            ("kmip:no", "not_found")):
            self.refused(["seal-value", "token", "--for", where, "--key", "sealing.key"], code, stdin=b"x")


class InitFromAConfiguration(KeystoreTest):
    def prepare(self):
        self.done("keygen", self.keystore())
        text = (f"# ours\nversion: 1\ncipher: aes-128-gcm\nkey_providers:\n  keys:\n"
                f"    uri: 'keystore:{self.path('keys.p12')}'\n"
                f"    store_password_file: '{self.path('password')}'\n").encode()
        self.write("prepared.yaml", text)
        return text

    def test_it_is_taken_over_with_what_is_in_it_and_its_names_may_be_used_at_once(self):
        text = self.prepare()
        self.done("init", "c.coffer", "--root", "provider:keys?alias=root", "--template", "prepared.yaml")
        taken = self.read("c.coffer/coffer.yaml")
        begin, rest = text.split(b"cipher", 1)
        self.assertTrue(taken.startswith(begin + b"coffer: "), taken)
        self.assertIn(b"cipher" + rest, taken)
        self.assertIn(b'roots:\n  "root-1":\n    uri: "provider:keys"\n', taken)
        answer = self.done("status", "c.coffer", "--json").json()
        self.assertEqual(answer["config"]["cipher"], "aes-128-gcm")
        for words in (["status", "c.coffer"], ["keyring", "show", "c.coffer"], ["inspect", "c.coffer/keyring"],
                      ["rotate", "root", "c.coffer"]):
            run = self.done(*words)
            self.assertIn("provider:keys?alias=root", run.out)
            self.assertIn('key "root" (fingerprint ', run.out, "described by the provider that is configured")

    def test_it_and_the_flags_exclude_each_other(self):
        self.prepare()
        for flag in (["--cipher", "aes-256-gcm"], ["--anchor", "anchor"], ["--reads", "pread"]):
            self.refused(["init", "c.coffer", "--root", "provider:keys", "--template", "prepared.yaml", *flag],
                         "invalid_argument", flag[0], "--template")

    def test_a_wrong_one_makes_nothing(self):
        self.make_key()
        self.write("prepared.yaml", b"cipher: rot13\n")
        self.refused(["init", "c.coffer", "--root", self.uri("root.key"), "--template", "prepared.yaml"],
                     "invalid_argument", "prepared.yaml:1", "cipher")
        self.assertFalse(os.path.exists(self.path("c.coffer")))


if __name__ == "__main__":
    main()
