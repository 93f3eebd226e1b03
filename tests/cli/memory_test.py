"""Root keys and passwords in the memory of a process that uses a coffer, and in its core file: not there.

A core file is what the kernel writes of a process that aborts. Where the machine hands it to a program instead (a
pattern in core_pattern that is no plain name) or allows none, it is put together here out of the same mappings: those
that are not marked as left out of dumps.
"""

import base64
import os
import re
import resource
import signal
import struct
import subprocess
import tempfile

from harness import COFFER, CliTest, main

HOLD_SECRETS = os.environ["HOLD_SECRETS"]
PIECE = 16  # bytes: half a key is as bad as a whole one


def core_goes_to_a_file():
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as file:
        pattern = file.read().strip()
    allowed = resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
    return allowed and bool(pattern) and not pattern.startswith("|") and "/" not in pattern


def pieces(secret):
    """What to look for: every aligned piece of a secret, as it is and as text."""
    out = [secret[at:at + PIECE] for at in range(0, max(1, len(secret) - PIECE + 1), PIECE)]
    texts = [secret.hex().encode()[:2 * PIECE], base64.b64encode(secret)[:20], base64.urlsafe_b64encode(secret)[:20]]
    return out + texts


def memory_in(core):
    """The mappings in a core file: all but the registers, in which a process that was just given a key may have it."""
    table, = struct.unpack_from("<Q", core, 0x20)
    entry_size, count = struct.unpack_from("<HH", core, 0x36)
    out = []
    for number in range(count):
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", core, table + number * entry_size)
        if kind == 1:  # PT_LOAD
            out.append(core[offset:offset + size])
    return out


class Memory:
    """Of a running process: what would be dumped of it, and what would not."""

    def __init__(self, pid):
        self.dumped, self.left_out = [], []
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as file:
            smaps = file.read()
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for mapping in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps)[1:]:
                begin, end = (int(text, 16) for text in mapping.split(" ", 1)[0].split("-"))
                flags = re.search(r"(?m)^VmFlags:(.*)$", mapping)[1].split()
                if not mapping.split(" ", 2)[1].startswith("rw") or "io" in flags:
                    continue
                memory.seek(begin)
                (self.left_out if "dd" in flags else self.dumped).append(memory.read(end - begin))

    @staticmethod
    def holds(images, secret):
        return any(piece in image for image in images for piece in pieces(secret))


