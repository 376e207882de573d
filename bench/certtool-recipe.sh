#!/bin/sh
# TLS for one libvirt host by hand, with certtool, in the steps that libvirt's own
# page on certificates gives (https://libvirt.org/kbase/tlscerts.html): a CA, a
# server certificate, a client certificate, each file into its place. This is what
# "virtpki bootstrap" is measured against, and what the test lab proves itself with.
#
#   certtool-recipe.sh DIR HOST CLIENT ORGANISATION
#
# Everything goes below DIR/etc/pki; DIR is / for this machine. The environment may
# set
#   KEYTYPE       rsa (3072 bits, the default) or ecdsa (P-256)
#   IP_ADDRESSES  addresses that the server answers to as well, separated by spaces
set -eu

if [ $# -ne 4 ]; then
	echo "usage: $0 DIR HOST CLIENT ORGANISATION" >&2
	exit 2
fi
mkdir -p "$1"
dir=$(cd "$1" && pwd) host=$2 client=$3 organisation=$4

case ${KEYTYPE:-rsa} in
rsa) keytype='--key-type=rsa --bits=3072' ;;
ecdsa) keytype='--key-type=ecdsa --curve=secp256r1' ;;
*)
	echo "$0: KEYTYPE is $KEYTYPE (want rsa or ecdsa)" >&2
	exit 2
	;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
umask 077

make_key() {
	# shellcheck disable=SC2086 # two options
	certtool --generate-privkey $keytype --outfile "$1"
}

sign() {
	certtool --generate-certificate --load-privkey "$1key.pem" \
		--load-ca-certificate cacert.pem --load-ca-privkey cakey.pem \
		--template "$1.info" --outfile "$1cert.pem"
}

# The CA.
make_key cakey.pem
cat >ca.info <<-INFO
	cn = "$organisation CA"
	ca
	cert_signing_key
	expiration_days = 3650
INFO
certtool --generate-self-signed --load-privkey cakey.pem --template ca.info --outfile cacert.pem

# The server: every name and address that clients may use.
make_key serverkey.pem
{
	cat <<-INFO
		organization = "$organisation"
		cn = "$host"
		dns_name = "$host"
		tls_www_server
		encryption_key
		signing_key
		expiration_days = 365
	INFO
	for address in ${IP_ADDRESSES:-}; do
		echo "ip_address = \"$address\""
	done
} >server.info
sign server

# The client.
make_key clientkey.pem
cat >client.info <<-INFO
	organization = "$organisation"
	cn = "$client"
	tls_www_client
	encryption_key
	signing_key
	expiration_days = 365
INFO
sign client

# Each file into its place.
pki=${dir%/}/etc/pki
umask 022
mkdir -p "$pki/CA/private" "$pki/libvirt/private"
chmod 0755 "$pki" "$pki/CA" "$pki/libvirt" "$pki/libvirt/private"
chmod 0700 "$pki/CA/private"
install -m 0600 cakey.pem "$pki/CA/private/cakey.pem"
install -m 0644 cacert.pem "$pki/CA/cacert.pem"
install -m 0600 serverkey.pem clientkey.pem "$pki/libvirt/private/"
install -m 0644 servercert.pem clientcert.pem "$pki/libvirt/"
