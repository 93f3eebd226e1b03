#!/usr/bin/python3
"""The independent decoder (tools/coffer_decode.py) opens every golden file, and never takes altered bytes for good."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
DECODER = os.path.join(ROOT, "tools", "coffer_decode.py")
sys.path.insert(0, os.path.join(ROOT, "tools"))

import coffer_decode  # noqa: E402
from decoder.audit import check_audit_log  # noqa: E402
from decoder.backup import Target, digest_of_pieces, read_backup  # noqa: E402
from decoder.blob import open_blob  # noqa: E402
from decoder.directory import Directory  # noqa: E402
from decoder.keyring import fingerprint, group_key_of, open_keyring, open_shard, unwrap_domain_key  # noqa: E402
from decoder.log import decode_log  # noqa: E402
from decoder.node import Node  # noqa: E402
from decoder.pages import decode_pages  # noqa: E402
from decoder.primitives import Failure, crc32c, derive, kwp_unwrap  # noqa: E402
from decoder.recipient import fingerprint_of_pair, keyring_key_for  # noqa: E402
from decoder.root_key import read_root_key  # noqa: E402
from decoder.stream import decode_stream  # noqa: E402

GOLDEN = os.path.join(ROOT, "tests", "golden", "v1")
SEED = int(os.environ.get("COFFER_SEED", "1"))
ABOUT_FIELDS = ("kind", "suite", "chunk_log2", "sequence", "domain_key_version", "size", "sha256", "closed",
                "torn_bytes", "authenticated")


def read(name):
    with open(os.path.join(GOLDEN, name), "rb") as file:
        return file.read()


ENTRIES = json.loads(read("manifest.json"))
SOUND = [entry for entry in ENTRIES if not entry["error"]]


def outcome(data, **keys):
    """("ok", plaintext, description) or (kind of failure, None, None)."""
    try:
        return ("ok", *coffer_decode.decode(data, **keys))
    except Failure as failure:
        return failure.kind, None, None


def keys_of(entry):
    return [{"domain_key": bytes.fromhex(entry["domain_key"])}, {"file_key": bytes.fromhex(entry["file_key"])}]


class GoldenCoffer(unittest.TestCase):
    def test_a_file_opens_from_the_root_key_on(self):
        coffer = os.path.join(GOLDEN, "coffer")
        run = subprocess.run(["/usr/bin/python3", DECODER, "--coffer", coffer, "--root-key",
                              os.path.join(coffer, "root.key"), os.path.join(coffer, "CURRENT.coffer")],
                             capture_output=True, check=False)
        self.assertEqual((run.returncode, run.stdout), (0, b"MANIFEST-000005\n"), run.stderr)

    def test_its_audit_log_is_whole(self):
        root_key = read_root_key(read("coffer/root.key"))
        records, wrong = check_audit_log(read("coffer/audit.log"), open_keyring(read("coffer/keyring"), root_key))
        self.assertEqual(([record["note"] for record in records], wrong), (["golden"], []))


class GoldenExchange(unittest.TestCase):
    """Files on their way: to another node, and in a backup."""

    PLACE = os.path.join(ROOT, "tests", "golden", "v1-exchange")

    def setUp(self):
        self.about = json.loads(read("../v1-exchange/about.json"))

    def expect_file(self, name, plaintext):
        said = self.about["files"][name]
        self.assertEqual((len(plaintext), hashlib.sha256(plaintext).hexdigest()), (said["size"], said["sha256"]), name)

    def test_the_stream_opens_for_its_receiver(self):
        stream = read("../v1-exchange/stream")
        files = decode_stream(stream, Node(bytes.fromhex(self.about["receiver_seed"])))
        self.assertEqual([file.name for file, _, _ in files], sorted([*self.about["files"], self.about["empty"]]))
        for file, key, body in files:
            if key is not None:
                data = file.slot.record.ljust(8192, b"\0") + body
                self.expect_file(file.name, coffer_decode.decode(data, file_key=key)[0])
        with self.assertRaises(Failure) as raised:
            decode_stream(stream, Node(bytes(32)))
        self.assertEqual(raised.exception.kind, "foreign")

    def test_the_backup_opens_by_a_recipients_key(self):
        root_key, target = read_root_key(read("../v1-exchange/root.key")), Target(os.path.join(self.PLACE, "target"))
        index, parts = read_backup(target, self.about["backup"], root_key)
        self.assertEqual(index["signer"].hex(), self.about["signed_by"])
        self.assertEqual(sorted(part["domain"] for part in parts), [b"system", b"tenant-7"])
        for name in self.about["files"]:
            self.expect_file(name, coffer_decode.decode_backed_up(target, self.about["backup"], root_key, name)[0])
        with self.assertRaises(Failure) as raised:
            read_backup(target, self.about["backup"], read_root_key(read("coffer/root.key")))
        self.assertEqual(raised.exception.kind, "wrong_key")


class Golden(unittest.TestCase):
    def test_every_file_opens_or_fails_as_its_manifest_says(self):
        self.assertGreater(len(SOUND), 10)
        for entry in ENTRIES:
            for keys in keys_of(entry):
                with self.subTest(file=entry["file"], key=list(keys)):
                    kind, plaintext, about = outcome(read(entry["file"]), **keys)
                    self.assertEqual(kind, entry["error"] or "ok")
                    if kind != "ok":
                        continue
                    self.assertEqual(hashlib.sha256(plaintext).hexdigest(), entry["sha256"])
                    for field in ABOUT_FIELDS:
                        if field in entry:
                            self.assertEqual(about[field], entry[field], field)

    def test_another_key_is_a_wrong_key(self):
        for entry in SOUND:
            data = read(entry["file"])
            self.assertEqual(outcome(data, domain_key=bytes(32))[0], "wrong_key", entry["file"])
            self.assertEqual(outcome(data, file_key=bytes(len(entry["file_key"]) // 2))[0], "wrong_key", entry["file"])
            self.assertEqual(outcome(data, file_key=bytes(5))[0], "wrong_key", entry["file"])


class WorkedExamples(unittest.TestCase):
    """The bytes that docs/format.md shows are what its text says."""

    FILE_KEY = bytes(range(0x80, 0xA0))
    DOMAIN_KEY = bytes(range(32))
    FILE_ID = bytes(range(0x10, 0x20))

    def setUp(self):
        with open(os.path.join(ROOT, "docs", "format.md"), encoding="utf-8") as page:
            self.sections = dict(re.findall(r"^## (\d+)\. .*?\n(.*?)(?=^## |\Z)", page.read(),
                                            re.MULTILINE | re.DOTALL))

    def bytes_shown(self, section, size=0, copy_slot=False):
        """The bytes of a section's example, as they stand in the file; zeros where nothing is shown."""
        out = bytearray(size)
        for line in self.sections[section].splitlines():
            if copy_slot and line.startswith("slot B"):
                out[4096:8192] = out[:4096].ljust(4096, b"\0")
            shown = re.fullmatch(r" *(\d+)  ((?:[0-9a-f]{2} ?)+)", line)
            if shown:
                offset, data = int(shown[1]), bytes.fromhex(shown[2])
                out = out.ljust(offset + len(data), b"\0")
                out[offset:offset + len(data)] = data
        return bytes(out)

    def test_blocks_with_the_envelope_of_section_3(self):
        data = self.bytes_shown("3", 8192, copy_slot=True) + self.bytes_shown("4")[8192:]
        for keys in ({"domain_key": self.DOMAIN_KEY}, {"file_key": self.FILE_KEY}):
            kind, plaintext, about = outcome(data, **keys)
            self.assertEqual((kind, plaintext), ("ok", bytes.fromhex("436f66666572")))
            self.assertEqual((about["sequence"], about["file_id"]), (2, self.FILE_ID.hex()))

    def test_log(self):
        about = {}
        slot = types.SimpleNamespace(suite=3, file_id=self.FILE_ID, earlier_body=bytes(32))
        data = self.bytes_shown("5")
        self.assertEqual(decode_log(data, slot, self.FILE_KEY, about), b"put a=1;put b=2;")
        self.assertEqual((about["closed"], about["frames"], about["watermark"], about["log_end"]),
                         (True, 3, 8328, len(data)))

    def test_ctr(self):
        kind, plaintext, about = outcome(self.bytes_shown("6"), domain_key=self.DOMAIN_KEY)
        self.assertEqual((kind, plaintext), ("ok", bytes.fromhex("62797465206e2069732062797465206e")))
        self.assertEqual((about["sequence"], about["authenticated"]), (3, True))

    def test_pages(self):
        about = {}
        slot = types.SimpleNamespace(chunk_log2=10, file_id=self.FILE_ID)
        data = self.bytes_shown("16")
        plaintext = b"Coffer".ljust(3000, b"\0")
        self.assertEqual(decode_pages(data, slot, self.FILE_KEY, about), plaintext)
        self.assertEqual((about["records"], about["closed"]), (1, False))
        for place in [*range(8192, 8192 + 104), *range(16384, 16384 + 80), 16864, 20480, 21503]:
            with self.assertRaises(Failure, msg=place) as raised:
                decode_pages(data[:place] + bytes([data[place] ^ 1]) + data[place + 1:], slot, self.FILE_KEY, about)
            self.assertEqual(raised.exception.kind, "tampered")
        # Nothing says that the record was durable: without it the file ends before.
        for place in range(22528, len(data)):
            altered = data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]
            self.assertEqual(decode_pages(altered, slot, self.FILE_KEY, about), plaintext[:2048])

    def test_directory(self):
        example = self.sections["22"]
        slot = types.SimpleNamespace(file_id=self.FILE_ID)
        data = self.bytes_shown("22")
        directory = Directory(data, slot, self.FILE_KEY)
        self.assertEqual(directory.links, bytes(range(0xC0, 0x100)))
        self.assertEqual(directory.name(re.search(r"^notes\.txt: (\w+)$", example, re.MULTILINE)[1]), b"notes.txt")
        far = re.search(r"^255 times n: (\w+)\nits link: (\S+)\nleads to\n((?:  \S+\n)+)", example, re.MULTILINE)
        rest = re.sub(r"\s", "", far[3])
        self.assertEqual((directory.name(far[1], rest), far[2]), (b"n" * 255, far[1] + ".name"))
        target = re.search(r"^a target, notes\.txt: (\w+)$", example, re.MULTILINE)[1]
        self.assertEqual(directory.target(target), b"notes.txt")
        refused = [lambda: directory.name(target), lambda: directory.target(far[1]), lambda: directory.name(far[1]),
                   lambda: directory.name(far[1], rest.replace("/", "")),
                   lambda: Directory(data[:-1] + b"\0", slot, self.FILE_KEY)]
        for call in refused:
            with self.assertRaises(Failure) as raised:
                call()
            self.assertEqual(raised.exception.kind, "tampered")

    def test_keyring(self):
        keyring = open_keyring(self.bytes_shown("7"), bytes(range(0x20, 0x40)))
        self.assertEqual((keyring["version"], list(keyring["domains"])), (1, [b"system"]))
        self.assertEqual(keyring["domains"][b"system"][0]["bytes"], bytes(range(0xA0, 0xC0)))
        self.assertEqual(keyring["stores"][0]["path"], b"/var/lib/db")

    def test_shard(self):
        example = self.sections["7"].split("### Worked example: a shard")[1].split("###")[0]
        data = bytes.fromhex(re.sub(r"\s", "", re.search(r"sealed shard  ([0-9a-f\s]+)", example)[1]))
        self.assertIn(hashlib.sha256(data).hexdigest(), example)
        table = {"first": 0x8000, "depth": 1, "size": len(data), "key": bytes(range(0x20, 0x40)),
                 "name": hashlib.sha256(data).digest()}
        keyring = {"coffer_id": bytes(range(0x40, 0x50)), "tag_key": bytes(range(0xC0, 0xE0)), "groups": {},
                   "locked": {}, "group_of": {}}
        domains = open_shard(data, table, keyring)
        self.assertEqual([key["bytes"] for key in domains[b"system"]], [bytes(range(0xA0, 0xC0))])
        for place in range(len(data)):
            altered = data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]
            named = dict(table, name=hashlib.sha256(altered).digest())
            for entry in (table, named, dict(table, first=0), dict(table, depth=2)):
                with self.assertRaises(Failure):
                    open_shard(altered, entry, keyring)

    def test_key_group(self):
        example = self.sections["7"].split("### Worked example: a key group")[1].split("###")[0]
        shown = {name: bytes.fromhex(re.sub(r"\s", "", value)) for name, value in
                 re.findall(r"^    (\S.*?)  +((?:[0-9a-f]+\s*)+)$", example, re.MULTILINE)}
        root_key = bytes(range(0x20, 0x40))
        group = {"id": bytes(range(0xD0, 0xE0)), "name": b"acme", "key_id": shown["group key's id"],
                 "slots": [{"id": bytes(range(0x50, 0x60)), "algorithm": 1, "wrapped": shown["wrapped group key"],
                            "handle": b"\4file" + b"\x10\0" + fingerprint(root_key)}]}
        group_key = group_key_of(group, root_key)
        self.assertEqual(group_key, bytes(range(0x90, 0xB0)))
        key = {"id": shown["domain key's id"], "bytes": shown["wrapped domain key"]}
        self.assertEqual(unwrap_domain_key(key, group, group_key), bytes(range(0xA0, 0xC0)))
        moved = dict(key, id=key["id"][:-1] + bytes([key["id"][-1] ^ 1]))
        for each, of in ((moved, group), (key, dict(group, id=bytes(16)))):
            with self.assertRaises(Failure):
                unwrap_domain_key(each, of, group_key)

    def test_slot_for_a_recipient(self):
        example = self.sections["7"].split("### Worked example: a slot for a recipient")[1]
        shown = {name: bytes.fromhex(re.sub(r"\s", "", value)) for name, value in
                 re.findall(r"^    (\S.*?)  +((?:[0-9a-f]+\s*)+)$", example, re.MULTILINE)}
        sender, wrapped = shown["sender's public key"], shown["wrapped keyring key"]
        self.assertEqual(fingerprint_of_pair(shown["recipient's public key"], sender), shown["fingerprint"])
        ids = bytes(range(0x40, 0x50)), bytes(range(0x50, 0x60))
        key, kept = keyring_key_for(wrapped, *ids, bytes(range(0x20)), sender)
        self.assertEqual(key, bytes(range(0x60, 0x80)))
        keeping = derive(key, b"recipient sender", b"".join(ids), 32)
        self.assertEqual(kwp_unwrap(keeping, kept), bytes(range(0x20, 0x40)))
        for place in range(86):
            altered = wrapped[:place] + bytes([wrapped[place] ^ 1]) + wrapped[place + 1:]
            with self.assertRaises(Failure) as raised:
                keyring_key_for(altered, *ids, bytes(range(0x20)), sender)
            self.assertEqual(raised.exception.kind, "unsupported" if place < 6 else "wrong_key")

    def test_blob(self):
        with open(os.path.join(ROOT, "docs", "format.md"), encoding="utf-8") as page:
            self.sections["blobs"] = page.read().split(". Blobs\n")[1].split("\n## ")[0]
        blob, context = self.bytes_shown("blobs"), b"users/7/password"
        self.assertEqual(open_blob(blob, self.DOMAIN_KEY, context), b"swordfish")
        for key, other in ((bytes(32), context), (self.DOMAIN_KEY, b"users/8/password")):
            with self.assertRaises(Failure) as raised:
                open_blob(blob, key, other)
            self.assertEqual(raised.exception.kind, "tampered" if key == self.DOMAIN_KEY else "wrong_key")
        for place in range(len(blob)):
            for altered in (blob[:place], blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1:]):
                with self.assertRaises(Failure):
                    open_blob(altered, self.DOMAIN_KEY, context)

    def backup_shown(self, folder):
        """A target with the files of section 26's example, and the body of section 4's."""
        body = self.bytes_shown("4")[8192:]
        digest = digest_of_pieces(body).hex()
        files = {f"objects/{digest[:2]}/{digest[2:]}": body}
        for name, rows in re.findall(r"^(backups/\S+)\n((?: +\d+  [0-9a-f ]+\n)+)", self.sections["26"], re.MULTILINE):
            files[name] = bytes.fromhex("".join(row.split("  ")[-1] for row in rows.splitlines()))
        for name, data in files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        return Target(folder)

    def test_backup(self):
        with tempfile.TemporaryDirectory() as folder:
            target = self.backup_shown(folder)
            (backup,) = os.listdir(os.path.join(folder, "backups"))
            index, (part,) = read_backup(target, backup, bytes(range(0x20, 0x40)))
            self.assertEqual((index["made"], index["coffer_id"]), (1700000000, bytes(range(0x40, 0x50))))
            self.assertEqual((part["domain"], [number for _, number in part["keys"]]), (b"system", [1]))
            (file,) = part["files"]
            self.assertEqual((file["name"], file["mode"]), (b"000007.sst", 0o640))
            decoded = coffer_decode.decode_backed_up(target, backup, bytes(range(0x20, 0x40)), "000007.sst")
            self.assertEqual(decoded[0], b"Coffer")

    def test_any_other_bit_of_the_keyring_is_noticed(self):
        data = self.bytes_shown("7")
        for place in range(len(data)):
            altered = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1:]
            with self.assertRaises(Failure) as raised:
                open_keyring(altered, bytes(range(0x20, 0x40)))
            self.assertIn(raised.exception.kind, ("plaintext",) if place < 8 else ("damaged", "truncated"))
        for size in range(len(data)):
            with self.assertRaises(Failure) as raised:
                open_keyring(data[:size], bytes(range(0x20, 0x40)))
            self.assertEqual(raised.exception.kind, "truncated")


