"""Kind blocks: docs/format.md, section 4."""

import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from .envelope import ENVELOPE_SIZE
from .primitives import BODY_SIZE_MAX, SUITES, TAG_SIZE, Failure, aead, open_sealed, xor_index

BLOCKS_HEADER_SIZE = 24 + 32
BLOCKS_START = ENVELOPE_SIZE + BLOCKS_HEADER_SIZE


def decode_blocks(data, slot, file_key, about):
    _, key_size, name = SUITES[slot.suite]
    if len(data) < BLOCKS_START + TAG_SIZE:
        raise Failure("truncated", f"{len(data)} bytes: no room for the blocks header and one chunk")
    salt, commitment = data[8192:8216], data[8216:8248]
    info = (b"c2sp.org/chunked-encryption@v1+" + name + b"\0" + salt
            + b"coffer blocks v1" + slot.file_id + bytes([slot.chunk_log2]))
    material = HKDFExpand(algorithm=hashes.SHA512(), length=key_size + 44, info=info).derive(file_key)
    key, base_nonce, expected = material[:key_size], material[key_size:key_size + 12], material[key_size + 12:]
    if not hmac.compare_digest(commitment, expected):
        # The envelope's HMAC has shown that the key is right.
        raise Failure("tampered", "the body does not belong to this file key: its commitment differs")

    chunk = 1 << slot.chunk_log2
    body_size = len(data) - BLOCKS_START
    rest = body_size % (chunk + TAG_SIZE)
    if rest < TAG_SIZE:
        raise Failure("truncated", "the last chunk is missing or shorter than a tag")
    size = body_size // (chunk + TAG_SIZE) * chunk + rest - TAG_SIZE
    if size > BODY_SIZE_MAX:
        raise Failure("unsupported", "more than 2^40 bytes of plaintext")
    cipher = aead(slot.suite, key)
    out = []
    for index, offset in enumerate(range(BLOCKS_START, len(data), chunk + TAG_SIZE)):
        plain = open_sealed(cipher, xor_index(base_nonce, index), data[offset:offset + chunk + TAG_SIZE], None)
        if plain is None:
            raise Failure("tampered", f"chunk {index} at offset {offset} does not authenticate")
        out.append(plain)
    about["chunks"] = len(out)
    return b"".join(out)
