"""Streams of files from node to node: docs/format.md, section 25."""

import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .envelope import RECORD_SIZE, SLOT_SIZE, Slot, check_envelope_mac, unwrap_file_key
from .keyring import Fields
from .primitives import TAG_SIZE, Failure, derive, open_sealed

MAGIC = b"COFSTR\r\n"
HEAD_SIZE = 224
CHUNK_SIZE = 1 << 20
MANIFEST_SIZE_MAX = 1 << 28
FILES = 1


class StreamedFile:
    """One file of a stream: .slot is its record, None of an empty file."""

    def __init__(self, fields):
        sort, zero = fields.number(1), fields.number(1)
        self.mode, self.body_size, self.begin, self.had = (fields.number(2), fields.number(8), fields.number(8),
                                                           fields.bytes(32))
        self.name = fields.sized(2, 4096).decode()
        self.slot = Slot(fields.bytes(RECORD_SIZE).ljust(SLOT_SIZE, b"\0")) if sort == 1 else None
        if sort > 1 or zero or self.mode > 0o777 or self.begin > self.body_size:
            raise Failure("tampered", f"the entry of {self.name!r} breaks a rule")
        if self.slot is None and self.body_size or self.slot is not None and self.slot.state != "readable":
            raise Failure("tampered", f"{self.name!r} has no record, or one of no file")


def check_name(name, before):
    parts = name.split("/")
    if len(parts) > 64 or any(part in ("", ".", "..") or len(part.encode()) > 255 or part.startswith(".coffer-")
                              or any(ord(each) < 32 or ord(each) == 127 for each in part) for part in parts):
        raise Failure("tampered", f"{name!r} leads out of the directory, or is no name")
    if before is not None and name.encode() <= before.encode():
        raise Failure("tampered", "names are not in order")


def read_manifest(manifest):
    fields = Fields(manifest, "tampered")
    files = []
    for _ in range(fields.number(4)):
        files.append(StreamedFile(fields))
        check_name(files[-1].name, files[-2].name if len(files) > 1 else None)
    if not files or fields.at != len(manifest):
        raise Failure("tampered", "the list is empty, or something stands behind it")
    return files


def chunk_tag(key, number, at, chunk):
    material = derive(key, b"stream chunk", struct.pack("<IQI", number, at, len(chunk)), 44)
    return AESGCM(material[:32]).encrypt(material[32:], b"", chunk)


def digest_of_pieces(data):
    pieces = (data[at:at + CHUNK_SIZE] for at in range(0, len(data), CHUNK_SIZE))
    return hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()


def read_body(fields, key, number, file):
    body, at = b"", file.begin
    while at < file.body_size:
        chunk = fields.bytes(min(CHUNK_SIZE, file.body_size - at))
        if not hmac.compare_digest(chunk_tag(key, number, at, chunk), fields.bytes(TAG_SIZE)):
            raise Failure("tampered", f"a chunk of {file.name!r} at byte {at}")
        body, at = body + chunk, at + len(chunk)
    return body


def open_head(data, receiver):
    """(stream key, manifest, where the bodies begin)."""
    if data[:8] != MAGIC[:len(data)]:
        raise Failure("plaintext", "no stream: no magic")
    if len(data) < HEAD_SIZE:
        raise Failure("truncated", "shorter than a stream's head")
    version, kind, zero, size = struct.unpack_from("<HBBI", data, 8)
    if version != 1 or kind != FILES:
        raise Failure("unsupported", f"stream version {version}, kind {kind}")
    if zero or any(data[136:144]) or size > MANIFEST_SIZE_MAX:
        raise Failure("tampered", "the head breaks a rule")
    if data[96:128] != receiver.agreement_public:
        raise Failure("foreign", "it is for another receiver")
    key = receiver.open(b"stream", data[32:64], data[:144], data[144:176], data[176:224])
    if key is None:
        raise Failure("wrong_key", "it is not from that sender")
    end = 240 + size
    if len(data) < end + 64:
        raise Failure("truncated", "the list of files is cut")
    try:
        Ed25519PublicKey.from_public_bytes(data[64:96]).verify(data[end:end + 64],
                                                               b"coffer/v1 node stream\0" + data[:end])
    except InvalidSignature as error:
        raise Failure("tampered", "the signature is not the sender's") from error
    material = derive(key, b"stream manifest", data[144:176], 44)
    manifest = open_sealed(AESGCM(material[:32]), material[32:], data[224:end], data[:224])
    if manifest is None:
        raise Failure("tampered", "the list of files does not authenticate")
    return key, manifest, end + 64


def decode_stream(data, receiver):
    """[(file, its key or None, its body)] of a stream that leaves nothing out."""
    key, manifest, at = open_head(data, receiver)
    fields = Fields(data, "truncated")
    fields.at = at
    out = []
    for number, file in enumerate(read_manifest(manifest)):
        file_key = None
        if file.slot is not None:
            if not file.slot.store_id == file.slot.domain_key_id == data[16:32]:
                raise Failure("tampered", f"the record of {file.name!r} is of another stream")
            file_key = unwrap_file_key(file.slot, key)
            check_envelope_mac(file.slot, file_key, False)
        out.append((file, file_key, read_body(fields, key, number, file)))
    if fields.bytes(16) != derive(key, b"stream end", b"", 16):
        raise Failure("tampered", "the end is not the stream's")
    return out
