"""Nodes and their keys: docs/format.md, section 24; sealed values: section 8."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .primitives import Failure, derive, hkdf_sha256, open_sealed
from .recipient import hpke_open, public_bytes

SEALED = b"sealed:v1:"


def open_value(text, key, option, provider, hosts):
    """Section 8."""
    if not text.startswith(SEALED):
        raise Failure("tampered", "no sealed value")
    sealed = base64.b64decode(text[len(SEALED):], validate=True)
    info = b"coffer/v1 sealed value\0" + b"\0".join((option, provider, hosts))
    material = hkdf_sha256(key, sealed[:32], info, 44)
    value = open_sealed(AESGCM(material[:32]), material[32:], sealed[32:], None)
    if value is None:
        raise Failure("wrong_key", "the sealed value does not open at this place, under this key")
    return value


class Node:
    """A node with its private keys."""

    def __init__(self, seed):
        self.agreement = derive(seed, b"node agreement", b"", 32)
        self.signing_public = public_bytes(Ed25519PrivateKey.from_private_bytes(
            derive(seed, b"node signing", b"", 32)))
        self.agreement_public = public_bytes(X25519PrivateKey.from_private_bytes(self.agreement))

    def open(self, purpose, sender, associated, encapsulated, ciphertext):
        """What `sender` sealed to this node, or None."""
        return hpke_open(self.agreement, sender, b"coffer/v1 node " + purpose, encapsulated, ciphertext, associated)


def seed_of_node_key(text, keyring):
    """Of node.key as the coffer seals it (two lines)."""
    line, sealed = text.splitlines()
    name = line.split(b":")[2]
    key = derive(keyring["audit_key"], b"config values", keyring["coffer_id"], 32)
    return open_value(sealed, key, b"node_key", b"node:" + name, keyring["coffer_id"].hex().encode())


def read_node_key(text, keyring):
    """The same, as the node that it is."""
    public = text.splitlines()[0].split(b":")[3]
    node = Node(seed_of_node_key(text, keyring))
    said = base64.urlsafe_b64decode(public + b"==")
    if said[:80] != keyring["coffer_id"] + node.agreement_public + node.signing_public:
        raise Failure("tampered", "node.key has other keys than its line says")
    return node
