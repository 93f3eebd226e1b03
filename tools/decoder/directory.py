"""Kind directory, and the names of a store whose names are encrypted: docs/format.md, section 22."""

import base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from .envelope import ENVELOPE_SIZE
from .primitives import Failure, derive

TAG_SIZE = 16
STEP = 16
BODY_SIZE = TAG_SIZE + 64
NAME_SIZE_MAX = 255
SHORT_NAME_SIZE_MAX = 128
TARGET_SIZE_MAX = 2512
NAME, LINKS, TARGET = b"\x01", b"\x02", b"\x03"
FILE_NAME = ".coffer-names"
LINK_SUFFIX = ".name"


def bytes_of(text):
    if text != text.lower() or "=" in text:
        raise Failure("tampered", "a stored name is base32 in lower case, without padding")
    try:
        out = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError as error:
        raise Failure("tampered", "a stored name is base32") from error
    if text_of(out) != text:
        raise Failure("tampered", "a stored name has stray bits")
    return out


def text_of(data):
    return base64.b32encode(data).decode().lower().rstrip("=")


def link_text(data):
    text = text_of(data)
    return "/".join(text[at:at + NAME_SIZE_MAX] for at in range(0, len(text), NAME_SIZE_MAX))


def bytes_of_link(text):
    out = bytes_of(text.replace("/", ""))
    if link_text(out) != text:
        raise Failure("tampered", "what a link leads to has parts of 255 characters")
    return out


def unseal(key, sealed, associated):
    try:
        return AESSIV(key).decrypt(sealed, associated)
    except (InvalidTag, ValueError) as error:
        raise Failure("tampered", "it was not sealed with this key") from error


def emptied(padded, size_max):
    text = padded.rstrip(b"\x00")
    if not 0 < len(text) <= size_max or b"\x00" in text or len(padded) != -(-len(text) // STEP) * STEP:
        raise Failure("tampered", "what is sealed is not filled up as it has to be")
    return text


class Directory:
    """What opens the names in one directory, and the targets of its symbolic links."""

    def __init__(self, data, slot, file_key):
        body = data[ENVELOPE_SIZE:]
        if len(body) < BODY_SIZE:
            raise Failure("truncated", "a directory's file has 8272 bytes")
        if len(body) > BODY_SIZE:
            raise Failure("damaged", "a directory's file has 8272 bytes")
        self.key = derive(file_key, b"directory names", slot.file_id, 64)
        self.links = unseal(self.key, body, [LINKS])

    def name(self, stored, link=None):
        """Of the entry `stored`; `link`: what the link beside a long one leads to."""
        name = emptied(unseal(self.key, bytes_of(stored) + bytes_of_link(link or ""), [NAME]), NAME_SIZE_MAX)
        if (link is None) != (len(name) <= SHORT_NAME_SIZE_MAX) or b"/" in name or name in (b".", b".."):
            raise Failure("tampered", "a name is stored in another form")
        return name

    def target(self, stored):
        data = bytes_of_link(stored)
        return emptied(unseal(self.links, data[STEP:], [TARGET, data[:STEP]]), TARGET_SIZE_MAX)


def decode_directory(data, slot, file_key, about):
    Directory(data, slot, file_key)
    return b""
