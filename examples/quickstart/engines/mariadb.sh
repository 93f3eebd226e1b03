#!/usr/bin/env bash
# Debian's MariaDB with keys of a coffer, for ./quickstart --engine mariadb.

start_mariadb() {
  mariadbd --no-defaults --user="$(id -un)" --datadir="$PWD/data" --socket="$PWD/socket" --skip-networking \
    --skip-grant-tables --log-error="$PWD/server.log" --plugin-dir="$PWD/plugins" --plugin-maturity=beta \
    --plugin-load-add=coffer_key_management --coffer-key-management=FORCE_PLUS_PERMANENT \
    --coffer-key-management-coffer="$PWD/server.coffer" \
    --innodb-encrypt-tables=FORCE --innodb-encrypt-log=ON --encrypt-binlog=ON --log-bin=binlog \
    --innodb-encryption-threads=2 --innodb-encryption-rotate-key-age=1 >/dev/null 2>&1 &
  server=$!
  for _ in $(seq 100); do
    if in_mariadb "SELECT 1" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  die "$(tail -n 5 server.log)"
}
in_mariadb() { mariadb --no-defaults -S "$PWD/socket" -e "$1"; }

run_engine() {
  step "A root key, and a coffer whose domain gives MariaDB its keys"
  make_root_key
  show coffer init server.coffer --root "$(root_key_uri)"
  printf 'mariadb: {keys: {1: system}}\n' >>server.coffer/coffer.yaml
  mkdir -p data/mysql plugins
  ln -s "$bin/coffer_key_management.so" "$bin/coffer-providers" plugins/

  step "Debian's MariaDB, with the plug-in"
  start_mariadb
  show in_mariadb "CREATE DATABASE shop; CREATE TABLE shop.notes(text VARCHAR(80)) ENGINE=InnoDB;
    INSERT INTO shop.notes SELECT CONCAT('the quick brown note number ', seq) FROM shop.seq_1_to_20000;
    SELECT COUNT(*) FROM shop.notes"

  step "New keys: the server encrypts its tables anew, while it serves"
  show coffer rotate domain server.coffer system
  say "and once more: InnoDB begins with pages that are two keys behind"
  show coffer rotate domain server.coffer system
  for _ in $(seq 100); do
    if [ "$(in_mariadb "SELECT MIN(min_key_version) FROM information_schema.innodb_tablespaces_encryption" |
      tail -n 1)" = 3 ]; then break; fi
    sleep 0.3
  done
  show in_mariadb "SELECT name, min_key_version, current_key_version
    FROM information_schema.innodb_tablespaces_encryption"

  step "Search all files for plaintext"
  kill "$server"
  wait "$server" || true
  server=""
  say "files with a match: $(grep -rlaF 'quick brown note' data server.coffer | wc -l)"
  if grep -rqaF 'quick brown note' data server.coffer; then die "plaintext is on the disk"; fi

  step "Without the root key it does not start"
  mv root.key elsewhere.key
  if (start_mariadb) 2>/dev/null; then die "it started without its key"; fi
  grep 'coffer_key_management: ' server.log | tail -n 1 | sed 's/^/    /'
}
