#!/bin/sh
# A fleet made with somebody else's tool: a CA, and for each host a server and a
# client certificate with a key of its own, written to disk and synced. What
# "virtpki issue host --hosts" is measured against; see bench/fleet.
#
#   fleet-tool.sh TOOL KEYTYPE HOSTS DIR
#
# TOOL is certtool (the steps of libvirt's page, as in certtool-recipe.sh), openssl,
# easy-rsa, cfssl or step; KEYTYPE is ec256 or rsa3072; HOSTS is a file with a name
# and an address a line. STEP names the binary of step. With JOBS set to more than 1
# that many hosts are made at once.
set -eu

usage() {
	echo "usage: $0 certtool|openssl|easy-rsa|cfssl|step ec256|rsa3072 HOSTS DIR" >&2
	exit 2
}

[ $# -ge 4 ] || usage
tool=$1 keytype=$2 hosts=$3 dir=$4
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
step=${STEP:-step} easyrsa=${EASYRSA_SCRIPT:-/usr/share/easy-rsa/easyrsa}
case $keytype in ec256 | rsa3072) ;; *) usage ;; esac

# certtool: a template and two calls for each certificate.

certtool_key() {
	case $keytype in
	ec256) certtool --generate-privkey --key-type=ecdsa --curve=secp256r1 --outfile "$1" ;;
	rsa3072) certtool --generate-privkey --key-type=rsa --bits=3072 --outfile "$1" ;;
	esac
}

certtool_ca() {
	certtool_key cakey.pem
	printf 'cn = "Bench CA"\nca\ncert_signing_key\nexpiration_days = 3650\n' >ca.info
	certtool --generate-self-signed --load-privkey cakey.pem --template ca.info --outfile cacert.pem
}

certtool_sign() {
	certtool --generate-certificate --load-privkey "$1key.pem" --load-ca-certificate ../cacert.pem \
		--load-ca-privkey ../cakey.pem --template "$1.info" --outfile "$1cert.pem"
}

certtool_host() {
	certtool_key serverkey.pem
	cat >server.info <<-INFO
		organization = "Bench"
		cn = "$1"
		dns_name = "$1"
		ip_address = "$2"
		tls_www_server
		encryption_key
		signing_key
		expiration_days = 365
	INFO
	certtool_sign server
	certtool_key clientkey.pem
	printf 'organization = "Bench"\ncn = "%s"\ntls_www_client\nencryption_key\nsigning_key\nexpiration_days = 365\n' "$1" >client.info
	certtool_sign client
}

# openssl: one call for each certificate, which makes the key as well.

openssl_new() {
	case $keytype in
	ec256) openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "$@" ;;
	rsa3072) openssl req -x509 -newkey rsa:3072 -nodes "$@" ;;
	esac
}

openssl_ca() {
	openssl_new -keyout cakey.pem -out cacert.pem -days 3650 -subj '/O=Bench/CN=Bench CA' -addext keyUsage=critical,keyCertSign,cRLSign
}

openssl_host() {
	openssl_new -CA ../cacert.pem -CAkey ../cakey.pem -keyout serverkey.pem -out servercert.pem -days 365 -subj "/O=Bench/CN=$1" \
		-addext basicConstraints=critical,CA:false -addext extendedKeyUsage=serverAuth -addext "subjectAltName=DNS:$1,IP:$2"
	openssl_new -CA ../cacert.pem -CAkey ../cakey.pem -keyout clientkey.pem -out clientcert.pem -days 365 -subj "/O=Bench/CN=$1" \
		-addext basicConstraints=critical,CA:false -addext extendedKeyUsage=clientAuth
}

# easy-rsa 3: build-server-full and build-client-full.

easy_rsa() {
	case $keytype in
	ec256) set -- --use-algo=ec --curve=prime256v1 "$@" ;;
	rsa3072) set -- --use-algo=rsa --keysize=3072 "$@" ;;
	esac
	EASYRSA_BATCH=1 EASYRSA_PKI="$dir/pki" "$easyrsa" "$@"
}

easy_rsa_ca() {
	easy_rsa init-pki
	EASYRSA_REQ_CN='Bench CA' easy_rsa build-ca nopass
}

easy_rsa_host() {
	easy_rsa "--subject-alt-name=DNS:$1,IP:$2" build-server-full "server-$1" nopass
	easy_rsa build-client-full "client-$1" nopass
}

# cfssl: a request in JSON for each certificate, split by cfssljson.

cfssl_key() {
	case $keytype in
	ec256) echo '"key": {"algo": "ecdsa", "size": 256}' ;;
	rsa3072) echo '"key": {"algo": "rsa", "size": 3072}' ;;
	esac
}

cfssl_ca() {
	echo "{\"CN\": \"Bench CA\", $(cfssl_key), \"ca\": {\"expiry\": \"87600h\"}}" >ca.json
	cfssl gencert -initca ca.json | cfssljson -bare ca
	cat >config.json <<-'JSON'
		{"signing": {"profiles": {
		  "server": {"expiry": "8760h", "usages": ["signing", "key encipherment", "server auth"]},
		  "client": {"expiry": "8760h", "usages": ["signing", "key encipherment", "client auth"]}}}}
	JSON
}

cfssl_host() {
	for role in server client; do
		echo "{\"CN\": \"$1\", \"hosts\": [\"$1\", \"$2\"], \"names\": [{\"O\": \"Bench\"}], $(cfssl_key)}" >$role.json
		cfssl gencert -ca ../ca.pem -ca-key ../ca-key.pem -config ../config.json -profile $role $role.json | cfssljson -bare $role
	done
}

# step: certificate create, with the CA's files.

step_new() {
	case $keytype in
	ec256) "$step" certificate create --kty EC --curve P-256 --no-password --insecure "$@" ;;
	rsa3072) "$step" certificate create --kty RSA --size 3072 --no-password --insecure "$@" ;;
	esac
}

step_ca() { step_new --profile root-ca 'Bench CA' cacert.pem cakey.pem; }

step_host() {
	step_new --profile leaf --ca ../cacert.pem --ca-key ../cakey.pem --not-after 8760h --san "$1" --san "$2" "$1" servercert.pem serverkey.pem
	step_new --profile leaf --ca ../cacert.pem --ca-key ../cakey.pem --not-after 8760h "$1" clientcert.pem clientkey.pem
}

call() {
	part=$1
	shift
	case $tool in
	certtool) "certtool_$part" "$@" ;;
	openssl) "openssl_$part" "$@" ;;
	easy-rsa) "easy_rsa_$part" "$@" ;;
	cfssl) "cfssl_$part" "$@" ;;
	step) "step_$part" "$@" ;;
	*) usage ;;
	esac
}

host() {
	mkdir "$dir/$1"
	cd "$dir/$1"
	call host "$1" "$2"
}

umask 077
export STEPPATH="$dir/.step"
if [ $# -eq 6 ]; then # one host of many, called by xargs
	host "$5" "$6"
	exit
fi
mkdir -p "$dir"
cd "$dir"
call ca
if [ "${JOBS:-1}" -gt 1 ]; then
	xargs -P "$JOBS" -n 2 "$self" "$tool" "$keytype" "$hosts" "$dir" <"$hosts"
else
	while read -r name address; do
		host "$name" "$address" </dev/null
	done <"$hosts"
fi
sync -f "$dir"
