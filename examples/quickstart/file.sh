#!/usr/bin/env bash
# Root keys in key files, for ./quickstart.

make_root_key() { show coffer keygen root.key; }
root_key_uri() { printf 'root.key'; }

replace_root_key() {
  show coffer keygen root-2.key
  show coffer rotate root catalogue.coffer --to ./root-2.key
  rm root.key
}
