#!/usr/bin/python3
"""What Coffer writes, the independent decoder reads: unmodified RocksDB tools write through `coffer exec`, keys rotate,
and every file of the store must decode to what `coffer cat` says. Then hundreds of altered copies: `coffer verify` and
the decoder, which share no code, must come to the same verdict on each.

  round_trip_test.py COFFER_EXECUTABLE WRITE_STORE_FILE_EXECUTABLE
"""

import base64
import hashlib
import hmac
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tools"))

import coffer_decode  # noqa: E402
from decoder.backup import Target, read_backup  # noqa: E402
from decoder.keyring import describe_keyring, open_keyring  # noqa: E402
from decoder.node import read_node_key  # noqa: E402
from decoder.primitives import Failure, crc32c  # noqa: E402
from decoder.root_key import read_root_key  # noqa: E402
from decoder.stream import decode_stream, digest_of_pieces  # noqa: E402

COFFER, WRITE_STORE_FILE = map(os.path.abspath, (sys.argv.pop(1), sys.argv.pop(1)))
SEED = int(os.environ.get("COFFER_SEED", "1"))
COPIES = 600
COPIED_SIZE_MAX = 40_000  # a file larger than that teaches nothing new and takes long in Python
NOT_A_PROBLEM = ("ok", "never_written")  # `coffer verify` counts the latter as empty


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


class Store:
    """A coffer, and a database written through it by RocksDB's own tools."""

    def __init__(self, folder, key_format="raw", options=()):
        self.folder = folder
        self.coffer = os.path.join(folder, "db.coffer")
        self.database = os.path.join(folder, "db")
        self.root_key = os.path.join(folder, "root.key")
        self.run("keygen", self.root_key, "--format", key_format)
        self.run("init", self.coffer, "--root", self.root_key)
        config = os.path.join(self.coffer, "coffer.yaml")
        changed = dict(option.split(": ") for option in options)
        kept = [line for line in read(config).decode().splitlines() if line.split(":")[0] not in changed]
        write(config, "\n".join([*kept, *options, ""]).encode())

    def run(self, *arguments, check=True):
        done = subprocess.run([COFFER, *arguments], capture_output=True, check=False, timeout=300)
        if check and done.returncode != 0:
            raise AssertionError(f"coffer {' '.join(arguments)}: {done.returncode}: {done.stderr.decode()}")
        return done

    def load(self, benchmarks="fillrandom", *flags):
        self.run("exec", self.coffer, "--", "db_bench", f"--db={self.database}", f"--benchmarks={benchmarks}",
                 "--num=3000", "--value_size=100", "--write_buffer_size=131072", "--compression_type=none", *flags)

    def write_pages(self, name, plaintext, *options):
        """A file of pages, by Coffer; its path."""
        path = os.path.join(self.database, name)
        os.makedirs(self.database, exist_ok=True)
        subprocess.run([WRITE_STORE_FILE, self.coffer, path, "pages", *options], input=plaintext, check=True,
                       timeout=300)
        return path

    def keyring(self):
        return open_keyring(read(os.path.join(self.coffer, "keyring")), read_root_key(read(self.root_key)))

    def files(self):
        return [os.path.join(folder, name) for folder, _, names in os.walk(self.database) for name in names
                if name != "LOCK"]


