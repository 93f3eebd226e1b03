#!/usr/bin/env bash
# Debian's package catalogue in an encrypted RocksDB that is served, for ./quickstart.

# What `coffer status` says from its table on.
keys_in_use() {
  printf '  $ coffer status catalogue.coffer\n'
  coffer status catalogue.coffer 2>/dev/null | sed -n '/^DOMAIN/,/under active keys/p' | sed '/^$/d; s/^/    /'
}
active_percent() { coffer status catalogue.coffer --json | sed -E 's/.*"active_percent":([0-9.]+).*/\1/'; }
biggest_table() { find store -name '*.sst' -printf '%s %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2; }

run_engine() {
  step "A root key, and a coffer that it locks"
  make_root_key
  show coffer init catalogue.coffer --root "$(root_key_uri)"

  step "Load the Debian package catalogue into an encrypted RocksDB"
  apt-cache dumpavail >packages.txt 2>>"$log" || true
  if [ "$(grep -c '^Package: ' packages.txt)" -lt 10000 ]; then
    say "this machine has no package lists yet: apt-get update"
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
    watched "${as_root[@]}" apt-get update
    apt-cache dumpavail >packages.txt 2>>"$log"
  fi
  show catalogue catalogue.coffer store load packages.txt

  step "A second process serves it from now on"
  catalogue catalogue.coffer store serve 600 >server.txt 2>&1 &
  server=$!
  printf '  $ catalogue catalogue.coffer store serve 600 &\n'
  sleep 2
  kill -0 "$server" 2>/dev/null || die "$(cat server.txt)"
  keys_in_use

  step "Under it: a new root key, and a new domain key"
  replace_root_key
  say "the first root key is gone: nothing here needs it any more"
  show coffer rotate domain catalogue.coffer system
  sleep 3
  say "a moment later: new files use the new key, old ones still the old"
  keys_in_use
  if [[ $(active_percent) == 100* ]]; then die "no file is under the old key"; fi

  step "Bring the old files under the new key: only their headers change"
  show coffer rewrap catalogue.coffer
  keys_in_use
  if [[ $(active_percent) != 100* ]]; then die "not everything is under the active key"; fi

  step "What the second process saw of all this"
  kill "$server"
  wait "$server" || die "$(cat server.txt)"
  server=""
  say "$(cat server.txt)"
  grep -q ', 0 errors$' server.txt || die "expected 0 errors"

  step "Read and authenticate every byte"
  show coffer verify catalogue.coffer

  step "Search all files for plaintext"
  marks=(-e 'Package: ' -e 'Maintainer: ' -e 'Description-md5: ' -e 'was looked up by reader')
  found=$(grep -rlaF "${marks[@]}" store catalogue.coffer | wc -l || true)
  control=$(grep -caF "${marks[@]}" packages.txt)
  biggest=$(biggest_table)
  opened=$(coffer cat catalogue.coffer "$biggest" | grep -caF "${marks[@]}" || true)
  say "files of the store and the coffer with a match: $found"
  say "matching lines of the catalogue as it came: $control"
  say "matching lines of $biggest as coffer cat decrypts it: $opened"
  if [ "$found" -ne 0 ] || [ "$control" -eq 0 ] || [ "$opened" -eq 0 ]; then die "expected: none, some, some"; fi

  step "Flip one bit of $biggest"
  flip_one_bit "$biggest" 20000
  if show coffer verify catalogue.coffer "$biggest"; then die "the flipped bit went unnoticed"; fi
  flip_one_bit "$biggest" 20000
  say "and back:"
  show coffer verify catalogue.coffer "$biggest"

  step "Debian's own RocksDB tools, unmodified, on the same store"
  show coffer exec catalogue.coffer -- ldb --db=store get coreutils | head -n 6
  say "…"
  show coffer exec catalogue.coffer -- sst_dump --file="$biggest" --command=verify
  show coffer exec catalogue.coffer -- db_bench --db=store --use_existing_db=1 --benchmarks=overwrite,readrandom \
    --num=20000 2>&1 | grep -E '^ *(\$|overwrite|readrandom)'
  say "without the coffer they see nothing:"
  if show ldb --db=store get coreutils | cut -c 1-110; then die "ldb read the store without the coffer"; fi
}
