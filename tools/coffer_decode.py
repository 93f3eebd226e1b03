#!/usr/bin/python3
"""Opens files written by Coffer, independently of Coffer.

Written from docs/format.md alone (section numbers below are that page's), so that the page can be trusted to say what
the files are. Needs Python 3.11 and the `cryptography` package of Debian 12. Nothing is written to standard output
before all of it is authenticated (a ctr body that was never sealed cannot be, which is said); files are read whole.

  coffer_decode.py --coffer DIR --root-key FILE FILE     keys from a coffer's keyring
  coffer_decode.py --domain-key HEX FILE                 one domain key
  coffer_decode.py --file-key HEX FILE                   the file's own key
  coffer_decode.py --coffer DIR --root-key FILE --keyring    the keyring, without key bytes, as JSON
  coffer_decode.py --backup TARGET/backups/ID --root-key FILE NAME    a file of a backup, by a recipient's root key;
                                                                      who signed the backup is said, and not judged

With --describe, a JSON object about the file instead of its plaintext.

Keys on a command line are seen by other users of the machine: --domain-key and --file-key are for test files.
"""

import argparse
import binascii
import hashlib
import json
import re
import sys

sys.dont_write_bytecode = True  # leaves no __pycache__ in the source tree

from decoder.backup import Target, file_of, read_backup  # noqa: E402
from decoder.blocks import decode_blocks  # noqa: E402
from decoder.ctr import decode_ctr  # noqa: E402
from decoder.directory import decode_directory  # noqa: E402
from decoder.envelope import check_envelope_mac, current_slot, unwrap_file_key  # noqa: E402
from decoder.keyring import (KEY_STATES, describe_keyring, group_key_of, open_keyring_of,  # noqa: E402
                             unwrap_domain_key)
from decoder.log import decode_log  # noqa: E402
from decoder.pages import decode_pages  # noqa: E402
from decoder.primitives import KINDS, SUITES, Failure, derive  # noqa: E402
from decoder.root_key import read_root_key  # noqa: E402
from decoder.sqlite import decode_journal, decode_sqlite, decode_wal  # noqa: E402

EXIT_CODES = {
    "failed": 2,
    "damaged": 10,
    "tampered": 11,
    "truncated": 12,
    "wrong_key": 13,
    "plaintext": 14,
    "key_unavailable": 15,
    "unsupported": 16,
    "rolled_back": 17,
    "never_written": 18,
}


def key_of_domain(slot, domain_key):
    tag = slot.domain_key_id[:2]
    if tag + derive(domain_key, b"domain key id", tag, 14) != slot.domain_key_id:
        raise Failure("wrong_key", f"the file needs domain key {slot.domain_key_id.hex()}, not the one given")
    return domain_key


def key_from_keyring(slot, keyring, group_root_key=None):
    for name, keys in keyring["domains"].items():
        for key in keys:
            if key["id"] == slot.domain_key_id:
                if key["state"] in (1, 6):
                    raise Failure("key_unavailable", f"domain key {key['id'].hex()} is {KEY_STATES[key['state']]}")
                group = keyring["groups"].get(keyring["group_of"][name])
                if group is None:
                    return key["bytes"]
                if group_root_key is None:
                    raise Failure("key_unavailable", f"its domain is in key group {group['name'].decode()}: "
                                                     "--group-root-key names the file with its root key")
                return unwrap_domain_key(key, group, group_key_of(group, group_root_key))
    raise Failure("key_unavailable", f"the keyring has no domain key {slot.domain_key_id.hex()}")


def decode(data, *, keyring=None, group_root_key=None, domain_key=None, file_key=None):
    """(plaintext, description) of a file's bytes, with one of the three kinds of key."""
    slot = current_slot(data)
    given = file_key is not None
    if not given:
        domain_key = (key_from_keyring(slot, keyring, group_root_key) if keyring
                      else key_of_domain(slot, domain_key))
        file_key = unwrap_file_key(slot, domain_key)
    check_envelope_mac(slot, file_key, given)
    if keyring is not None and slot.keyring_version > keyring["version"]:
        raise Failure("rolled_back", f"the file has seen keyring version {slot.keyring_version}, this one is "
                      f"{keyring['version']}")
    about = {
        "kind": KINDS[slot.kind],
        "suite": SUITES[slot.suite][0],
        "chunk_log2": slot.chunk_log2,
        "sequence": slot.sequence,
        "file_id": slot.file_id.hex(),
        "store_id": slot.store_id.hex(),
        "domain_key_id": slot.domain_key_id.hex(),
        "domain_key_version": slot.domain_key_version,
        "oldest_key_version": slot.oldest_key_version,
        "newest_key_version": slot.newest_key_version,
        "keyring_version": slot.keyring_version,
    }
    body_of = {1: decode_blocks, 2: decode_log, 3: decode_ctr, 4: decode_pages, 5: decode_sqlite, 6: decode_journal,
               7: decode_wal, 8: decode_directory}
    plaintext = body_of[slot.kind](data, slot, file_key, about)
    about["size"] = len(plaintext)
    about["sha256"] = hashlib.sha256(plaintext).hexdigest()
    return plaintext, about


