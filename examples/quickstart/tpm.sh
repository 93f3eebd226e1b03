#!/usr/bin/env bash
# Root keys sealed to a TPM 2.0, for ./quickstart: swtpm's, on the loopback.
# shellcheck disable=SC2034,SC2154  # ./quickstart has the other ends of these variables

# It ends with this script: when its end of the pipe does.
start_tpm() {
  mkdir tpm
  exec {tpm_input}> >(
    swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --flags not-need-init,startup-clear \
      --server "type=unixio,path=$work/tpm/tpm" --ctrl "type=unixio,path=$work/tpm/tpm.ctrl" >>"$log" 2>&1 &
    cat >/dev/null
    kill "$!"
  )
  tcti=swtpm:path=$work/tpm/tpm
  for _ in {1..100}; do
    if [[ -S tpm/tpm ]]; then return; fi
    sleep 0.1
  done
  die "swtpm did not start"
}
sealed_key_uri() { printf 'tpm:%s?tcti=%s' "$1" "$tcti"; }

make_root_key() {
  say "a TPM of swtpm's"
  start_tpm
}
root_key_uri() { printf '%s&pcrs=sha256:7&create=true' "$(sealed_key_uri root.tpm)"; }

replace_root_key() {
  show coffer rotate root catalogue.coffer --to "$(sealed_key_uri root-2.tpm)&create=true"
  rm root.tpm
  show coffer provider check "$(sealed_key_uri root-2.tpm)"
}
