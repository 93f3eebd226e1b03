"""Kind pages: docs/format.md, section 16."""

import struct

from .envelope import ENVELOPE_SIZE
from .primitives import BODY_SIZE_MAX, Failure, Xaes, derive

PAGES_IN_GROUP = 96
PAGES_IN_SECTOR = 12
ROOT_OFFSETS = (ENVELOPE_SIZE, ENVELOPE_SIZE + 4096)
BODY_OFFSET = ENVELOPE_SIZE + 2 * 4096
SLOT_SIZE = 4096
TAG_BLOCK_SIZE = 4096
SECTOR_SIZE = 512
SEAL_SIZE = 40
RANGES_MAX = 240
JOURNAL_MAX = 1 << 42
RECORD_HEADER_SIZE = 136
PAGE, HOLE, ROOT, RECORD = 1, 2, 3, 4  # what is sealed
SEARCH_MAX = 64 << 20
ALL_BEHIND = (1 << 64) - 1


class Root:
    def __init__(self, slot, xaes):
        """.is_one says whether the bytes of a slot are a root."""
        self.is_one = False
        if len(slot) < 64 or slot[:4] != b"CFPR":
            return
        (ranges, self.sequence, self.size, self.proven, self.epoch, self.journal, self.records,
         self.durable) = struct.unpack_from("<IQQQQQQQ", slot, 4)
        end = 64 + 16 * ranges
        if ranges > RANGES_MAX or len(slot) < end + SEAL_SIZE:
            return
        self.holes = [struct.unpack_from("<QQ", slot, 64 + 16 * i) for i in range(ranges)]
        behind = 0
        for first, count in self.holes:
            if count == 0 or first < behind or first + count > 1 << 40:
                return
            behind = first + count + 1
        self.is_one = (self.size <= BODY_SIZE_MAX and self.journal % 512 == 0
                       and (self.journal == 0 or BODY_OFFSET <= self.journal <= JOURNAL_MAX)
                       and xaes.open(slot[end:end + SEAL_SIZE], b"", bytes([ROOT]) + slot[:end]) is not None)


class Record:
    def __init__(self, header, xaes, epoch):
        """.is_one says whether the bytes are the header of a record of this epoch."""
        self.is_one = False
        if len(header) < RECORD_HEADER_SIZE or header[:4] != b"CFPJ" or header[4] not in (1, 2) or any(header[5:8]):
            return
        self.is_page = header[4] == 1
        self.epoch, self.number, self.page, self.count, self.size, self.durable = struct.unpack_from("<6Q", header, 8)
        self.page_seal = header[56:96]
        self.is_one = (self.epoch == epoch and self.size <= BODY_SIZE_MAX and self.page <= BODY_SIZE_MAX
                       and xaes.open(header[96:136], b"", bytes([RECORD]) + header[:96]) is not None)