def decode_backed_up(target, backup, root_key, name):
    """decode() of a file of a backup."""
    index, parts = read_backup(target, backup, root_key)
    for part in parts:
        for file in part["files"]:
            if file["name"] == name.encode():
                data = file_of(target, file, index)
                plaintext, about = (decode(data, file_key=unwrap_file_key(current_slot(data), part["files_key"]))
                                    if data else (b"", {"size": 0}))
                return plaintext, about | {"signed_by": index["signer"].hex()}
    raise Failure("failed", f"the backup has no file {name}")


def read_whole(path):
    with open(path, "rb") as file:
        return file.read()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    keys = parser.add_mutually_exclusive_group(required=True)
    keys.add_argument("--coffer", metavar="DIR", help="the coffer whose keyring has the key; needs --root-key")
    keys.add_argument("--backup", metavar="TARGET/backups/ID", help="a backup in a directory; needs --root-key")
    keys.add_argument("--domain-key", metavar="HEX", type=binascii.unhexlify)
    keys.add_argument("--file-key", metavar="HEX", type=binascii.unhexlify)
    parser.add_argument("--root-key", metavar="FILE", help="the file that holds the coffer's root key")
    parser.add_argument("--group-root-key", metavar="FILE", help="the file that holds the root key of a key group")
    parser.add_argument("--keyring", action="store_true", help="show the keyring instead of a file")
    parser.add_argument("--describe", action="store_true", help="say what the file is, instead of its plaintext")
    parser.add_argument("file", nargs="?")
    arguments = parser.parse_args()
    if bool(arguments.coffer or arguments.backup) != bool(arguments.root_key):
        parser.error("--coffer and --root-key go together, and so do --backup and --root-key")
    if arguments.group_root_key and not arguments.coffer:
        parser.error("--group-root-key needs --coffer")
    if arguments.keyring and not arguments.coffer:
        parser.error("--keyring needs --coffer")
    if arguments.backup and not re.fullmatch(r".*/backups/[0-9a-f]{32}/*", arguments.backup):
        parser.error("--backup: expected TARGET/backups/ID")
    if arguments.keyring == bool(arguments.file):
        parser.error("one file, or --keyring")
    return arguments


def run(arguments):
    keyring = None
    if arguments.coffer:
        keyring = open_keyring_of(arguments.coffer, read_root_key(read_whole(arguments.root_key)))
    if arguments.keyring:
        print(json.dumps(describe_keyring(keyring), indent=2))
        return
    group_root_key = read_root_key(read_whole(arguments.group_root_key)) if arguments.group_root_key else None
    if arguments.backup:
        target, backup = re.fullmatch(r"(.*)/backups/([0-9a-f]{32})/*", arguments.backup).groups()
        plaintext, about = decode_backed_up(Target(target), backup, read_root_key(read_whole(arguments.root_key)),
                                            arguments.file)
    else:
        plaintext, about = decode(read_whole(arguments.file), keyring=keyring, group_root_key=group_root_key,
                                  domain_key=arguments.domain_key, file_key=arguments.file_key)
    if arguments.describe:
        print(json.dumps(about, indent=2))
        return
    if arguments.backup:
        print(f"coffer_decode: {arguments.backup}: signed by {about['signed_by']}", file=sys.stderr)
    if about.get("torn_bytes"):
        print(f"coffer_decode: {arguments.file}: {about['torn_bytes']} bytes of torn tail left out", file=sys.stderr)
    if about.get("authenticated") is False:
        print(f"coffer_decode: {arguments.file}: body never sealed, plaintext not authenticated", file=sys.stderr)
    sys.stdout.buffer.write(plaintext)


def main():
    arguments = parse_arguments()
    try:
        run(arguments)
    except Failure as failure:
        where = arguments.file or "keyring"
        print(f"coffer_decode: {where}: {failure.kind}: {failure}", file=sys.stderr)
        return EXIT_CODES[failure.kind]
    except OSError as error:
        print(f"coffer_decode: {error.filename}: {error.strerror}", file=sys.stderr)
        return EXIT_CODES["failed"]
    return 0


if __name__ == "__main__":
    sys.exit(main())
