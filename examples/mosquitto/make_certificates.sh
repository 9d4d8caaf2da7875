#!/usr/bin/env bash
# A private certificate authority, a certificate for the broker and one for each client:
#   make_certificates.sh FOLDER BROKER_NAME [CLIENT ...]
# BROKER_NAME is what clients connect to (a host name or an address); it is checked by them. Existing files are kept.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 FOLDER BROKER_NAME [CLIENT ...]" >&2; exit 2; }
folder=$1 broker=$2
shift 2
umask 077
mkdir -p "$folder"
cd "$folder"
days=825

key() { [ -e "$1.key" ] || openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
signed() {  # NAME SUBJECT USAGE ALTERNATIVE_NAME
  [ -e "$1.crt" ] && return
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days $days -out "$1.crt" -extfile <(
    printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=%s\n' "$3"
    [ -z "${4:-}" ] || printf 'subjectAltName=%s\n' "$4"
  ) 2>/dev/null
  rm "$1.csr"
}

if ! [ -e ca.crt ]; then
  key ca
  openssl req -x509 -new -key ca.key -days 3650 -subj "/CN=edge-mm private authority" -out ca.crt \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
fi
case $broker in *[!0-9.]*) kind=DNS ;; *) kind=IP ;; esac
signed server "$broker" serverAuth "$kind:$broker"
for client in "$@"; do signed "$client" "$client" clientAuth; done
chmod 644 ./*.crt
echo "in $folder: ca.crt for everyone, server.crt and server.key for the broker${*:+, NAME.crt and NAME.key for: $*}; keep ca.key elsewhere"
