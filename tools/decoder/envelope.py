"""The envelope and the file key in it: docs/format.md, section 3."""

import hmac
import struct

from .primitives import KINDS, SUITES, SUITES_OF_KIND, Failure, crc32c, derive, kwp_unwrap

ENVELOPE_SIZE = 8192
SLOT_SIZE = 4096
RECORD_SIZE = 512
MAGIC = b"COFFER\r\n"
CHUNK_LOG2_OF_KIND = {1: range(10, 21), 4: range(10, 17)}


class Slot:
    """One slot: .state is empty, readable, damaged or unsupported; the fields only if readable."""

    def __init__(self, slot):
        self.has_magic = slot[:8] == MAGIC
        self.reason = ""
        if not any(slot):
            self.state = "empty"
            return
        self.state = "damaged"
        self.record = slot[:RECORD_SIZE]
        if not self.has_magic:
            self.reason = "no magic"
        elif struct.unpack_from("<I", slot, 508)[0] != crc32c(slot[:508]):
            self.reason = "the checksum differs"
        else:
            self._parse(slot)

    def _parse(self, slot):
        (version, self.suite, self.kind, self.chunk_log2, wrap, self.flags, zero1, self.sequence, self.file_id,
         self.store_id, self.domain_key_id, self.domain_key_version, self.oldest_key_version, self.newest_key_version,
         self.keyring_version, self.body_size, self.body_mac, wrapped_size) = struct.unpack_from(
             "<HBBBBBBQ16s16s16sIHHQQ16sH", slot, 8)
        if version != 1 or self.suite not in SUITES or self.kind not in KINDS or wrap != 1:
            self.state = "unsupported"
            self.reason = f"version {version}, suite {self.suite}, kind {self.kind}, wrap algorithm {wrap}"
            return
        sealed = self.flags & 1
        key_size = SUITES[self.suite][1]
        rules = {
            "the suite does not go with the kind": self.suite in SUITES_OF_KIND[self.kind],
            "the chunk size is out of bounds": self.chunk_log2 in CHUNK_LOG2_OF_KIND.get(self.kind, (0,)),
            "unknown flags": self.flags & ~1 == 0,
            "only a ctr body may be sealed": self.kind == 3 or not sealed,
            "the sequence is 0": self.sequence >= 1,
            "the domain key version is 0": self.domain_key_version >= 1,
            "the domain key is none that wrapped the file key":
            1 <= self.oldest_key_version <= self.domain_key_version <= self.newest_key_version,
            "body size or MAC without a sealed body": sealed or (self.body_size == 0 and not any(self.body_mac)),
            "the wrapped key has the wrong size": wrapped_size == key_size + 8,
            "bytes that must be zero are not": zero1 == 0 and not any(slot[114:120])
            and not any(slot[120 + key_size + 8:160]) and not any(slot[192:476]) and not any(slot[RECORD_SIZE:]),
            "only a log has an earlier body": self.kind == 2 or not any(slot[160:192]),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            self.reason = "; ".join(broken)
            return
        self.state = "readable"
        self.earlier_body = slot[160:192]
        self.wrapped_key = slot[120:120 + key_size + 8]
        self.mac = slot[476:508]


def current_slot(data):
    """Section 3, "Slot states" and "Open"."""
    head = data[:ENVELOPE_SIZE]
    if len(data) < ENVELOPE_SIZE:
        for start in (head[:SLOT_SIZE], head[SLOT_SIZE:]):
            if any(start) and start[:8] != MAGIC[:len(start)]:
                raise Failure("plaintext", "not a Coffer file: no magic")
        raise Failure("never_written", f"{len(data)} bytes, shorter than the envelope: never synced, or cut off")
    if not any(head):
        if any(data[ENVELOPE_SIZE:]):
            raise Failure("damaged", "the envelope is gone: all zero, and what stands behind it is not")
        raise Failure("never_written", "the envelope is all zero: never synced")
    slots = [Slot(head[:SLOT_SIZE]), Slot(head[SLOT_SIZE:])]
    for slot in slots:
        if slot.state == "unsupported":
            raise Failure("unsupported", f"unknown to format version 1: {slot.reason}")
    readable = [slot for slot in slots if slot.state == "readable"]
    if readable:
        return max(readable, key=lambda slot: slot.sequence)  # the first of equals: A
    if not any(slot.has_magic for slot in slots):
        raise Failure("plaintext", "not a Coffer file: no magic")
    raise Failure("damaged", "; ".join(f"slot {name}: {slot.reason or 'empty'}" for name, slot in zip("AB", slots)))


def unwrap_file_key(slot, domain_key):
    context = slot.store_id + slot.file_id + bytes([slot.kind])
    file_key = kwp_unwrap(derive(domain_key, b"file wrap", context, 32), slot.wrapped_key)
    if file_key is None:
        raise Failure("wrong_key", "the file key does not open under the domain key that the envelope names")
    if len(file_key) != SUITES[slot.suite][1]:
        raise Failure("tampered", f"the file key has {len(file_key)} bytes")
    return file_key


def check_envelope_mac(slot, file_key, given):
    if len(file_key) != SUITES[slot.suite][1]:
        raise Failure("wrong_key", f"suite {SUITES[slot.suite][0]} has keys of {SUITES[slot.suite][1]} bytes")
    mac_key = derive(file_key, b"envelope mac", slot.file_id, 32)
    if not hmac.compare_digest(hmac.digest(mac_key, slot.record[:476], "sha256"), slot.mac):
        if given:
            raise Failure("wrong_key", "the file key given does not authenticate the envelope")
        raise Failure("tampered", "the envelope does not authenticate")
