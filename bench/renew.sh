#!/bin/sh
# What "virtpki renew" costs as a whole command, without a daemon: the median and the
# worst time, the peak memory, and the files opened and written to.
#
#   nothing due         as it runs from cron on most days
#   nothing due, N      the same beside a CA with N records
#   both pairs due      new keys and certificates for server and client
#   both due, N         the same beside a CA with N records
#
#   renew.sh [ROUNDS [N]]        (20 rounds and 100000 records unless told)
#
# VIRTPKI names the binary (build/virtpki unless set). Needs GNU time and strace.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
virtpki=${VIRTPKI:-$here/../build/virtpki}
rounds=${1:-20}
records=${2:-100000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# timed COMMAND...: median and worst milliseconds.
timed() {
	i=0
	: >times
	while [ "$i" -lt "$rounds" ]; do
		start=$(date +%s%N)
		"$@" >/dev/null
		echo $((($(date +%s%N) - start) / 1000)) >>times
		i=$((i + 1))
	done
	sort -n times | awk '{ v[NR] = $1 / 1000 } END { printf "%8.1f %8.1f", v[int((NR + 1) / 2)], v[NR] }'
}

# calls COMMAND...: how many files it opens, below the root and in all, and how many of
# them to write.
calls() {
	strace -f -y -qq -o trace -e trace=open,openat,openat2,creat -e status=successful "$@" >/dev/null
	awk '/root[\/>"]/ { ours++ } /O_WRONLY|O_RDWR|O_CREAT/ && /root[\/>"]/ { written++ }
		END { printf "%8d %8d %8d", ours, NR, written }' trace
}

row() {
	label=$1
	shift
	elapsed=$(timed "$@")
	/usr/bin/time -o peak -f %M "$@" >/dev/null
	printf '%-22s %s %8.1f %s\n' "$label" "$elapsed" "$(awk '{ print $1 / 1024 }' peak)" "$(calls "$@")"
}

# record N: as many records, under serials of their own.
record() {
	set -- "$1" root/etc/pki/CA/newcerts/*.pem
	awk -v n="$1" -v from="$2" 'BEGIN { while ((getline line <from) > 0) text = text line "\n"
		srand(1)
		for (i = 0; i < n; i++) {
			file = sprintf("root/etc/pki/CA/newcerts/%08X%08X%08X%08X.pem", i, 2 ^ 31 * rand(), 2 ^ 31 * rand(), 2 ^ 31 * rand())
			printf "%s", text >file
			close(file)
		} }'
}

"$virtpki" bootstrap --root root --name Bench --hostname localhost --san 127.0.0.1 --client admin --quiet
printf '%-22s %8s %8s %8s %8s %8s %8s   (ms, ms, MB; %s rounds)\n' renew median worst peak opens 'of all' written "$rounds"
row 'nothing due' "$virtpki" renew --root root --no-reload
row 'both pairs due' "$virtpki" renew --root root --no-reload --force
record "$records"
row "nothing due, $records" "$virtpki" renew --root root --no-reload
row "both due, $records" "$virtpki" renew --root root --no-reload --force
