"""Blobs: docs/format.md, section 20."""

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .primitives import Failure, crc32c, derive

OVERHEAD = 124


def open_blob(blob, domain_key, context):
    """The message or key in it."""
    if blob[:4] != b"COFB"[:len(blob)]:
        raise Failure("plaintext", "it is no blob")
    if len(blob) < OVERHEAD:
        raise Failure("truncated", "a blob is longer")
    version, suite, purpose, zero, key_version, size = struct.unpack_from("<4BII", blob, 4)
    if crc32c(blob[:-4]) != struct.unpack("<I", blob[-4:])[0]:
        kind = "truncated" if version == 1 and size + OVERHEAD > len(blob) else "damaged"
        raise Failure(kind, "the checksum is wrong")
    if version != 1 or suite != 3 or purpose not in (1, 2):
        raise Failure("unsupported", f"version {version}, suite {suite}, purpose {purpose}")
    right_size = 16 <= size <= 64 if purpose == 1 else size <= 1 << 30
    if zero or not key_version or not right_size or size + OVERHEAD != len(blob):
        raise Failure("tampered", "no blob is like that")
    derived = derive(domain_key, b"blob", blob[4:72], 76)
    if derived[44:] != blob[72:104]:
        raise Failure("wrong_key", "the commitment does not fit")
    try:
        return AESGCM(derived[:32]).decrypt(derived[32:44], blob[104:-4], blob[:104] + context)
    except InvalidTag:
        raise Failure("tampered", "the tag does not fit") from None