class Altered(unittest.TestCase):
    """Whatever is done to a file, what is read is an error, or what was written, or (logs) a beginning of it, or (pages
    that were not closed, or whose newer root is gone) each page as it was at some time."""

    def is_of_some_time(self, entry, plaintext, expected):
        """Whether each page is one that the file once had: as it is, as before its journal, or zeros."""
        size = 1 << entry["chunk_log2"]
        _, before, _ = outcome(read(entry["file"])[:32768], **keys_of(entry)[0])
        return all(page == bytes(len(page)) or page in (expected[at:at + len(page)], (before or b"")[at:at + len(page)])
                   for at, page in ((at, plaintext[at:at + size]) for at in range(0, len(plaintext), size)))

    def check(self, entry, data, what):
        original = read(entry["file"])
        kind, plaintext, about = outcome(data, **keys_of(entry)[0])
        if kind != "ok":
            return kind
        _, expected, expected_about = outcome(original, **keys_of(entry)[0])
        if about["kind"] == "log":
            self.assertTrue(expected.startswith(plaintext), f"{entry['file']}, {what}, seed {SEED}")
            shorter = len(plaintext) < len(expected)
            self.assertFalse(shorter and about["closed"] and expected_about["closed"] and about["sessions"]
                             == expected_about["sessions"], f"{entry['file']}, {what}, seed {SEED}")
        elif about["kind"] == "pages" and not (about["closed"] and expected_about["closed"]):
            self.assertTrue(self.is_of_some_time(entry, plaintext, expected), f"{entry['file']}, {what}, seed {SEED}")
        else:
            self.assertEqual(plaintext, expected, f"{entry['file']}, {what}, seed {SEED}")
        return kind

    def test_a_flipped_bit_is_noticed_or_harmless(self):
        chance = random.Random(SEED)
        for entry in SOUND:
            data = read(entry["file"])
            if not entry.get("authenticated", True):
                continue  # a ctr body without a MAC: nothing can be noticed there
            places = [chance.randrange(8192) for _ in range(100)] + [chance.randrange(len(data)) for _ in range(100)]
            places += [512 * sector for sector in range(16)] + [0, 508, 511, 4096, 4607, len(data) - 1]
            for place in places + [chance.randrange(8192, len(data)) for _ in range(100) if len(data) > 8192]:
                altered = bytearray(data)
                altered[place] ^= 1 << chance.randrange(8)
                self.check(entry, bytes(altered), f"bit at {place}")

    def test_a_cut_file_is_noticed_or_a_shorter_log(self):
        for entry in SOUND:
            data = read(entry["file"])
            if not entry.get("authenticated", True):
                continue
            step = max(1, (len(data) - 8192) // 300)
            for size in [0, 1, 7, 8, 9, 511, 512, 4096, 8191, *range(8192, len(data), step)]:
                kind = self.check(entry, data[:size], f"cut to {size}")
                if size < 8192:
                    self.assertEqual(kind, "never_written")
                elif entry["kind"] == "pages" and (size < 16384 or not entry["closed"]):
                    self.assertIn(kind, ("truncated", "tampered", "ok"))  # as if it was never synced
                elif entry["kind"] != "log":
                    self.assertIn(kind, ("truncated", "tampered"))

    def test_bytes_after_the_end_are_noticed_or_left_out(self):
        for entry in SOUND:
            data = read(entry["file"])
            if entry.get("authenticated", True):
                for tail in (b"\0", b"x" * 40, bytes(5000), data[8192:]):
                    self.check(entry, data + tail, f"{len(tail)} bytes more")

    def test_a_body_under_another_files_envelope_is_refused(self):
        for entry in SOUND:
            for other in SOUND:
                if entry is other or entry["kind"] != other["kind"]:
                    continue
                data = read(entry["file"])[:8192] + read(other["file"])[8192:]
                kind, plaintext, _ = outcome(data, **keys_of(entry)[0])
                if entry["kind"] == "log":
                    self.assertTrue(kind != "ok" or plaintext == b"", f"{entry['file']} {other['file']}")
                elif entry.get("authenticated", True):
                    self.assertNotEqual(kind, "ok", f"{entry['file']} {other['file']}")


class Foreign(unittest.TestCase):
    def test_what_is_not_ours_is_told_apart(self):
        key = {"domain_key": bytes(32)}
        self.assertEqual(outcome(b"MANIFEST-000001\n", **key)[0], "plaintext")
        self.assertEqual(outcome(b"x" * 10000, **key)[0], "plaintext")
        self.assertEqual(outcome(b"", **key)[0], "never_written")
        self.assertEqual(outcome(b"COFF", **key)[0], "never_written")
        self.assertEqual(outcome(bytes(20000), **key)[0], "never_written")
        self.assertEqual(outcome(b"COFFER\r\n" + bytes(8184), **key)[0], "damaged")

    def test_a_newer_version_in_either_slot_is_unsupported(self):
        entry = SOUND[0]
        for slot in (0, 4096):
            data = bytearray(read(entry["file"]))
            data[slot + 8] = 2
            data[slot + 508:slot + 512] = crc32c(data[slot:slot + 508]).to_bytes(4, "little")
            self.assertEqual(outcome(bytes(data), **keys_of(entry)[0])[0], "unsupported")

    def test_checksum_has_its_published_value(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)


class CommandLine(unittest.TestCase):
    def run_decoder(self, *arguments):
        return subprocess.run(["/usr/bin/python3", DECODER, *arguments], capture_output=True, check=False)

    def test_plaintext_goes_to_standard_output_and_problems_to_exit_codes(self):
        for entry in (SOUND[0], next(entry for entry in ENTRIES if entry["error"] == "truncated")):
            done = self.run_decoder("--domain-key", entry["domain_key"], os.path.join(GOLDEN, entry["file"]))
            self.assertEqual(done.returncode, coffer_decode.EXIT_CODES[entry["error"]] if entry["error"] else 0)
            if entry["error"]:
                self.assertEqual(done.stdout, b"")
                self.assertIn(entry["error"].encode(), done.stderr)
            else:
                self.assertEqual(hashlib.sha256(done.stdout).hexdigest(), entry["sha256"])

    def test_a_missing_file_and_bad_options_are_failures_without_a_stack_trace(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_decoder("--domain-key", "00", os.path.join(folder, "none"))
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertNotIn(b"Traceback", done.stderr)
        for arguments in ((), ("--domain-key", "zz", "x"), ("--coffer", "x", "y"), ("--file-key", "00")):
            done = self.run_decoder(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertNotIn(b"Traceback", done.stderr)


if __name__ == "__main__":
    print(f"seed {SEED} (COFFER_SEED)", flush=True)
    unittest.main()
