#!/usr/bin/env bash
# Root keys in a PKCS#11 token, for ./quickstart: SoftHSM's, in a directory of its own.
# shellcheck disable=SC2154  # ./quickstart has the other ends of these variables

softhsm_module=/usr/lib/softhsm/libsofthsm2.so

token_tool() { PIN=$(cat pin) OFFICER_PIN=$(cat officer-pin) pkcs11-tool --module "$softhsm_module" "$@"; }

make_token() {
  mkdir tokens
  printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$work" >softhsm2.conf
  export SOFTHSM2_CONF=$work/softhsm2.conf
  (
    umask 077
    openssl rand -hex 8 >pin
    openssl rand -hex 8 >officer-pin
  )
  token_tool --init-token --slot-index 0 --label quickstart --so-pin env:OFFICER_PIN
  token_tool --token-label quickstart --init-pin --login --login-type so --so-pin env:OFFICER_PIN --pin env:PIN
}
token_key_uri() {
  printf 'pkcs11:token=quickstart;object=%s?module-path=%s&pin-source=file:pin' "$1" "$softhsm_module"
}

make_root_key() {
  say "a token of SoftHSM's; its PIN is in the file pin"
  make_token >>"$log" 2>&1
}
root_key_uri() { printf '%s&create=true' "$(token_key_uri catalogue)"; }

replace_root_key() {
  show coffer rotate root catalogue.coffer --to "$(token_key_uri catalogue-2)&create=true"
  token_tool --token-label quickstart --login --pin env:PIN --delete-object --type secrkey --label catalogue \
    >>"$log" 2>&1
  show coffer provider check "$(token_key_uri catalogue-2)"
}
