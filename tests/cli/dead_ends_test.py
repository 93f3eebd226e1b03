"""What is lost, mixed up or forgotten: each message says what to do next, and doing just that works."""

import os
import shlex
import subprocess

from harness import CliTest, main


class Lost(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.contents = self.make_store()

    def assert_readable(self, coffer="c.coffer"):
        for name, data in self.contents.items():
            self.assertEqual(self.done("cat", coffer, name).bytes, data)

    def test_a_lost_keyring_is_restored_from_a_backup(self):
        backup = self.read("c.coffer/keyring")
        os.remove(self.path("c.coffer/keyring"))
        place = self.path("c.coffer/keyring")
        for words in (["status"], ["verify"], ["rotate", "root"], ["cat"]):
            operands = ["store/raw"] if words == ["cat"] else []
            self.refused([*words, "c.coffer", *operands], "not_found", place, "restore the keyring from a backup")
        # Whoever tries to make it anew is not led away from the backup.
        self.refused(["init", "c.coffer", "--root", self.uri("root.key")], "already_exists",
                     f"restore {place} from a backup")
        self.write("c.coffer/keyring", backup, 0o600)
        self.assert_readable()

    def test_a_lost_configuration_is_written_anew_for_its_keyring(self):
        before = self.read("c.coffer/coffer.yaml")
        os.remove(self.path("c.coffer/coffer.yaml"))
        advice = f"coffer init {self.path('c.coffer')} --root URI --keep-keyring"
        self.refused(["status", self.path("c.coffer")], "not_found", advice)
        self.refused(["init", "c.coffer", "--root", self.uri("root.key")], "already_exists", advice)
        self.done(*shlex.split(advice.replace("URI", self.uri("root.key")))[1:])
        self.assertEqual(self.read("c.coffer/coffer.yaml"), before)
        self.assert_readable()
        self.done("rotate", "domain", "c.coffer", "system", "--rewrap")
        self.refused(["init", "c.coffer", "--root", self.uri("root.key"), "--keep-keyring"], "already_exists",
                     "coffer.yaml")

    def test_only_the_root_key_that_opens_the_keyring_gets_it_a_configuration(self):
        os.remove(self.path("c.coffer/coffer.yaml"))
        self.make_key("other.key")
        words = ["init", "c.coffer", "--keep-keyring", "--root"]
        self.refused([*words, self.uri("other.key")], "wrong_key", "c.coffer/keyring", "other.key")
        self.refused([*words, self.uri("none.key")], "not_found", "none.key")
        self.set_byte("c.coffer/keyring", 30)
        self.assertEqual(self.coffer(*words, self.uri("root.key")).status, 2)
        self.assertFalse(os.path.exists(self.path("c.coffer/coffer.yaml")))
        os.remove(self.path("c.coffer/keyring"))
        self.refused([*words, self.uri("root.key")], "not_found", "c.coffer/keyring")

    def test_a_configuration_elsewhere_is_written_anew_with_its_options(self):
        os.mkdir(self.path("etc"), 0o755)
        os.remove(self.path("c.coffer/coffer.yaml"))
        words = ["init", "--config", "etc/db.yaml", "--keyring", "c.coffer", "--root", self.uri("root.key"),
                 "--cipher", "chacha20-poly1305", "--anchor", self.path("anchor"), "--keep-keyring"]
        answer = self.done(*words, "--json").json()
        self.assertEqual(answer["config"], self.path("etc/db.yaml"))
        self.assert_readable("etc/db.yaml")
        self.assertIn("chacha20", self.read("etc/db.yaml").decode())
        # The anchor was asked: it believes no older keyring.
        old = self.read("c.coffer/keyring")
        self.done("rotate", "domain", "etc/db.yaml", "system")
        self.write("c.coffer/keyring", old, 0o600)
        os.remove(self.path("etc/db.yaml"))
        self.refused(words, "rolled_back", "keyring")


class MixedUp(CliTest):
    def test_a_file_of_another_coffer(self):
        self.make_coffer()
        contents = self.make_store()
        self.make_coffer("other.coffer", "other.key")
        self.refused(["cat", "other.coffer", "store/raw"], "key_unavailable", "store/raw", self.path("other.coffer"),
                     "if it is a file of another coffer, name that one")
        self.assertEqual(self.done("cat", "c.coffer", "store/raw").bytes, contents["store/raw"])

    def test_the_wrong_password_of_a_keystore(self):
        right = self.write("password", b"correct horse\n", 0o600)
        uri = f"keystore:{self.path('keys.p12')}?alias=root&store_password_file={right}"
        self.done("keygen", uri)
        self.done("init", "c.coffer", "--root", uri)
        self.write("password", b"battery staple\n", 0o600)
        self.refused(["status", "c.coffer"], "permission_denied", "keys.p12", "password is not right",
                     "correct what store_password_file")
        self.write("password", b"correct horse\n", 0o600)
        self.done("status", "c.coffer")
        os.remove(right)
        self.refused(["status", "c.coffer"], "permission_denied", right, "hint: put the password there")
        self.write("password", b"correct horse\n", 0o600)
        self.done("status", "c.coffer")


class ReadOnlyMount(CliTest):
    def test_it_can_be_read_and_whoever_writes_is_told(self):
        if self.in_mount_namespace():
            self.on_a_mount()

    def on_a_mount(self):
        disk = self.path("disk")
        os.mkdir(disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M,mode=755", "tmpfs", disk], check=True)
        self.make_key()
        self.make_coffer("disk/c.coffer")
        data = os.urandom(3000)
        self.make_file("disk/c.coffer", "disk/store/file", data)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        self.assertEqual(self.done("cat", "disk/c.coffer", "disk/store/file").bytes, data)
        for words in (["status", "disk/c.coffer"], ["verify", "disk/c.coffer"], ["store", "list", "disk/c.coffer"]):
            self.done(*words)
        writes = (["rotate", "domain", "disk/c.coffer", "system"], ["rotate", "root", "disk/c.coffer"],
                  ["domain", "add", "disk/c.coffer", "d", "--path", "disk/d"], ["keygen", "disk/new.key"],
                  ["init", "disk/new", "--root", self.uri("root.key")])
        for words in writes:
            self.refused(words, "permission_denied", disk, "mounted read-only", "mount it for writing")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        for words in writes:
            self.done(*words)


if __name__ == "__main__":
    main()