class SecretsTest(CliTest):
    def setUp(self):
        super().setUp()
        self.password = os.urandom(16).hex().encode()
        self.write("password", self.password, 0o600)

    def places(self):
        """Name, what --root takes, and what hold_secrets takes."""
        self.done("keygen", "raw.key")
        self.done("keygen", "jwk.key", "--format", "jwk")
        keystore = f"keystore:{self.path('keys.p12')}?alias=root&store_password_file={self.path('password')}"
        self.done("keygen", keystore)
        return [("raw", self.uri("raw.key"), self.path("raw.key")),
                ("jwk", self.uri("jwk.key"), self.path("jwk.key")), ("keystore", keystore, keystore)]

    def root_key(self, place):
        run = self.run_program([HOLD_SECRETS, "reveal", place])
        self.assertEqual(run.status, 0, run)
        return bytes.fromhex(run.out.strip())

    def look(self, mode, place):
        """The memory of a process that waits there, and the core that it leaves when it aborts."""
        folder = self.path("run")
        os.makedirs(folder, exist_ok=True)
        environment = dict(os.environ)
        # Resolving a function at its first call writes the vector registers to the stack, with the key just received.
        if mode == "held":
            environment["LD_BIND_NOW"] = "1"
        process = subprocess.Popen([HOLD_SECRETS, mode, place], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n", process.stderr)
            memory = Memory(process.pid)
            process.send_signal(signal.SIGABRT)
        finally:
            process.stdout.close()
            process.stderr.close()
            self.assertEqual(process.wait(timeout=60), -signal.SIGABRT)
        if not core_goes_to_a_file():
            return memory, memory.dumped
        names = [name for name in os.listdir(folder) if name.startswith("core")]
        self.assertEqual(len(names), 1, "the kernel wrote a core file")
        core = self.read("run", names[0])
        os.remove(self.path("run", names[0]))
        return memory, [core]



class MemoryTest(SecretsTest):
    def test_the_controls_find_a_key_that_is_there(self):
        for name, _, place in self.places():
            key = self.root_key(place)
            memory, core = self.look("leaked", place)
            self.assertTrue(Memory.holds(memory.dumped, key), f"{name}: leaked onto the heap, it is seen")
            self.assertTrue(Memory.holds(core, key), f"{name}: … and in the core file")
            memory, core = self.look("held", place)
            self.assertTrue(Memory.holds(memory.left_out, key), f"{name}: in use, it is in secret memory")
            self.assertFalse(Memory.holds(memory.dumped, key), f"{name}: … and nowhere else")
            mappings = memory_in(core[0]) if core_goes_to_a_file() else core
            self.assertFalse(Memory.holds(mappings, key), f"{name}: … which is left out of the core file")

    def test_after_a_coffer_was_unlocked_neither_root_key_nor_password_is_anywhere(self):
        for name, uri, place in self.places():
            coffer = f"{name}.coffer"
            self.done("init", coffer, "--root", uri)
            key = self.root_key(place)
            for mode in ("used", "released"):
                memory, core = self.look(mode, self.path(coffer))
                for secret in (key, self.password):
                    self.assertFalse(Memory.holds(memory.dumped, secret), f"{name}, {mode}")
                    self.assertFalse(Memory.holds(memory.left_out, secret), f"{name}, {mode}")
                    self.assertFalse(Memory.holds(core, secret), f"{name}, {mode}: in the core file")

    def test_coffer_scan_finds_in_a_core_file_what_it_holds_of_the_coffers_keys(self):
        self.make_coffer()
        for mode, place, status in (("leaked", "root.key", 1), ("used", "c.coffer", 0), ("released", "c.coffer", 0)):
            _, core = self.look(mode, self.path(place))
            self.write("core", b"".join(core))
            run = self.coffer("scan", "c.coffer", "core", "--json")
            self.assertEqual(run.status, status, f"{mode}: {run}")
            self.assertEqual({hit["what"] for hit in run.json()["hits"]}, {"root key"} if status else set(), mode)


class OutputTest(SecretsTest):
    """No secret in any output: every command, with every provider that is at hand, when all is well and when not."""

    COMMANDS = ["status C", "keyring show C", "inspect C/keyring", "domain list C", "verify C", "rewrap C",
                "rotate root C", "rotate domain C system", "domain add C tenant-{n}", "provider check ROOT", "scan C",
                "provider list --config C", "cat C store/file"]

    def test_no_command_says_a_root_key_or_a_password(self):
        for name, uri, place in self.places():
            self.secrets.update({self.root_key(place), self.password})  # harness.py looks for them in every run
            coffer = f"{name}.coffer"
            self.done("init", coffer, "--root", uri)
            self.make_file(coffer, f"{name}.store/file", b"contents")
            for number, line in enumerate(self.COMMANDS):
                words = [word.replace("{n}", str(number)) for word in line.split()]
                words = [{"C": coffer, "ROOT": uri, "C/keyring": f"{coffer}/keyring",
                          "store/file": f"{name}.store/file"}.get(word, word) for word in words]
                self.done(*words)
                self.coffer(*words, "--json")

    def test_nor_the_pin_of_a_token_or_its_sealed_form_opened(self):
        pin = b"271828-pin-of-the-token"
        self.secrets.add(pin)
        self.write("pin", pin, 0o600)
        os.mkdir(self.path("tokens"))
        self.write("softhsm2.conf", f"directories.tokendir = {self.path('tokens')}\n".encode())
        os.environ["SOFTHSM2_CONF"] = self.path("softhsm2.conf")
        self.addCleanup(os.environ.pop, "SOFTHSM2_CONF")
        self.run_program(["softhsm2-util", "--init-token", "--free", "--label", "t", "--so-pin", "0000",
                          "--pin", pin.decode()])
        self.make_key("sealing.key")
        prepared = (f"version: 1\nsealing_key: {self.path('sealing.key')}\nkey_providers:\n  hsm:\n"
                    f"    uri: pkcs11:token=t?module-path=/usr/lib/softhsm/libsofthsm2.so\n")
        self.write("prepared.yaml", prepared.encode())
        sealed = self.done("seal-value", "pin", "--for", "provider:hsm", "--config", "prepared.yaml",
                           stdin=pin).out.strip()
        self.write("prepared.yaml", f"{prepared}    pin_sealed: {sealed}\n".encode())
        by_file = ("pkcs11:token=t;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so&create=true" +
                   "&pin-source=file:" + self.path("pin"))
        self.assertIn("it works", self.done("provider", "check", by_file).out)
        self.done("init", "c.coffer", "--root", "provider:hsm/root", "--template", "prepared.yaml")
        self.done("provider", "check", "provider:hsm/root", "--config", "c.coffer", "--json")
        for words in (["status"], ["keyring", "show"], ["rotate", "root"]):
            self.done(*words, "c.coffer")
            self.done(*words, "c.coffer", "--json")
        self.write("pin", b"not-" + pin, 0o600)
        self.secrets.add(b"not-" + pin)
        self.problems("provider", "check", by_file)

    def test_nor_when_something_is_wrong(self):
        for name, uri, place in self.places():
            self.secrets.update({self.root_key(place), self.password})
            coffer = f"{name}.coffer"
            self.done("init", coffer, "--root", uri)
            store = self.path({"raw": "raw.key", "jwk": "jwk.key", "keystore": "keys.p12"}[name])
            with open(store, "rb") as file:
                whole = file.read()
            for damage in (whole[:30], whole + b"x", b"", None):
                os.remove(store)
                if damage is not None:
                    self.write(os.path.basename(store), damage, 0o600)
                self.assertEqual(self.coffer("status", coffer).status, 2)
                self.assertEqual(self.coffer("status", coffer, "--json").status, 2)
                self.problems("provider", "check", uri)
                self.write(os.path.basename(store), whole, 0o600)
            os.chmod(store, 0o644)
            self.refused(["status", coffer], "permission_denied", "chmod 600")


class LockedMemoryTest(CliTest):
    """How little of it suffices, and what is said where it does not."""

    def setUp(self):
        super().setUp()
        self.make_coffer()
        # Thousands of files, each of which is synced: in memory.
        self.store = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(self.store.cleanup)

    def limited(self, limit, *words, **options):
        """A run that may lock `limit` bytes, also as root."""
        program = ["setpriv", "--bounding-set=-ipc_lock"] if os.geteuid() == 0 else []
        run = self.run_program([*program, "prlimit", f"--memlock={limit}", COFFER, *words], **options)
        self.assertEqual(run.status, 0, run)
        return run

    def serve(self, limit, environment=None):
        """What an unmodified RocksDB tool's info log says of key memory, after it had all of many files open."""
        self.limited(limit, "exec", "c.coffer", "--", "db_bench", f"--db={self.store.name}/db",
                     "--benchmarks=fillseq,compact,readrandom", "--num=60000", "--reads=5000", "--threads=2",
                     "--write_buffer_size=8388608", "--target_file_size_base=2048", "--compression_type=none",
                     environment=environment)
        tables = [name for name in os.listdir(f"{self.store.name}/db") if name.endswith(".sst")]
        self.assertGreater(len(tables), 1000)
        log = self.done("cat", "c.coffer", f"{self.store.name}/db/LOG").out
        self.assertIn("keyring", log)
        return re.findall(r"key memory: (.*)", log)

    def test_with_64_kib_a_database_has_thousands_of_files_open_and_every_key_locked(self):
        self.assertEqual(self.serve(65536), [])
        self.assertEqual(self.limited(65536, "status", "c.coffer", "--json").json()["key_memory"]["unlocked_bytes"], 0)

    def test_without_any_it_works_and_says_so(self):
        said, = self.serve(0)
        self.assertRegex(said, r"^0 bytes locked, [1-9]\d* bytes with keys could not be$")
        status = self.limited(0, "status", "c.coffer").out
        self.assertRegex(status, r"KEY MEMORY of this program: 0 bytes locked, [1-9]\d* bytes with keys could not be")

    def test_what_openssl_has_is_said(self):
        said, = self.serve(65536, {"COFFER_CRYPTO": "openssl"})
        self.assertRegex(said, r"OpenSSL has \d+ keys on its heap, which is not$")


if __name__ == "__main__":
    main()
