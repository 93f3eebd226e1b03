"""Kind log: docs/format.md, section 5."""

import hashlib
import hmac
import re
import struct

from .envelope import ENVELOPE_SIZE
from .primitives import BODY_SIZE_MAX, SUITES, TAG_SIZE, Failure, aead, crc32c, derive, open_sealed, xor_index

SESSION_SIZE = 96
SESSION_MAGIC = b"CFLS"
FRAME_OVERHEAD = 16 + TAG_SIZE
FRAME_PLAINTEXT_MAX = 1 << 20
END_BIT = 1 << 31
# Where a frame may begin: a word with n <= 2^20, no unknown bit, not 0, and a `durable` below 2^40.
CANDIDATE = re.compile(rb"(?=(?!\0\0\0\0)..[\0-\x10][\0\x80].{9}\0\0\0)", re.DOTALL)


class Session:
    """A session whose header was accepted."""

    def __init__(self, suite, file_key, file_id, header):
        self.number, self.offset, self.logical, _, commitment = struct.unpack_from("<QQQ32s32s", header, 8)
        key_size = SUITES[suite][1]
        material = derive(file_key, b"log session", file_id + bytes(header[8:64]), key_size + 44)
        self.key, self.base_nonce = material[:key_size], material[key_size:key_size + 12]
        self.committed = hmac.compare_digest(material[key_size + 12:], commitment)
        self.cipher = aead(suite, self.key)


class Log:
    def __init__(self, data, slot, file_key):
        self.data = data
        self.suite = slot.suite
        self.file_id = slot.file_id
        self.earlier_body = slot.earlier_body
        self.file_key = file_key
        self.session = None
        self.out = []
        self.logical = 0
        self.watermark = 0  # W so far
        self.frames = 0
        self.sessions = 0
        self.closed = False
        self.checksummed = 0

    def session_at(self, offset):
        """The session header at `offset` if its checksum is good, else None."""
        header = self.data[offset:offset + SESSION_SIZE]
        if len(header) < SESSION_SIZE or header[:4] != SESSION_MAGIC:
            return None
        if struct.unpack_from("<I", header, 4)[0] != crc32c(self.file_id + header[8:]):
            return None
        return Session(self.suite, self.file_key, self.file_id, header)

    def frame_at(self, offset):
        """(word, durable, sealed bytes) if the checksum is good, else None."""
        if offset + FRAME_OVERHEAD > len(self.data):
            return None
        word, crc, durable = struct.unpack_from("<IIQ", self.data, offset)
        size = word & ~END_BIT
        if word == 0 or size > FRAME_PLAINTEXT_MAX or (size == 0) != bool(word & END_BIT):
            return None
        end = offset + FRAME_OVERHEAD + size
        if end > len(self.data):
            return None
        covered = self.file_id + struct.pack("<QI", offset, word) + self.data[offset + 8:end]
        self.checksummed += len(covered)
        if crc32c(covered) != crc:
            return None
        return word, durable, self.data[offset + 16:end]

    def open_frame(self, offset, word, durable, sealed):
        associated = struct.pack("<IQQQ", word, durable, self.session.number, offset)
        return open_sealed(self.session.cipher, xor_index(self.session.base_nonce, offset), sealed, associated)

    def begin_session(self, offset, session):
        expected = self.session.number + 1 if self.session else 0
        if session.number != expected or session.offset != offset or session.logical != self.logical:
            raise Failure("tampered", f"session header at {offset}: number {session.number}, offset {session.offset}, "
                          f"logical {session.logical}; expected {expected}, {offset}, {self.logical}")
        if not session.committed:
            raise Failure("tampered", f"session header at {offset}: the commitment differs")
        self.session = session
        self.sessions += 1
        self.closed = False
        if session.number > 0:
            self.watermark = max(self.watermark, offset)
        return offset + SESSION_SIZE

    def take_frame(self, offset, word, durable, sealed):
        if self.session is None or self.closed:
            raise Failure("tampered", f"the frame at {offset} stands outside of any session")
        plain = self.open_frame(offset, word, durable, sealed)
        if plain is None or durable > offset:
            raise Failure("tampered", f"the frame at {offset} does not authenticate")
        self.watermark = max(self.watermark, durable)
        self.closed = bool(word & END_BIT)
        self.frames += 1
        self.out.append(plain)
        self.logical += len(plain)
        return offset + 16 + len(sealed)

    def read(self):
        """Returns where the log ends."""
        position = ENVELOPE_SIZE
        while position < len(self.data):
            session = self.session_at(position)
            if session is not None:
                position = self.begin_session(position, session)
                continue
            frame = self.frame_at(position)
            if frame is None:
                self.judge_bad_place(position)
                break
            position = self.take_frame(position, *frame)
        return position

    def judge_bad_place(self, position):
        """Raises if synced data is damaged at `position`, returns if it is a torn tail."""
        beginning = self.data[ENVELOPE_SIZE:ENVELOPE_SIZE + SESSION_SIZE]
        if position == ENVELOPE_SIZE and len(beginning) == SESSION_SIZE and beginning[:4] == SESSION_MAGIC \
                and hashlib.sha256(beginning).digest() != self.earlier_body:
            raise Failure("damaged", "the log does not begin with a session of this file")
        if position < self.watermark or self.evidence_after(position):
            raise Failure("damaged", f"synced data is damaged at offset {position}")

    def evidence_after(self, position):
        """Whether something after `position` says that it had been synced. A checksum is enough, no tag needed."""
        limit = 4 * len(self.data)
        offset = self.data.find(SESSION_MAGIC, position + 1)
        while offset >= 0:
            session = self.session_at(offset)
            if session is not None and session.offset == offset and session.number > 0:
                return True
            offset = self.data.find(SESSION_MAGIC, offset + 1)
        for match in CANDIDATE.finditer(self.data, position + 1):
            offset = match.start()
            durable = struct.unpack_from("<Q", self.data, offset + 8)[0]
            if position < durable <= offset and self.frame_at(offset) is not None:
                return True
            if self.checksummed > limit:
                raise Failure("damaged", f"cannot tell a torn tail from damage at offset {position}: gave up")
        return False


def decode_log(data, slot, file_key, about):
    if len(data) > BODY_SIZE_MAX:
        raise Failure("unsupported", "more than 2^40 bytes of file")
    log = Log(data, slot, file_key)
    end = log.read()
    about.update(sessions=log.sessions, frames=log.frames, log_end=end, torn_bytes=len(data) - end, closed=log.closed,
                 watermark=log.watermark)
    return b"".join(log.out)
