#!/bin/sh
# Times what it takes to publish one more revocation in a list of N entries, as
# whole commands in one run, with their peak memory:
#
#   openssl    openssl ca -gencrl, which makes the list anew from index.txt
#   certtool   certtool --generate-crl, which adds one to the list in a file
#   pki        package pki adds one to the list in a file (a test binary)
#   virtpki    virtpki revoke, its records and plan included, no daemon asked
#
#   crl.sh [N...]        (1000 100000 1000000 unless told)
#
# The list that is added to is the one openssl made. VIRTPKI names the binary
# (build/virtpki unless set), LIMIT the seconds after which a command is ended
# (300). Needs openssl, certtool and go; takes GNU time where it is installed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
virtpki=${VIRTPKI:-$here/../build/virtpki}
limit=${LIMIT:-300}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# watch COMMAND...: seconds and peak kB into $work/figures, by GNU time.
watch() {
	/usr/bin/time -o "$work/figures" -f '%e %M' timeout "$limit" "$@" >"$work/log" 2>&1
}

# Without GNU time the peak is that of the last look at /proc, 50 a second.
[ -x /usr/bin/time ] || watch() {
	start=$(date +%s%N) peak=0
	"$@" >"$work/log" 2>&1 &
	while [ -d "/proc/$!" ] && now=$(awk '/VmHWM/ { print $2 }' "/proc/$!/status" 2>/dev/null) && [ -n "$now" ]; do
		peak=$now
		[ $((($(date +%s%N) - start) / 1000000000)) -lt "$limit" ] || kill "$!"
		sleep 0.02
	done
	status=0
	wait "$!" || status=$?
	echo "$(date +%s%N) $start $peak" | awk '{ printf "%.2f %d\n", ($1 - $2) / 1e9, $3 }' >"$work/figures"
	return "$status"
}

# row N LABEL COMMAND...: one line of the table.
row() {
	entries=$1 label=$2
	shift 2
	if watch "$@"; then
		tail -n 1 "$work/figures" | awk -v n="$entries" -v label="$label" -v file="$(wc -c <cacrl.pem)" \
			'{ printf "%9d  %-9s %9.2f %9.1f %9.1f\n", n, label, $1, $2 / 1024, $2 * 1024 / file }'
	else
		printf '%9d  %-9s no result within %s s, or an error: %s\n' "$entries" "$label" "$limit" "$(tail -n 1 "$work/log" | cut -c 1-80)"
	fi
}

folder() {
	mkdir -p "$work/ca/private"
	cd "$work/ca"
	openssl ecparam -name prime256v1 -genkey -noout -out private/cakey.pem
	openssl req -x509 -new -key private/cakey.pem -subj '/CN=Bench CA' -days 1000 -out cacert.pem \
		-addext keyUsage=critical,keyCertSign,cRLSign
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
		-subj /CN=client -out revoked.pem 2>/dev/null
	cat >conf <<-END
		[ca]
		default_ca = x
		[x]
		database = index.txt
		certificate = cacert.pem
		private_key = private/cakey.pem
		default_md = sha256
		default_crl_days = 30
		crlnumber = crlnumber
		crl_extensions = e
		[e]
		authorityKeyIdentifier = keyid
	END
	printf 'crl_next_update = 30\ncrl_number = 1000\n' >template
	echo 01 >crlnumber
}

# index N: an index.txt of N revoked certificates with serials of 128 bits.
index() {
	awk -v n="$1" 'BEGIN { srand(1); for (i = 0; i < n; i++)
		printf "R\t491231235959Z\t260102030405Z,keyCompromise\t%08X%08X%08X%08X\tunknown\t/CN=c%d\n",
			2 ^ 30 + i, 2 ^ 31 * rand(), 2 ^ 31 * rand(), 2 ^ 31 * rand(), i }' >index.txt
	: >cacrl.pem
}

verified() {
	openssl crl -in "$1" -noout -verify -CAfile cacert.pem 2>&1 | grep -qx 'verify OK' || echo "openssl does not verify $1"
}

(cd "$here/.." && go test -c -o "$work/pki.test" ./pki)
folder
printf '%9s  %-9s %9s %9s %9s\n' entries command seconds peak-MB peak/file
for n in ${*:-1000 100000 1000000}; do
	index "$n"
	openssl ca -config conf -gencrl -out cacrl.pem 2>/dev/null
	row "$n" openssl openssl ca -config conf -gencrl -out new.pem
	row "$n" certtool certtool --generate-crl --load-ca-privkey private/cakey.pem --load-ca-certificate cacert.pem \
		--load-crl cacrl.pem --load-certificate revoked.pem --template template --outfile new.pem
	row "$n" pki env CRL_FOLDER="$PWD" "$work/pki.test" -test.run '^$' -test.bench '^BenchmarkCRLFolder$' -test.benchtime 1x
	verified new.pem
	if "$virtpki" revoke --help 2>/dev/null | grep -q 'virtpki revoke'; then
		row "$n" virtpki "$virtpki" revoke 7777777777777777 --no-reload --root "$work/root" --ca "$PWD"
		verified cacrl.pem
	fi
done
