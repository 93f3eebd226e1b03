#!/usr/bin/python3
"""Searches what a test suite sealed for a (key, nonce) pair used for two different messages.

  nonce_audit.py [--allow-empty] FOLDER

FOLDER is what COFFER_NONCE_AUDIT_DIR named while the tests of a build with COFFER_NONCE_AUDIT ran. Its files hold
records of 32 bytes: a fingerprint of key and nonce, and a fingerprint of what was sealed; zeros stand after the last
record of a stretch. The same pair twice with the same message is no finding: a test sealed something known once more.
Exit 0: none found. 1: reuse found, or nothing recorded, which means that the audit did not run; with --allow-empty the
latter is fine, for runs of a few tests that may seal nothing.
"""

import os
import sys

RECORD_SIZE = 32
FINGERPRINT_SIZE = 16
SHOWN_MAX = 20


def buckets_of(folder):
    """Records by the first byte of their fingerprint, so that sorting one bucket at a time needs little memory."""
    buckets = [bytearray() for _ in range(256)]
    files = sorted(os.listdir(folder))
    for name in files:
        with open(os.path.join(folder, name), "rb") as file:
            content = file.read()
        if len(content) % RECORD_SIZE != 0:
            sys.exit(f"nonce_audit: {name} has {len(content)} bytes, which is no whole number of records")
        for at in range(0, len(content), RECORD_SIZE):
            record = content[at:at + RECORD_SIZE]
            if any(record):
                buckets[record[0]] += record
    return buckets, len(files)


def reused_pairs(bucket):
    """The fingerprints of pairs that sealed more than one message, with how many."""
    messages = {}
    for at in range(0, len(bucket), RECORD_SIZE):
        pair, message = bytes(bucket[at:at + FINGERPRINT_SIZE]), bytes(bucket[at + FINGERPRINT_SIZE:at + RECORD_SIZE])
        messages.setdefault(pair, set()).add(message)
    return len(messages), {pair: len(sealed) for pair, sealed in messages.items() if len(sealed) > 1}


def main():
    arguments = sys.argv[1:]
    allow_empty = arguments[:1] == ["--allow-empty"]
    folders = arguments[allow_empty:]
    if len(folders) != 1 or not os.path.isdir(folders[0]):
        sys.exit("usage: nonce_audit.py [--allow-empty] FOLDER")
    buckets, file_count = buckets_of(folders[0])
    record_count = sum(len(bucket) for bucket in buckets) // RECORD_SIZE
    pair_count, reused = 0, {}
    for bucket in buckets:
        count, found = reused_pairs(bucket)
        pair_count += count
        reused.update(found)
    print(f"nonce audit: {record_count} seals by {file_count} processes, {pair_count} (key, nonce) pairs, "
          f"{len(reused)} of them used for different messages")
    for pair, count in sorted(reused.items())[:SHOWN_MAX]:
        print(f"  pair {pair.hex()}: {count} messages")
    if record_count == 0 and not allow_empty:
        print("nonce audit: nothing was recorded: build with COFFER_NONCE_AUDIT and set COFFER_NONCE_AUDIT_DIR")
        return 1
    return 1 if reused else 0


if __name__ == "__main__":
    sys.exit(main())
