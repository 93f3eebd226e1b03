"""KMIP's binary encoding, for the fake server: shares nothing with Coffer, and with PyKMIP only its list of numbers."""

import struct

from kmip.core.enums import Tags

STRUCTURE, INTEGER, LONG_INTEGER, BIG_INTEGER, ENUMERATION, BOOLEAN, TEXT, BYTES, DATE, INTERVAL = range(1, 11)
FIXED = {INTEGER: ">i", LONG_INTEGER: ">q", ENUMERATION: ">I", BOOLEAN: ">Q", DATE: ">q", INTERVAL: ">I"}


def number_of(name):
    """Of a tag, by PyKMIP's name or the specification's."""
    return Tags["".join(c if c.isalnum() else "_" for c in name.upper())].value


class Item:
    """A field: the value of a structure is the list of its fields."""

    def __init__(self, tag, kind, value):
        self.tag = tag if isinstance(tag, int) else number_of(tag)
        self.kind = kind
        self.value = value

    def all(self, name):
        return [item for item in self.value if item.tag == number_of(name)]

    def find(self, name):
        found = self.all(name)
        return found[0] if found else None

    def get(self, name, otherwise=None):
        found = self.find(name)
        return otherwise if found is None else found.value

    def tagged(self, tag):
        """The same under another tag."""
        return Item(tag, self.kind, self.value)

    def encode(self):
        if self.kind == STRUCTURE:
            value = b"".join(item.encode() for item in self.value)
        elif self.kind in FIXED:
            value = struct.pack(FIXED[self.kind], self.value)
        else:
            value = self.value.encode() if self.kind == TEXT else self.value
        header = struct.pack(">I", self.tag)[1:] + struct.pack(">BI", self.kind, len(value))
        return header + value + bytes(-len(value) % 8)


def structure(tag, *items):
    return Item(tag, STRUCTURE, [item for item in items if item is not None])


def decode(data):
    """One item and what follows it."""
    tag = int.from_bytes(data[:3], "big")
    kind, size = struct.unpack(">BI", data[3:8])
    end = 8 + size
    value, rest = data[8:end], data[end + -size % 8:]
    if len(value) != size:
        raise ValueError("cut")
    if kind == STRUCTURE:
        items = []
        while value:
            item, value = decode(value)
            items.append(item)
        return Item(tag, kind, items), rest
    if kind in FIXED:
        return Item(tag, kind, struct.unpack(FIXED[kind], value)[0]), rest
    return Item(tag, kind, value.decode() if kind == TEXT else value), rest
