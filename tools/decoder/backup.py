"""Backups: docs/format.md, section 26, and the manifests of section 25."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .keyring import Fields, keyring_key_of, read_slot
from .primitives import Failure, aead, derive, open_sealed

AES_256_GCM = 3
PIECE = 1 << 20
SLOT_SIZE = 4096
RECORD_SIZE = 512


class Target:
    """A directory."""

    def __init__(self, directory):
        self.directory = directory

    def get(self, name):
        try:
            with open(os.path.join(self.directory, name), "rb") as file:
                return file.read()
        except FileNotFoundError as error:
            raise Failure("failed", f"{name} is missing") from error

    def recipients(self, backup):
        folder = os.path.join(self.directory, "backups", backup)
        return [self.get(f"backups/{backup}/{name}") for name in sorted(os.listdir(folder))
                if name.startswith("recipient-")]


def digest_of_pieces(data):
    pieces = (data[at:at + PIECE] for at in range(0, len(data), PIECE))
    return hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()


def begin(data, magic, what):
    """Fields behind magic and version."""
    if data[:8] != magic + b"\r\n":
        raise Failure("plaintext", f"it is no {what}")
    fields = Fields(data, "tampered")
    fields.at = 8
    version = fields.number(2)
    if version != 1:
        raise Failure("unsupported", f"{what} of version {version}")
    return fields


def zeros(fields, count):
    if any(fields.bytes(count)):
        raise Failure("tampered", "reserved bytes must be zero")


def key_of_recipient(data, backup, root_key):
    """The backup key, from a recipient that is a key file."""
    fields = begin(data, b"COFBKR", "recipient")
    zeros(fields, 6)
    if fields.bytes(16) != backup:
        raise Failure("tampered", "the recipient is of another backup")
    slot = read_slot(fields)
    sender, _shown = fields.sized(1, 32), fields.sized(1, 255)
    if len(sender) != (32 if slot["algorithm"] == 3 else 0):
        raise Failure("tampered", "a sender goes with wrap algorithm 3 only")
    signed, mac = data[:fields.at], fields.bytes(32)
    if fields.at != len(data) or len(data) > 4096:
        raise Failure("tampered", "the recipient has another size")
    key = keyring_key_of([slot], backup, root_key)
    if not hmac.compare_digest(mac, hmac.digest(derive(key, b"backup recipient", backup, 32), signed, "sha256")):
        raise Failure("tampered", "the recipient's MAC differs")
    return key


def backup_key_of(target, backup, root_key):
    for data in target.recipients(backup):
        try:
            return key_of_recipient(data, bytes.fromhex(backup), root_key)
        except Failure as failure:
            if failure.kind != "wrong_key":
                raise
    raise Failure("wrong_key", "no recipient is this root key")


def read_index(data):
    fields = begin(data, b"COFBKI", "index of a backup")
    zeros(fields, 2)
    part_count, object_count = fields.number(4), fields.number(8)
    index = {"made": fields.number(8), "id": fields.bytes(16), "coffer_id": fields.bytes(16)}
    index["parts"] = [{"id": fields.bytes(16), "size": fields.number(8), "digest": fields.bytes(32)}
                      for _ in range(part_count)]
    index["objects"] = [(fields.bytes(32), fields.number(8)) for _ in range(object_count)]
    index["before_mac"], index["mac"] = data[:fields.at], fields.bytes(32)
    signed, index["signer"] = data[:fields.at], fields.bytes(32)
    signature = fields.bytes(64)
    ids, digests = [part["id"] for part in index["parts"]], [digest for digest, _ in index["objects"]]
    if (fields.at != len(data) or not ids or ids != sorted(set(ids)) or digests != sorted(set(digests))
            or not all(1 <= size <= 1 << 48 for _, size in index["objects"])):
        raise Failure("tampered", "the index breaks a rule")
    try:
        Ed25519PublicKey.from_public_bytes(index["signer"]).verify(signature, b"coffer/v1 backup index\0" + signed)
    except InvalidSignature as error:
        raise Failure("tampered", "the index is not what its signer signed") from error
    return index


def read_manifest(fields):
    files = []
    for _ in range(fields.number(4)):
        has_envelope = fields.number(1)
        zeros(fields, 1)
        file = {"mode": fields.number(2), "size": fields.number(8), "there": fields.number(8),
                "digest": fields.bytes(32), "name": fields.sized(2, 4096)}
        file["record"] = fields.bytes(RECORD_SIZE) if has_envelope else None
        if has_envelope > 1 or file["there"] != file["size"] or (not has_envelope and file["size"]):
            raise Failure("tampered", f"the file {file['name']!r} breaks a rule")
        if any(part in (b"", b".", b"..") for part in file["name"].split(b"/")):
            raise Failure("tampered", f"the name {file['name']!r} leads elsewhere")
        files.append(file)
    names = [file["name"] for file in files]
    if not names or names != sorted(set(names)):
        raise Failure("tampered", "names must be in order, none twice")
    return files


def open_part(data, part, index, key):
    if len(data) != part["size"] or hashlib.sha256(data).digest() != part["digest"]:
        raise Failure("damaged", "the part is not the one that the index names")
    fields = begin(data, b"COFBKP", "part of a backup")
    zeros(fields, 6)
    if (fields.bytes(16), fields.bytes(16)) != (index["id"], part["id"]):
        raise Failure("tampered", "the part is another's")
    secret = derive(key, b"backup part", index["id"] + part["id"], 44)
    contents = open_sealed(aead(AES_256_GCM, secret[:32]), secret[32:], data[48:], data[:48])
    if contents is None:
        raise Failure("tampered", "the part does not authenticate")
    fields = Fields(contents, "tampered")
    domain = fields.sized(1, 64)
    keys = [(fields.bytes(16), fields.number(4)) for _ in range(fields.number(4))]
    numbers = [number for _, number in keys]
    if not domain or 0 in numbers or numbers != sorted(set(numbers)):
        raise Failure("tampered", "the part's keys break a rule")
    files = read_manifest(fields)
    if fields.at != len(contents):
        raise Failure("tampered", "bytes after the end of the manifest")
    return {"domain": domain, "keys": keys, "files": files,
            "files_key": derive(key, b"backup files", index["id"] + part["id"], 32)}


def read_backup(target, backup, root_key):
    """(index, parts) of a backup that this root key opens. Whether the signer is trusted is for the caller to ask."""
    data = target.get(f"backups/{backup}/index")
    index = read_index(data)
    if index["id"].hex() != backup:
        raise Failure("tampered", "the index is another backup's")
    key = backup_key_of(target, backup, root_key)
    mac = hmac.digest(derive(key, b"backup index", index["id"], 32), index["before_mac"], "sha256")
    if not hmac.compare_digest(mac, index["mac"]):
        raise Failure("wrong_key", "the lockbox is another backup's")
    return index, [open_part(target.get(f"backups/{backup}/part-{part['id'].hex()}"), part, index, key)
                   for part in index["parts"]]


def file_of(target, file, index):
    """A file as it would lie in a store, under its part's files key; nothing of an empty one."""
    if file["record"] is None:
        return b""
    body = b""
    if file["size"]:
        if (file["digest"], file["size"]) not in index["objects"]:
            raise Failure("tampered", "the index does not name this body")
        name = file["digest"].hex()
        body = target.get(f"objects/{name[:2]}/{name[2:]}")
        if len(body) != file["size"] or digest_of_pieces(body) != file["digest"]:
            raise Failure("damaged", f"the body {name} is not what was backed up")
    return file["record"].ljust(2 * SLOT_SIZE, b"\0") + body
