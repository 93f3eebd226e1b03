"""Kinds sqlite, sqlite-journal and sqlite-wal: docs/format.md, sections 17 to 19."""

import struct

from .envelope import ENVELOPE_SIZE
from .primitives import Failure, Xaes, derive

MAGIC = b"SQLite format 3\x00"
JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
RESERVED = 48
SEAL_SIZE = 40
SECTOR = 512


def body_key(slot, file_key):
    return derive(file_key, b"sqlite body", slot.file_id, 32)


def is_page_size(size):
    return 1024 <= size <= 65536 and size & (size - 1) == 0


def is_sector_size(size):
    return SECTOR <= size <= 65536 and size & (size - 1) == 0


def open_part(key, seal, ciphertext, associated):
    return Xaes(key).open(seal[:SEAL_SIZE], ciphertext, associated)


def decode_sqlite(data, slot, file_key, about):
    key = body_key(slot, file_key)
    body = data[ENVELOPE_SIZE:]
    if not body:
        return b""
    size = int.from_bytes(body[16:18], "big")
    size = 65536 if size == 1 else size
    if body[:16] != MAGIC or not is_page_size(size):
        raise Failure("damaged", "its first page does not begin as one of SQLite's")
    if len(body) % size:
        raise Failure("truncated", "it ends inside a page")
    pages = []
    for at in range(0, len(body), size):
        number = at // size + 1
        page = body[at:at + size]
        if not any(page):
            raise Failure("damaged", f"page {number} is all zeros")
        clear = 24 if number == 1 else 0
        end = size - RESERVED
        associated = slot.file_id + struct.pack("<II", number, size) + (page[16:24] if number == 1 else b"")
        plain = open_part(key, page[end:], page[clear:end], associated)
        if plain is None or any(page[end + SEAL_SIZE:]) or (number == 1 and page[20] != RESERVED):
            raise Failure("tampered", f"page {number} does not fit its tag")
        pages.append(page[:clear] + plain + bytes(RESERVED))
    return b"".join(pages)


class Journal:
    """A life of a rollback journal."""

    def __init__(self, key, body):
        self.key = key
        self.body = body
        self.life = body[:32]

    def associated(self, offset, number, part):
        return self.life + struct.pack("<Q", offset) + number + bytes([part])

    def header(self, offset):
        """(page size, sector size, durable, SQLite's 28 bytes), or None."""
        sector = self.body[offset:offset + SECTOR]
        if len(sector) < SECTOR or sector[:32] != self.life or any(sector[104:]):
            return None
        fields = open_part(self.key, sector[32:72], sector[72:104], self.associated(offset, bytes(4), 1))
        if fields is None or fields[:8] != JOURNAL_MAGIC:
            return fields and ()
        sector_size, page_size = struct.unpack(">II", fields[20:28])
        return page_size, sector_size, struct.unpack("<I", fields[28:])[0], fields[:28]

    def record(self, offset, page_size):
        """As SQLite has it, or None."""
        record = self.body[offset:offset + page_size + 8]
        end = 4 + page_size - RESERVED + 4
        if len(record) < page_size + 8 or any(record[end + SEAL_SIZE:]):
            return None
        plain = open_part(self.key, record[end:], record[4:end], self.associated(offset, record[:4], 2))
        return None if plain is None else record[:4] + plain[:-4] + bytes(RESERVED) + plain[-4:]


def decode_journal(data, slot, file_key, about):
    body = data[ENVELOPE_SIZE:]
    if len(body) < SECTOR or not any(body[:SECTOR]):
        about["torn_bytes"] = len(body)
        return b""
    journal = Journal(body_key(slot, file_key), body)
    out = b""
    offset = end = 0
    header = journal.header(0)
    if header is None:
        raise Failure("tampered", "the first header does not fit its tag")
    while header:
        page_size, sector_size, durable, said = header
        if not is_page_size(page_size) or not is_sector_size(sector_size):
            raise Failure("tampered", "a header names pages or sectors that SQLite does not have")
        out += bytes(offset - len(out)) + said + bytes(sector_size - len(said))
        offset += sector_size
        count = 0
        while (record := journal.record(offset, page_size)) is not None:
            out += record
            offset += len(record)
            count += 1
        if count < durable:
            raise Failure("tampered", f"record {count} was synced and does not fit its tag")
        end = offset
        offset = -(-offset // sector_size) * sector_size
        header = journal.header(offset) if offset + sector_size <= len(body) else None
    about["torn_bytes"] = max(0, len(body) - end)
    return out


def decode_wal(data, slot, file_key, about):
    key = body_key(slot, file_key)
    sector = data[ENVELOPE_SIZE:ENVELOPE_SIZE + SECTOR]
    if len(sector) < SECTOR or not any(sector):
        about["torn_bytes"] = len(data) - ENVELOPE_SIZE
        return b""
    database = sector[:16]
    header = open_part(key, sector[16:56], sector[56:88], database + bytes(13))
    if header is None or any(sector[88:]):
        raise Failure("tampered", "its header does not fit its tag")
    size = int.from_bytes(header[8:12], "big") + 64
    out = header
    at = ENVELOPE_SIZE + SECTOR
    while at + size <= len(data):
        frame = data[at:at + size]
        end = size - RESERVED
        index = (at - ENVELOPE_SIZE - SECTOR) // size
        place = database + header[16:24] + struct.pack("<I", index)
        head = open_part(key, frame[24:64], frame[:24], place + b"\x01")
        page = open_part(key, frame[end:], frame[64:end], place + b"\x02")
        if head is None or page is None or any(frame[end + SEAL_SIZE:]):
            break
        out += head + page + bytes(RESERVED)
        at += size
    about["torn_bytes"] = len(data) - at
    return out
