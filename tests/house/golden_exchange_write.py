#!/usr/bin/python3
"""Writes the golden stream and the golden backup: golden_exchange_write.py FOLDER COFFER_EXECUTABLE
WRITE_STORE_FILE_EXECUTABLE. For a new version of the formats; what released versions wrote is never written again."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))

from decoder.keyring import open_keyring  # noqa: E402
from decoder.node import seed_of_node_key  # noqa: E402
from decoder.root_key import read_root_key  # noqa: E402

# Name, kind, domain, plaintext.
FILES = (
    ("000007.sst", "blocks", "system", b"a table of a golden file, " * 40),
    ("000008.log", "log", "system", b"put a=1;put b=2;"),
    ("000009.blob", "ctr", "tenant-7", b"values of a golden file, " * 20),
    ("below/pages", "pages", "system", b"pages of a golden file, " * 300),
)
EMPTY = "LOCK"


def read(*names):
    with open(os.path.join(*names), "rb") as file:
        return file.read()


def main():
    folder, coffer, write_store_file = map(os.path.abspath, sys.argv[1:])

    def run(*words, data=b""):
        return subprocess.run(words, input=data, check=True, capture_output=True).stdout

    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for name in ("sender", "receiver"):
            run(coffer, "keygen", f"{name}.key")
            run(coffer, "init", name, "--root", f"file://{scratch}/{name}.key")
            with open(f"{name}.node", "wb") as file:
                file.write(run(coffer, "node", "new", name, name))
        with open("sender/coffer.yaml", "a", encoding="utf-8") as file:
            file.write(f"peers:\n  receiver: {read('receiver.node').decode().strip()}\n")
        run(coffer, "domain", "add", "sender", "tenant-7")
        for name, kind, domain, data in FILES:
            os.makedirs(os.path.dirname(os.path.join("db", name)), exist_ok=True)
            run(write_store_file, "sender", os.path.join("db", name), kind, "--domain", domain, data=data)
        with open(os.path.join("db", EMPTY), "wb"):
            pass
        with open(os.path.join(folder, "stream"), "wb") as file:
            file.write(run(coffer, "send", "sender", "db", "--to", "receiver"))
        recipients = [word for name in ("sender", "receiver")
                      for word in ("--recipient", f"file://{scratch}/{name}.key")]
        made = json.loads(run(coffer, "backup", "create", "sender", "./target", "db", *recipients, "--json"))
        shutil.copytree("target", os.path.join(folder, "target"))
        shutil.copy("receiver.key", os.path.join(folder, "root.key"))
        keyring = open_keyring(read("receiver", "keyring"), read_root_key(read("receiver.key")))
        seed = seed_of_node_key(read("receiver", "node.key"), keyring)
        about = {"sender": read("sender.node").decode().strip(), "receiver": read("receiver.node").decode().strip(),
                 "receiver_seed": seed.hex(), "backup": made["id"], "signed_by": made["signed_by"],
                 "files": {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                           for name, _, _, data in FILES}, "empty": EMPTY}
        with open(os.path.join(folder, "about.json"), "w", encoding="ascii") as file:
            json.dump(about, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
