"""The audit log: docs/format.md, section 11."""

import hashlib
import hmac
import json
import re

END = re.compile(rb',"mac":"([0-9a-f]{64})"}$')


def read_line(line, keyring):
    """The record, or None for a line that nobody with the key wrote."""
    end = END.search(line)
    if not end:
        return None
    message = b"coffer/v1 audit\0" + keyring["coffer_id"] + line[:end.start()]
    mac = hmac.new(keyring["audit_key"], message, hashlib.sha256).hexdigest()
    return json.loads(line) if hmac.compare_digest(mac.encode(), end[1]) else None


def check_audit_log(log, keyring):
    """(records, lines that are wrong, 0 for the log as a whole)."""
    records, wrong, known = [], [], {}
    last, follows = (0, "00" * 32), None  # number and MAC of the line before, and what that one follows
    lines = log.split(b"\n")[:-1]  # what has no end is no line
    if lines and b"\0" in lines[-1]:
        lines.pop()  # nor is what was not written as a whole
    for number, line in enumerate(lines, 1):
        record = read_line(line, keyring)
        if record is None or (record["number"], record["mac"]) in known:
            wrong.append(number)
            continue
        goes_on = (record["number"] - 1, record["previous"]) == last
        instead = (record["number"] - 1, record["previous"]) == follows  # the line before was not finished
        if not goes_on and not instead:
            wrong.append(number)
        follows = (record["number"] - 1, record["previous"])
        last = (record["number"], record["mac"])
        known[last] = number
        records.append(record)
    head = (keyring["audit_count"], keyring["audit_mac"].hex())
    if head not in (last, follows):
        wrong.append(known.get(head, -1) + 1)
    return records, wrong
