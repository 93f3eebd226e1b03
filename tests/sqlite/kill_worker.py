"""Commits to a database until it is killed, and says on standard output which commits SQLite has acknowledged."""

import random
import sys

from sqlite_harness import connect, load

coffer, path, mode, name, chance = sys.argv[1:]
load()
chance = random.Random(chance)
db = connect(coffer, path)
db.execute("PRAGMA cache_size = 8")
db.execute(f"PRAGMA journal_mode = {mode}")
db.execute("PRAGMA wal_autocheckpoint = 20")
db.execute("CREATE TABLE IF NOT EXISTS t(writer, number, filling)")
number = db.execute("SELECT coalesce(max(number), 0) FROM t WHERE writer = ?", (name,)).fetchone()[0]
while True:
    number += 1
    db.execute("BEGIN IMMEDIATE")
    for _ in range(chance.randrange(1, 12)):
        db.execute("INSERT INTO t VALUES (?, ?, randomblob(?))", (name, number, chance.randrange(4000)))
    if chance.randrange(4) == 0:
        db.execute("DELETE FROM t WHERE writer = ? AND number < ?", (name, number - 12))
    db.execute("COMMIT")
    print(number, flush=True)