class Pages:
    def __init__(self, data, slot, file_key):
        self.data = data
        self.page_size = 1 << slot.chunk_log2
        self.xaes = Xaes(derive(file_key, b"pages body", slot.file_id + bytes([slot.chunk_log2]), 32))
        self.changed = {}  # page → (seal, ciphertext), by the journal
        self.cut = []      # ranges of pages [first, end) that the journal makes holes of
        self.size = 0
        self.records = 0
        self.closed = False

    def page_count(self):
        return -(-self.size // self.page_size)

    def group_offset(self, group):
        return BODY_OFFSET + group * (TAG_BLOCK_SIZE + PAGES_IN_GROUP * self.page_size)

    def page_offset(self, page):
        return self.group_offset(page // PAGES_IN_GROUP) + TAG_BLOCK_SIZE + page % PAGES_IN_GROUP * self.page_size

    def load(self):
        slots = [self.data[offset:offset + SLOT_SIZE] for offset in ROOT_OFFSETS]
        roots = [root for root in (Root(slot, self.xaes) for slot in slots) if root.is_one]
        if not roots:
            if any(any(slot) for slot in slots):
                raise Failure("tampered", "neither of its two roots is one")
            return
        self.root = max(roots, key=lambda root: root.sequence)
        self.size = self.root.size
        if self.root.journal:
            self.read_journal()
        self.find_end()
        proven = min(self.root.proven, self.page_count())
        if proven and len(self.data) < self.page_offset(proven - 1) + self.page_size:
            raise Failure("truncated", f"{len(self.data)} bytes, shorter than its {proven} proven pages")
        self.closed = self.root.journal == 0 and proven == self.page_count()

    def read_journal(self):
        at, durable = self.root.journal, self.root.durable
        while True:
            record = Record(self.data[at:at + RECORD_HEADER_SIZE], self.xaes, self.root.epoch)
            if not record.is_one or record.number != self.records + 1:
                break
            at += RECORD_HEADER_SIZE
            if record.is_page:
                ciphertext = self.data[at:at + self.page_size]
                if self.open_page(record.page, record.page_seal, ciphertext) is None:
                    at -= RECORD_HEADER_SIZE
                    break
                self.changed[record.page] = record.page_seal, ciphertext
                at += self.page_size
            else:
                self.cut_pages(record.page, record.count)
            self.records = record.number
            durable = max(durable, record.durable)
            if record.number > self.root.records:
                self.size = record.size
        if max(durable, self.durable_behind(at)) > at - self.root.journal:
            raise Failure("tampered", f"record {self.records + 1} of its journal was durable and is not whole")

    def cut_pages(self, first, count):
        end = ALL_BEHIND if count == ALL_BEHIND else first + count
        self.changed = {page: it for page, it in self.changed.items() if not first <= page < end}
        self.cut.append((first, end))

    def durable_behind(self, end):
        """What any record at or behind the journal's end says was durable of it."""
        out = 0
        at = self.data.find(b"CFPJ", end, end + SEARCH_MAX + 3)
        while at >= 0:
            if (at - end) % 8 == 0:
                record = Record(self.data[at:at + RECORD_HEADER_SIZE], self.xaes, self.root.epoch)
                if record.is_one and record.number > self.records:
                    out = max(out, record.durable)
            at = self.data.find(b"CFPJ", at + 1, end + SEARCH_MAX + 3)
        return out

    def find_end(self):
        for page in range(self.root.proven, self.page_count()):
            if page in self.changed:
                continue
            try:
                self.read(page)
            except Failure:
                self.size = page * self.page_size
                break

    def open_page(self, page, seal, ciphertext):
        return self.xaes.open(seal, ciphertext, struct.pack("<BQ", PAGE, page))

    def read(self, page):
        if page in self.changed:
            plain = self.open_page(page, *self.changed[page])
        else:
            if any(first <= page < end for first, end in self.cut):
                return bytes(self.page_size)
            group, index = divmod(page, PAGES_IN_GROUP)
            if any(first <= group < first + count for first, count in self.root.holes):
                return bytes(self.page_size)
            at = self.group_offset(group) + index // PAGES_IN_SECTOR * SECTOR_SIZE
            sector = self.data[at:at + SECTOR_SIZE].ljust(SECTOR_SIZE, b"\0")
            seal = sector[index % PAGES_IN_SECTOR * SEAL_SIZE:][:SEAL_SIZE]
            if not any(seal):
                raise Failure("tampered", f"page {page} has no seal")
            holes, = struct.unpack_from("<H", sector, PAGES_IN_SECTOR * SEAL_SIZE)
            if holes >> index % PAGES_IN_SECTOR & 1:
                hole = self.xaes.open(seal, b"", struct.pack("<BQ", HOLE, page))
                plain = None if hole is None else bytes(self.page_size)
            else:
                at = self.page_offset(page)
                ciphertext = self.data[at:at + self.page_size]
                if len(ciphertext) < self.page_size:
                    raise Failure("truncated", f"page {page} is cut off")
                plain = self.open_page(page, seal, ciphertext)
        if plain is None:
            raise Failure("tampered", f"page {page} does not authenticate")
        return plain


def decode_pages(data, slot, file_key, about):
    pages = Pages(data, slot, file_key)
    pages.load()
    about.update(records=pages.records, closed=pages.closed)
    out = b"".join(pages.read(page) for page in range(pages.page_count()))
    return out[:pages.size]
