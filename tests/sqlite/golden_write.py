"""Writes the golden files of SQLite's kinds: golden_write.py FOLDER, with the environment of the tests beside it. For a
new version of the format; what released versions wrote is never written again."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

from sqlite_harness import connect, load

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))

import coffer_decode  # noqa: E402


def write_files(coffer, directory, folder):
    path = os.path.join(directory, "x.db")
    db = connect(coffer, path)
    db.execute("PRAGMA page_size = 1024")
    db.execute("PRAGMA cache_size = 2")
    db.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)")
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
               "INSERT INTO t SELECT i, 'row ' || i || ' of a golden file' FROM n")
    db.execute("BEGIN")
    db.execute("UPDATE t SET b = b || ', changed'")
    shutil.copy(path + "-journal", os.path.join(folder, "sqlite-journal.coffer"))
    db.execute("ROLLBACK")
    db.execute("PRAGMA journal_mode = wal")
    db.execute("UPDATE t SET b = b || ', in a log' WHERE a < 100")
    shutil.copy(path + "-wal", os.path.join(folder, "sqlite-wal.coffer"))
    db.execute("PRAGMA journal_mode = delete")
    db.close()
    shutil.copy(path, os.path.join(folder, "sqlite.coffer"))


def describe(coffer, root_key, name, data):
    keyring = coffer_decode.open_keyring_of(coffer, coffer_decode.read_root_key(root_key))
    slot = coffer_decode.current_slot(data)
    file_key = coffer_decode.unwrap_file_key(slot, coffer_decode.key_from_keyring(slot, keyring))
    plaintext, _ = coffer_decode.decode(data, file_key=file_key)
    return f"{name} {file_key.hex()} {len(plaintext)} {hashlib.sha256(plaintext).hexdigest()}\n"


def main():
    folder = sys.argv[1]
    load()
    with tempfile.TemporaryDirectory() as directory:
        key = os.path.join(directory, "root.key")
        coffer = os.path.join(directory, "c.coffer")
        run = [os.environ["COFFER_BINARY"]]
        subprocess.run([*run, "keygen", key], check=True, capture_output=True)
        subprocess.run([*run, "init", coffer, "--root", f"file://{key}"], check=True, capture_output=True)
        os.mkdir(os.path.join(directory, "db"))
        write_files(coffer, os.path.join(directory, "db"), folder)
        with open(os.path.join(folder, "manifest"), "w", encoding="ascii") as manifest:
            for name in ("sqlite.coffer", "sqlite-journal.coffer", "sqlite-wal.coffer"):
                manifest.write(describe(coffer, coffer_decode.read_whole(key), name,
                                        coffer_decode.read_whole(os.path.join(folder, name))))


if __name__ == "__main__":
    main()
