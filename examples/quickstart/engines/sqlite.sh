#!/usr/bin/env bash
# An encrypted SQLite database, by Debian's own sqlite3, for ./quickstart --engine sqlite.

in_sqlite() {
  printf '%s\n' ".load $bin/coffer_sqlite" ".open file:notes/notes.db?vfs=coffer&coffer=$PWD/notes.coffer" "$@" |
    sqlite3 :memory: 2>&1
}

run_engine() {
  step "A root key, and a coffer that it locks"
  make_root_key
  show coffer init notes.coffer --root "$(root_key_uri)"
  mkdir notes

  step "Debian's own sqlite3 makes an encrypted database"
  show in_sqlite "PRAGMA journal_mode = WAL;" "CREATE TABLE notes(text);" \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
     INSERT INTO notes SELECT 'the quick brown note number ' || i FROM n;" \
    "SELECT count(*) FROM notes;"

  step "Search all files for plaintext"
  say "files with a match: $(grep -rlaF 'quick brown note' notes notes.coffer | wc -l)"
  if grep -rqaF 'quick brown note' notes notes.coffer; then die "plaintext is on the disk"; fi
  if sqlite3 notes/notes.db 'SELECT * FROM notes LIMIT 1' 2>&1 | sed 's/^/    /' | grep 'quick'; then
    die "it was read without the coffer"
  fi

  step "A new key for it, without rewriting a page"
  show coffer rotate domain notes.coffer system --rewrap
  show in_sqlite "SELECT count(*), max(text) FROM notes;"
  show coffer verify notes.coffer

  step "Flip one bit"
  flip_one_bit notes/notes.db 100000
  if show coffer verify notes.coffer; then die "the flipped bit went unnoticed"; fi
}
