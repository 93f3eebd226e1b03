#!/usr/bin/env bash
# Root keys in a KMIP server, for ./quickstart: PyKMIP, with certificates made here.
# shellcheck disable=SC2034,SC2154  # ./quickstart has the other ends of these variables

# The certificate kmip/$1.pem for the common name $2, with the extensions $3, signed by our own authority.
make_certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
    -keyout "kmip/$1.key" -out "kmip/$1.csr"
  openssl x509 -req -in "kmip/$1.csr" -CA kmip/ca.pem -CAkey kmip/ca.key -CAcreateserial -days 30 \
    -extfile <(printf '%b' "$3") -out "kmip/$1.pem"
}

make_certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=quickstart" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout kmip/ca.key -out kmip/ca.pem
  make_certificate server localhost 'extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n'
  make_certificate client coffer 'extendedKeyUsage=clientAuth\n'
}

# It ends when its standard input does: with this script.
start_kmip_server() {
  exec {kmip_input}> >(exec /usr/bin/python3 "$here/tests/providers/kmip/pykmip_server.py" "$work/kmip" \
    "$work/kmip" 0 >kmip/ready 2>>"$log")
  for _ in {1..200}; do
    if grep -q '^ready ' kmip/ready; then break; fi
    sleep 0.1
  done
  kmip_port=$(sed -n 's/^ready //p' kmip/ready)
  if [ -z "$kmip_port" ]; then die "PyKMIP did not start"; fi
  kmip_options="cert=kmip/client.pem&key=kmip/client.key&ca=kmip/ca.pem&timeout_millis=5000"
  kmip="kmip://127.0.0.1:$kmip_port?$kmip_options"
}

make_root_key() {
  say "PyKMIP, a KMIP server, with certificates made for the occasion"
  mkdir kmip
  make_certificates >>"$log" 2>&1
  start_kmip_server
  show coffer kmip ping "$kmip"
}
root_key_uri() { printf 'kmip://127.0.0.1:%s/catalogue?create=true&%s' "$kmip_port" "$kmip_options"; }

# The name leads to a fresh key as soon as the one that had it is revoked.
replace_root_key() {
  local old
  old=$(coffer kmip list "$kmip" --json | sed -E 's/.*"id":"([^"]+)".*/\1/')
  show coffer kmip revoke "$kmip" "$old" --yes
  show coffer rotate root catalogue.coffer
  show coffer kmip destroy "$kmip" "$old" --yes
  show coffer kmip list "$kmip"
}
