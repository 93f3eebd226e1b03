"""Checksums, derivation, suites and ciphers: docs/format.md, sections 1 and 2."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

class Failure(Exception):
    """What is wrong with a file: damaged, tampered, truncated, wrong_key, … (coffer_decode.py lists them)."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return table


_CRC32C = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    table = _CRC32C
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def derive(key, label, context, size):
    """Section 2."""
    info = b"coffer/v1 " + label + b"\0" + context
    return HKDFExpand(algorithm=hashes.SHA256(), length=size, info=info).derive(key)


def hkdf_sha256(input_key, salt, info, size):
    return HKDF(algorithm=hashes.SHA256(), length=size, salt=salt, info=info).derive(input_key)


def xor_index(base_nonce, index):
    return (int.from_bytes(base_nonce, "big") ^ index).to_bytes(12, "big")


# Section 1: number → name, key size, name in key derivation (None where it is in none).
SUITES = {
    1: ("aes-128-gcm", 16, b"AEAD_AES_128_GCM"),
    2: ("aes-192-gcm", 24, b"AEAD_AES_192_GCM"),
    3: ("aes-256-gcm", 32, b"AEAD_AES_256_GCM"),
    4: ("chacha20-poly1305", 32, b"AEAD_CHACHA20_POLY1305"),
    5: ("xaes-256-gcm", 32, None),
    16: ("aes-128-ctr", 16, None),
    17: ("aes-192-ctr", 24, None),
    18: ("aes-256-ctr", 32, None),
}
KINDS = {1: "blocks", 2: "log", 3: "ctr", 4: "pages", 5: "sqlite", 6: "sqlite-journal", 7: "sqlite-wal",
         8: "directory"}
SUITES_OF_KIND = {1: (1, 2, 3, 4), 2: (1, 2, 3, 4), 3: (16, 17, 18), 4: (5,), 5: (5,), 6: (5,), 7: (5,), 8: (5,)}
TAG_SIZE = 16
BODY_SIZE_MAX = 1 << 40


def aead(suite, key):
    return ChaCha20Poly1305(key) if suite == 4 else AESGCM(key)


def open_sealed(cipher, nonce, sealed, associated):
    """The plaintext, or None if the tag does not fit."""
    try:
        return cipher.decrypt(nonce, bytes(sealed), associated)
    except InvalidTag:
        return None


class Xaes:
    """XAES-256-GCM (https://c2sp.org/XAES-256-GCM), opening only."""

    def __init__(self, key):
        self.block = Cipher(algorithms.AES(key), modes.ECB())
        carried = int.from_bytes(self._encrypt(bytes(16)), "big") << 1
        self.subkey = (carried & (1 << 128) - 1) ^ (0x87 if carried >> 128 else 0)
        self.derived = {}

    def _encrypt(self, block):
        encryptor = self.block.encryptor()
        return encryptor.update(block) + encryptor.finalize()

    def cipher_for(self, start):
        """AES-256-GCM under the key of all nonces that begin with these 12 bytes."""
        if start not in self.derived:
            halves = [int.from_bytes(bytes([0, half, ord("X"), 0]) + start, "big") ^ self.subkey for half in (1, 2)]
            self.derived[start] = AESGCM(b"".join(self._encrypt(half.to_bytes(16, "big")) for half in halves))
        return self.derived[start]

    def open(self, seal, ciphertext, associated):
        """The plaintext, or None if the seal does not fit."""
        return open_sealed(self.cipher_for(seal[:12]), seal[12:24], ciphertext + seal[24:], associated)


def kwp_unwrap(wrap_key, wrapped):
    """The key, or None if the integrity check of RFC 5649 fails."""
    try:
        return keywrap.aes_key_unwrap_with_padding(wrap_key, wrapped)
    except keywrap.InvalidUnwrap:
        return None
