#!/usr/bin/env bash
# A mount, with a program that knows nothing of it, for ./quickstart --engine mount.

run_engine() {
  step "A root key, and a coffer that it locks"
  make_root_key
  show coffer init files.coffer --root "$(root_key_uri)"
  mkdir encrypted clear

  step "Mount a directory: what is written to clear/ stands encrypted in encrypted/"
  show coffer mount files.coffer encrypted clear
  mounted=clear

  step "A program that knows nothing of it: Debian's sqlite3"
  show sqlite3 clear/notes.db "PRAGMA journal_mode = WAL; CREATE TABLE notes(text);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO notes SELECT 'the quick brown note number ' || i FROM n; SELECT count(*) FROM notes;"
  show ls -l clear encrypted
  say "files with plaintext below: $(grep -rlaF 'quick brown note' encrypted files.coffer | wc -l)"
  if grep -rqaF 'quick brown note' encrypted files.coffer; then die "plaintext is on the disk"; fi

  step "Kill the process behind it, and mount again"
  pkill -KILL -f "coffer mount files.coffer encrypted clear"
  sleep 0.5
  show coffer mount files.coffer encrypted clear
  show sqlite3 clear/notes.db "PRAGMA integrity_check; SELECT count(*), max(text) FROM notes;
    INSERT INTO notes VALUES('another one');"

  step "A new key for it, while it is mounted"
  show coffer rotate domain files.coffer system --rewrap
  show coffer umount clear
  mounted=""
  show coffer verify files.coffer

  step "Flip one bit"
  flip_one_bit encrypted/notes.db 100000
  if show coffer verify files.coffer; then die "the flipped bit went unnoticed"; fi
}
