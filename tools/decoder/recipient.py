"""Slots that are sealed to a recipient's public key by HPKE: docs/format.md, section 7, wrap algorithm 3."""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from .primitives import Failure, open_sealed

KEM, KDF, AEAD = 0x0020, 0x0001, 0x0002
MODE_AUTH = b"\2"


def public_bytes(key):
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def labeled_extract(suite, salt, label, input_key):
    return hmac.new(salt, b"HPKE-v1" + suite + label + input_key, hashlib.sha256).digest()


def labeled_expand(suite, prk, label, info, size):
    whole = struct.pack(">H", size) + b"HPKE-v1" + suite + label + info
    return HKDFExpand(algorithm=hashes.SHA256(), length=size, info=whole).derive(prk)


def hpke_open(private, sender, info, encapsulated, ciphertext, associated=None):
    """The plaintext, or None."""
    mine = X25519PrivateKey.from_private_bytes(private)
    secrets = b"".join(mine.exchange(X25519PublicKey.from_public_bytes(key)) for key in (encapsulated, sender))
    kem = b"KEM" + struct.pack(">H", KEM)
    prk = labeled_extract(kem, b"", b"eae_prk", secrets)
    shared = labeled_expand(kem, prk, b"shared_secret", encapsulated + public_bytes(mine) + sender, 32)
    suite = b"HPKE" + struct.pack(">HHH", KEM, KDF, AEAD)
    schedule = (MODE_AUTH + labeled_extract(suite, b"", b"psk_id_hash", b"")
                + labeled_extract(suite, b"", b"info_hash", info))
    secret = labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", schedule, 32)
    nonce = labeled_expand(suite, secret, b"base_nonce", schedule, 12)
    return open_sealed(AESGCM(key), nonce, ciphertext, associated)


def fingerprint_of_pair(recipient, sender):
    return hashlib.sha256(b"coffer/v1 recipient id\0" + struct.pack("<H", KEM) + recipient + sender).digest()[:16]


def keyring_key_for(wrapped, coffer_id, slot_id, private, sender):
    """(the keyring key, the sealed sender's key behind it)."""
    if len(wrapped) < 6:
        raise Failure("tampered", "a slot for a recipient without HPKE's suite")
    if struct.unpack_from("<HHH", wrapped) != (KEM, KDF, AEAD):
        raise Failure("unsupported", "a slot of another HPKE suite")
    if len(wrapped) != 6 + 32 + 48 + 40:
        raise Failure("tampered", f"a slot for a recipient of {len(wrapped)} bytes")
    key = hpke_open(private, sender, b"coffer/v1 recipient\0" + coffer_id + slot_id, wrapped[6:38], wrapped[38:86])
    if key is None:
        raise Failure("wrong_key", "the slot was not sealed to this key by that sender")
    return key, wrapped[86:]
