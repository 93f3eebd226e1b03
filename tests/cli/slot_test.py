"""Several roots for one coffer, and recovery: by a passphrase, by shares, by a private key that is kept elsewhere."""

import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys

from harness import COFFER, CliTest, Run, main

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tools"))
from decoder.primitives import crc32c  # noqa: E402

PASSPHRASE = b"correct horse battery staple"


class SlotTest(CliTest):
    def setUp(self):
        super().setUp()
        self.make_coffer()
        self.secrets.add(PASSPHRASE)

    def roots(self, *options):
        """name → (kind, whether it opens by itself, whether it has a slot)."""
        rows = self.done("slot", "list", "c.coffer", "--json", *options).json()["roots"]
        return {row["name"]: (row["kind"], row["opens_by_itself"], row["slot"] is not None) for row in rows}

    def add_passphrase(self, *options):
        return self.done("slot", "add", "c.coffer", "--passphrase", "--scrypt", "16", *options, stdin=PASSPHRASE)

    def add_shares(self, of="2/3", *options):
        lines = self.done("slot", "add", "c.coffer", "--shares", of, "--name", "board", *options).out.splitlines()
        for line in lines:
            self.secrets.add(bytes.fromhex("".join(line.split("-")[6:14])))
            self.secrets.add("-".join(line.split("-")[6:14]).encode())
        return lines

    def add_key(self):
        self.run_program(["openssl", "genpkey", "-algorithm", "X25519", "-out", self.path("safe.pem")])
        self.run_program(["openssl", "pkey", "-in", self.path("safe.pem"), "-pubout", "-out",
                          self.path("recovery.pub.pem")])
        os.chmod(self.path("safe.pem"), 0o600)
        self.secrets.add(self.read("safe.pem").splitlines()[1])

    def by_passphrase(self):
        self.write("passphrase", PASSPHRASE + b"\n", 0o600)
        return "recovery?passphrase_file=" + self.path("passphrase")

    def by_shares(self, lines):
        for number, line in enumerate(lines):
            self.write(f"share-{number}", line.encode() + b"\n", 0o600)
        return "board?shares_file=" + ",".join(self.path(f"share-{number}") for number in range(len(lines)))

    def at_terminal(self, words, *answers):
        """The command with somebody at the terminal, who waits for each question; it may end before the last one."""
        leader, follower = pty.openpty()
        process = subprocess.Popen([COFFER, *words], cwd=self.directory, stdin=follower, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        os.close(follower)
        said = b""
        for answer in answers:
            while not re.search(rb"(needed|passphrase|again|slot): \Z", said):
                byte = process.stderr.read(1)
                if not byte:
                    break
                said += byte
            os.write(leader, answer + b"\n")
            said += b"\n"
        out, err = process.communicate(timeout=120)
        os.close(leader)
        run = Run(process.returncode, out, said + err)
        self.assert_no_secret(run)
        return run


class Drill(SlotTest):
    """docs/operating.md, "Drill: the key provider is lost", as it stands there."""

    def commands(self):
        with open(os.path.join(ROOT, "docs", "operating.md"), encoding="utf-8") as file:
            text = re.search(r"^### Drill: the key provider is lost$(.*?)^The keyring must be", file.read(),
                             re.MULTILINE | re.DOTALL)[1]
        blocks = [re.findall(r"^    coffer (.*)$", block, re.MULTILINE) for block in text.split("\n\n")]
        before, after = [block for block in blocks if block]
        return before, after

    def run_line(self, line, root=None):
        for there, here in (("/var/lib/db.coffer", "c.coffer"), ("/etc/coffer", self.directory)):
            line = line.replace(there, here)
        words = shlex.split(line)
        if root is not None and "--root" in words:
            words[words.index("--root") + 1] = root
        return self.coffer(*words, stdin=PASSPHRASE)

    def test_each_way_of_recovery_brings_everything_back(self):
        contents = self.make_store()
        self.add_key()
        before, after = self.commands()
        shares = None
        for line in before:
            run = self.run_line(line)
            self.assertEqual(run.status, 0, run)
            shares = run.out.splitlines() if "--shares" in line else shares
        os.remove(self.path("root.key"))
        for name in ("c.coffer", "store"):
            shutil.copytree(self.path(name), self.path("backup", name))
        run = self.coffer("status", "c.coffer")
        self.assertEqual(run.status, 2, run)
        self.assertIn("--root recovery", run.err)
        for root in (self.by_passphrase(), self.by_shares(shares[1:]), "safe?key=safe.pem"):
            with self.subTest(root.split("?")[0]):
                for name in ("c.coffer", "store"):
                    shutil.rmtree(self.path(name))
                    shutil.copytree(self.path("backup", name), self.path(name))
                for line in after:
                    run = self.run_line(line, root)
                    # The first one finds that the first slot's root is away.
                    self.assertEqual(run.status, 1 if line.startswith("status") else 0, run)
                self.assertEqual(self.done("cat", "c.coffer", "store/raw").bytes, contents["store/raw"])
                self.assertNotIn("root-1", self.roots())
                self.assertEqual(sorted(kind for kind, _, _ in self.roots().values()),
                                 ["file", "passphrase", "private key", "shares 2/3"])
                os.remove(self.path("new.key"))

    def test_the_configuration_may_be_lost_as_well(self):
        uri = re.search(r"recipient:\S+", self.add_passphrase().err)[0]
        os.remove(self.path("root.key"))
        os.remove(self.path("c.coffer/coffer.yaml"))
        root = self.by_passphrase().split("?")[1]
        self.done("init", "c.coffer", "--keep-keyring", "--root", f"{uri}&{root}")
        self.assertEqual(self.roots(), {"root-1": ("unknown", True, True), "recovery": ("passphrase", True, True)})
        self.refused(["rotate", "root", "c.coffer"], "key_unavailable", "the slot of root root-1 cannot be renewed")
        self.done("slot", "remove", "c.coffer", "root-1")
        self.done("rotate", "root", "c.coffer")


class Roots(SlotTest):
    def test_they_are_added_listed_renewed_and_removed(self):
        self.make_key("second.key")
        self.done("slot", "add", "c.coffer", "--by", self.uri("second.key"), "--name", "second")
        self.add_passphrase()
        everything = {"root-1": ("file", True, True), "second": ("file", True, True),
                      "recovery": ("passphrase", False, True)}
        self.assertEqual(self.roots(), everything)
        self.done("rotate", "root", "c.coffer")
        os.rename(self.path("root.key"), self.path("away"))
        self.assertEqual(self.roots(), everything)
        self.refused(["rotate", "root", "c.coffer"], "key_unavailable", "root-1", "cannot be renewed")
        status = self.coffer("status", "c.coffer")
        self.assertIn("recovery (passphrase, by hand)", status.out)
        self.done("slot", "remove", "c.coffer", "root-1")
        self.assertEqual(self.roots(), {name: row for name, row in everything.items() if name != "root-1"})
        self.refused(["slot", "remove", "c.coffer", "second"], "busy", "only by hand")
        self.done("slot", "remove", "c.coffer", "second", "--leave-by-hand")
        self.refused(["status", "c.coffer"], "key_unavailable", "--root recovery")
        self.refused(["slot", "remove", "c.coffer", "recovery", "--root", self.by_passphrase()], "busy", "only one")

    def test_a_clone_keeps_them(self):
        self.add_passphrase()
        self.done("store", "clone", "c.coffer", "clone")
        os.remove(self.path("root.key"))
        self.done("keyring", "show", "clone", "--root", self.by_passphrase())

    def test_what_is_wrong_is_said(self):
        for words, says in ((["slot", "add", "c.coffer"], "expected one of --by"),
                            (["slot", "add", "c.coffer", "--passphrase", "--shares", "2/3"], "expected one of --by"),
                            (["slot", "add", "c.coffer", "--shares", "3"], "expected M/N"),
                            (["slot", "add", "c.coffer", "--shares", "5/3"], "M of N"),
                            (["slot", "add", "c.coffer", "--shares", "2/3", "--configure-only"], "--configure-only"),
                            (["slot", "add", "c.coffer", "--shares", "2/3", "--scrypt", "16"], "--scrypt"),
                            (["slot", "add", "c.coffer", "--public-key", "root.key"], "X25519 public key")):
            self.refused(words, "invalid_argument", says)
        self.refused(["slot", "add", "c.coffer", "--passphrase"], "invalid_argument", "12 to 1024", stdin=b"short")
        run = self.coffer("slot", "add", "c.coffer", "--shares", "2/3", "--json")
        self.assertIn("without --json", run.error()["hint"])

    def test_another_node_takes_the_root_up_by_its_uri(self):
        self.add_passphrase()
        uri = self.done("slot", "list", "c.coffer", "--json").json()["roots"][1]["uri"]
        config = self.read("c.coffer/coffer.yaml").decode()
        self.write("c.coffer/coffer.yaml", re.sub(r'  "recovery":\n(    .*\n)+', "", config).encode())
        self.assertEqual(self.roots()["recovery"], ("unknown", True, True))
        self.done("slot", "add", "c.coffer", "--by", uri, "--configure-only")
        self.assertEqual(self.roots()["recovery"], ("passphrase", False, True))
        self.done("keyring", "show", "c.coffer", "--root", self.by_passphrase())

    def test_a_slot_that_somebody_adds_with_an_editor_is_tampering(self):
        self.make_key("stranger.key")
        self.done("init", "strange.coffer", "--root", self.uri("stranger.key"))
        strange, keyring = self.read("strange.coffer/keyring"), self.read("c.coffer/keyring")

        def slots_of(data):
            at = 104
            for skip in (24, 0, 1):
                at += skip
                at += 2 + struct.unpack_from("<H", data, at)[0]
            return data[104:at]

        added = slots_of(strange)
        for name in (b"root-1", b"root-9"):
            slot = added.replace(b"root-1", name)
            data = bytearray(keyring[:104] + slots_of(keyring) + slot + keyring[104 + len(slots_of(keyring)):-4])
            struct.pack_into("<H", data, 10, 2)
            self.write("c.coffer/keyring", bytes(data) + struct.pack("<I", crc32c(bytes(data))), 0o600)
            self.refused(["status", "c.coffer"], "tampered", "keyring")
        self.write("c.coffer/keyring", keyring, 0o600)
        self.done("status", "c.coffer")


class AtTheTerminal(SlotTest):
    def test_a_passphrase_is_asked_for_twice_and_then_opens(self):
        words = ["slot", "add", "c.coffer", "--passphrase", "--scrypt", "16"]
        run = self.at_terminal(words, PASSPHRASE, PASSPHRASE + b"x")
        self.assertEqual((run.status, "differ" in run.err), (2, True), run)
        self.assertEqual(self.at_terminal(words, PASSPHRASE, PASSPHRASE).status, 0)
        words = ["slot", "list", "c.coffer", "--root", "recovery"]
        self.assertEqual(self.at_terminal(words, PASSPHRASE).status, 0)
        run = self.at_terminal(words, b"wrong horse battery staple")
        self.assertEqual((run.status, "passphrase is not the one" in run.err), (2, True), run)
        self.refused(words, "permission_denied", "no terminal", "passphrase_file")

    def test_a_mistyped_share_is_asked_for_again(self):
        lines = [line.encode() for line in self.add_shares("2/3")]
        mistyped = lines[2].replace(lines[2][-8:], b"00000000")
        run = self.at_terminal(["slot", "list", "c.coffer", "--root", "board"], lines[0], mistyped, lines[0], lines[2])
        self.assertEqual(run.status, 0, run)
        self.assertIn("share 3, its checksum does not fit", run.err)
        self.assertIn("share 1 was given already", run.err)
        self.assertIn("share 2 of the 2 that are needed", run.err)
        self.refused(["slot", "list", "c.coffer", "--root", self.by_shares([lines[0].decode()])], "invalid_argument",
                     "1 of the 2 shares")


if __name__ == "__main__":
    main()