class RoundTrip(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def decode_all(self, store):
        """Kinds and suites found, with every file compared to what `coffer cat` says."""
        found = set()
        keyring = store.keyring()
        for path in store.files():
            plaintext, about = coffer_decode.decode(read(path), keyring=keyring)
            self.assertEqual(store.run("cat", store.coffer, path).stdout, plaintext, path)
            found.add((about["kind"], about["suite"]))
        return found

    def test_every_file_of_a_store_decodes_before_and_after_rotations(self):
        store = Store(self.scratch)
        store.load("fillseq,overwrite")
        self.assertEqual(self.decode_all(store), {("blocks", "aes-256-gcm"), ("log", "aes-256-gcm")})
        store.run("rotate", "domain", store.coffer, "system")
        store.load("overwrite", "--use_existing_db=1", "--enable_blob_files=1", "--min_blob_size=10")
        self.assertTrue(any(path.endswith(".blob") for path in store.files()))
        self.decode_all(store)
        old = store.root_key
        store.root_key = os.path.join(self.scratch, "new.key")
        store.run("keygen", store.root_key, "--format", "jwk", "--bits", "192")
        store.run("rotate", "root", store.coffer, "--to", f"file://{store.root_key}?allow_weak_root=true")
        store.run("rewrap", store.coffer)
        self.decode_all(store)
        with self.assertRaises(Failure) as raised:
            open_keyring(read(os.path.join(store.coffer, "keyring")), read_root_key(read(old)))
        self.assertEqual(raised.exception.kind, "wrong_key")

    def test_every_cipher_and_kind_decodes(self):
        for number, (data_kind, log_kind, cipher, ctr_cipher) in enumerate((
                ("blocks", "log", "chacha20-poly1305", "aes-256-ctr"), ("blocks", "log", "aes-128-gcm", "aes-256-ctr"),
                ("ctr", "log", "aes-192-gcm", "aes-128-ctr"), ("ctr", "ctr", "aes-256-gcm", "aes-192-ctr"))):
            folder = os.path.join(self.scratch, str(number))
            os.mkdir(folder)
            store = Store(folder, "jwk", (f"cipher: {cipher}", f"ctr_cipher: {ctr_cipher}", "chunk_size: 1024",
                                          f"data_files: {data_kind}", f"log_files: {log_kind}"))
            store.load()
            ciphers = {"ctr": ctr_cipher, "blocks": cipher, "log": cipher}
            # The manifest is a log whatever is asked for: RocksDB would take a torn one for whole.
            self.assertEqual(self.decode_all(store), {(kind, ciphers[kind]) for kind in (data_kind, log_kind, "log")})

    def test_files_of_pages_decode_closed_and_as_a_crash_leaves_them(self):
        store = Store(self.scratch)
        for options in ((), ("--unclosed",)):
            for log2, sizes in (("10", (0, 1, 1024, 5000, 98304, 102407)), ("12", (9000,)), ("16", (70000,))):
                for size in sizes:
                    plaintext = os.urandom(size)
                    name = f"{log2}-{size}" + "".join(options)
                    path = store.write_pages(name, plaintext, "--chunk-log2", log2, *options)
                    decoded, about = coffer_decode.decode(read(path), keyring=store.keyring())
                    self.assertEqual(decoded, plaintext, path)
                    self.assertEqual((about["kind"], about["suite"]), ("pages", "xaes-256-gcm"))
                    in_journal = bool(options and size)
                    self.assertEqual((about["closed"], about["records"] > 0), (not in_journal, in_journal))
        self.decode_all(store)

    def test_the_keyring_reads_the_same(self):
        store = Store(self.scratch)
        store.load()
        store.run("domain", "add", store.coffer, "tenant-7")
        store.run("rotate", "domain", store.coffer, "tenant-7")
        store.run("rotate", "domain", store.coffer, "system")
        shown = json.loads(store.run("keyring", "show", store.coffer, "--json").stdout)
        described = describe_keyring(store.keyring())
        self.assertEqual(shown["version"], described["version"])
        self.assertEqual([store["path"] for store in shown["stores"]], [store["path"] for store in described["stores"]])
        self.assertEqual({domain["name"]: [(key["id"], key["state"]) for key in domain["keys"]]
                          for domain in shown["domains"]},
                         {name: [(key["id"], key["state"]) for key in keys]
                          for name, keys in described["domains"].items()})

    def test_nodes_and_their_requests_read_the_same(self):
        store = Store(self.scratch)
        for name in ("db-2", "db-1"):
            line = store.run("node", "new", store.coffer, name).stdout.decode().strip()
            request = store.run("node", "request", store.coffer).stdout.decode().strip()
            self.assertTrue(request.endswith(":" + line))
            store.run("node", "enrol", store.coffer, request)
            os.remove(os.path.join(store.coffer, "node.key"))
        rows = json.loads(store.run("node", "list", store.coffer, "--json").stdout)["nodes"]
        self.assertEqual([row["name"] for row in rows], ["db-1", "db-2"])
        self.assertEqual(describe_keyring(store.keyring())["nodes"], {row["name"]: row["key"] for row in rows})
        store.run("rotate", "domain", store.coffer, "system", "--canary")
        store.run("rollout", "halt", store.coffer, "system", "--why", "a trial")
        self.assertEqual(describe_keyring(store.keyring())["rollouts"],
                         [{"domain": "system", "version": 2, "share": 10, "halted": "a trial"}])
        store.run("rollout", "undo", store.coffer, "system")
        self.assertEqual(describe_keyring(store.keyring())["rollouts"], [])
        self.assertEqual(store.run("key", "destroy", store.coffer, "system:2", check=False).returncode, 2)
        asked = json.loads(store.run("node", "list", store.coffer, "--json").stdout)["questions"]
        self.assertEqual(describe_keyring(store.keyring())["questions"],
                         [{"id": each["question"], "key": each["key"]} for each in asked])
        self.assertEqual(len(asked), 1)
        # The request of db-1, by docs/format.md, section 24.
        proof = base64.urlsafe_b64decode(request.split(":")[2] + "==")
        vouched = line.encode() + b"\0" + proof[:40]
        keyring = store.keyring()
        self.assertEqual(proof[40:72], hmac.digest(keyring["audit_key"], b"coffer/v1 join\0" + keyring["coffer_id"] +
                                                   vouched, "sha256"))
        signing = Ed25519PublicKey.from_public_bytes(bytes.fromhex(rows[0]["key"]))
        signing.verify(proof[72:], b"coffer/v1 node join\0" + vouched + proof[40:72])
        store.run("node", "remove", store.coffer, "db-2")
        self.assertEqual(list(describe_keyring(store.keyring())["nodes"]), ["db-1"])

    def test_a_backup_opens_without_coffer_by_each_recipients_key(self):
        store = Store(self.scratch, options=("log_files: log",))
        store.load("fillseq")
        store.write_pages("table", os.urandom(30_000))
        other, target = os.path.join(self.scratch, "other.key"), os.path.join(self.scratch, "target")
        store.run("keygen", other)
        store.run("slot", "add", store.coffer, "--by", other)
        made = json.loads(store.run("backup", "create", store.coffer, target, store.database, "--json").stdout)
        (listed,) = json.loads(store.run("backup", "list", store.coffer, "--json").stdout)["backups"]
        keyring = store.keyring()
        (row,) = describe_keyring(keyring)["backups"]
        self.assertEqual({name: row[name] for name in ("id", "target", "begun", "state")},
                         {name: listed[name] for name in ("id", "target", "begun", "state")})
        folder = os.path.join(target, "backups", made["id"])
        self.assertEqual(row["index"], hashlib.sha256(read(os.path.join(folder, "index"))).hexdigest())
        for key in (store.root_key, other):
            index, (part,) = read_backup(Target(target), made["id"], read_root_key(read(key)))
            self.assertEqual((index["signer"].hex(), part["domain"]), (made["signed_by"], b"system"))
            name = b"coffer/v1 backup part\0" + keyring["coffer_id"] + index["id"] + part["domain"]
            self.assertEqual(index["parts"][0]["id"], hmac.digest(keyring["audit_key"], name, "sha256")[:16])
            self.assertEqual(part["keys"], [(keyring["domains"][b"system"][0]["id"], 1)])
        self.assertEqual(len(part["files"]), made["files"])
        for path in store.files():
            plaintext, _ = coffer_decode.decode_backed_up(Target(target), made["id"], read_root_key(read(other)),
                                                          os.path.relpath(path, store.database))
            self.assertEqual(plaintext, store.run("cat", store.coffer, path).stdout, path)
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tools", "coffer_decode.py"), "--backup", folder,
                               "--root-key", other, "table"], capture_output=True, check=True, timeout=300)
        self.assertEqual(done.stdout, store.run("cat", store.coffer, os.path.join(store.database, "table")).stdout)
        self.assertIn(made["signed_by"], done.stderr.decode())
        with self.assertRaises(Failure) as raised:
            read_backup(Target(target), made["id"], os.urandom(32))
        self.assertEqual(raised.exception.kind, "wrong_key")
        for name in set(os.listdir(folder)) - {"recipient-root-2"}:  # that one is not needed
            data = read(os.path.join(folder, name))
            write(os.path.join(folder, name), data[:-1] + bytes([data[-1] ^ 1]))
            with self.assertRaises(Failure, msg=name):
                read_backup(Target(target), made["id"], read_root_key(read(store.root_key)))
            write(os.path.join(folder, name), data)


    def test_a_stream_reads_the_same(self):
        stores, lines = [], []
        for name in ("a", "b"):
            folder = os.path.join(self.scratch, name)
            os.mkdir(folder)
            stores.append(Store(folder))
            lines.append(stores[-1].run("node", "new", stores[-1].coffer, name).stdout.decode().strip())
        sender, receiver = stores
        sender.load()
        for store, peer, line in ((sender, "b", lines[1]), (receiver, "a", lines[0])):
            config = os.path.join(store.coffer, "coffer.yaml")
            write(config, read(config) + f"peers:\n  {peer}: {line}\n".encode())
        stream = sender.run("send", sender.coffer, sender.database, "--to", "b").stdout
        node = read_node_key(read(os.path.join(receiver.coffer, "node.key")), receiver.keyring())
        files = decode_stream(stream, node)
        self.assertEqual([file.name for file, _, _ in files], sorted(os.listdir(sender.database)))
        for file, key, body in files:
            path = os.path.join(sender.database, file.name)
            self.assertEqual(body, read(path)[8192:])
            plaintext = coffer_decode.decode(read(path)[:8192] + body, file_key=key)[0] if key else b""
            self.assertEqual(plaintext, sender.run("cat", sender.coffer, path).stdout, path)
        # And the receiver's list, where the end did not come.
        arrival = os.path.join(self.scratch, "arrived")
        cut = subprocess.run([COFFER, "receive", receiver.coffer, arrival], input=stream[:-1], capture_output=True,
                             check=False, timeout=300)
        self.assertNotEqual(cut.returncode, 0)
        had = receiver.run("receive", receiver.coffer, arrival, "--have").stdout.decode().splitlines()
        expected = {f"{file.slot.file_id.hex()} {len(body)} {digest_of_pieces(body).hex()}"
                    for file, _, body in files if file.slot}
        self.assertEqual((had[0], set(had[1:])), ("coffer have 1", expected))
        for flipped in range(0, len(stream), max(1, len(stream) // 97)):
            spoilt = stream[:flipped] + bytes([stream[flipped] ^ 4]) + stream[flipped + 1:]
            with self.assertRaises(Failure, msg=f"byte {flipped}"):
                decode_stream(spoilt, node)


class Verdicts(unittest.TestCase):
    """Altered copies of real files, judged twice."""

    def alter(self, chance, data, others):
        """One of many ways to spoil a file: (what was done, the bytes)."""
        place = min(len(data) - 1, chance.choice((chance.randrange(512), 4096 + chance.randrange(512),
                                                  chance.randrange(8192), 8192 + chance.randrange(160),
                                                  8192 + chance.randrange(max(1, len(data) - 8192)))))
        other = chance.choice(others)
        way = chance.randrange(12)
        if way < 4:
            return f"bit at {place}", data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1:]
        if way == 4:
            return f"cut to {place}", data[:place]
        if way == 5:
            count = min(chance.choice((1, 16, 512, 4096)), len(data) - place)
            return f"{count} zeros at {place}", data[:place] + bytes(count) + data[place + count:]
        if way == 6:
            count = chance.choice((1, 31, 4096))
            return f"{count} bytes more", data + chance.randbytes(count)
        if way == 7:
            return "another file's body", data[:8192] + other[8192:]
        if way == 8:
            return "another file's slot", data[:4096] + other[4096:8192] + data[8192:]
        if way == 9:
            return "other bytes", chance.choice((b"plain text\n", b"x" * 9000, bytes(len(data)), b"COFFER\r\n" * 2))
        if way == 10 and len(data) > 8192:
            slot = chance.choice((0, 4096))
            field = chance.choice((8, 10, 11, 12, 13, 14, 20, 30, 50, 60, 79, 82, 118, 130, 300, 490))
            record = bytearray(data[slot:slot + 508])
            record[field] ^= 0x40
            return (f"byte {field} of the slot at {slot} changed, checksum made good",
                    data[:slot] + record + crc32c(record).to_bytes(4, "little") + data[slot + 512:])
        start = min(8192, len(data)) + chance.randrange(max(1, len(data) - 8192))
        return f"bytes from {start} once more", data + data[start:]

    def sound_files(self, store):
        """By kind; of logs those with synced frames, where damage is told from a torn tail."""
        store.write_pages("pages", os.urandom(5000), "--chunk-log2", "10")
        store.write_pages("pages-with-journal", os.urandom(3000), "--chunk-log2", "10", "--unclosed")
        found = {"blocks": [], "log": [], "pages": []}
        for data in filter(lambda data: len(data) <= COPIED_SIZE_MAX, map(read, store.files())):
            about = coffer_decode.decode(data, keyring=store.keyring())[1]
            if about["kind"] != "log" or about["watermark"] > 0 or len(found["log"]) < 3:
                found[about["kind"]].append(data)
        self.assertGreater(len(found["blocks"]), 1)
        self.assertGreater(len(found["log"]), 1)
        self.assertEqual(len(found["pages"]), 2)
        return found

    def test_verify_and_decoder_agree_on_every_altered_copy(self):
        with tempfile.TemporaryDirectory() as scratch:
            store = Store(scratch, options=("chunk_size: 1024",))
            store.load("fillseq,flush,overwrite,flush,overwrite", "--num=150", "--sync=1")
            keyring = store.keyring()
            sound = self.sound_files(store)
            copies = os.path.join(scratch, "copies")
            os.mkdir(copies)
            chance = random.Random(SEED)
            verdicts = {}
            for number in range(COPIES):
                what, data = "", chance.choice(sound[chance.choice(tuple(sound))])
                for _ in range(chance.choice((1, 1, 1, 2))):
                    if data:
                        done, data = self.alter(chance, data, sum(sound.values(), []))
                        what += f" {done};"
                path = os.path.join(copies, f"{number:06}")
                write(path, data)
                try:
                    coffer_decode.decode(data, keyring=keyring)
                    verdicts[path] = (what, "ok")
                except Failure as failure:
                    verdicts[path] = (what, failure.kind)
            report = json.loads(store.run("verify", store.coffer, copies, "--as", store.database, "--json",
                                          check=False).stdout)
            self.compare(verdicts, {problem["path"]: problem["code"] for problem in report["problems"]})

    def compare(self, verdicts, problems):
        differing = []
        for path, (what, kind) in sorted(verdicts.items()):
            said = problems.get(path, "ok")
            if said != ("ok" if kind in NOT_A_PROBLEM else kind):
                differing.append(f"{os.path.basename(path)}, {what}: coffer says {said}, the decoder {kind}")
                if "KEEP" in os.environ:
                    shutil.copy(path, os.environ["KEEP"])
        self.assertEqual(differing, [], f"seed {SEED}")
        self.assertGreater(len(problems), COPIES // 3)
        self.assertLessEqual({"damaged", "tampered", "plaintext", "unsupported"}, set(problems.values()))


if __name__ == "__main__":
    print(f"seed {SEED} (COFFER_SEED)", flush=True)
    unittest.main()
