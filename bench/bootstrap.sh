#!/bin/sh
# Times "virtpki bootstrap" as a whole command against libvirt's recipe with
# certtool (certtool-recipe.sh), in turn, in one run: a CA, a server and a client
# certificate, each with a key of its own, and virtpki's CRL and conf on top.
#
#   bootstrap.sh [ROUNDS]        (10 unless told)
#
# VIRTPKI names the binary (build/virtpki unless set). Prints milliseconds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
virtpki=${VIRTPKI:-$here/../build/virtpki}
rounds=${1:-10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

now() { date +%s%N; }

# once LABEL COMMAND...: notes how long the command took.
once() {
	label=$1
	shift
	rm -rf "$work/root"
	start=$(now)
	"$@" >/dev/null 2>&1
	end=$(now)
	echo $(((end - start) / 1000)) >>"$work/$label"
}

ours() {
	once "virtpki-$1" "$virtpki" bootstrap --root "$work/root" --name 'Example Org' \
		--hostname localhost --san 127.0.0.1 --client admin --key-type "$1"
}

theirs() {
	once "certtool-$1" env KEYTYPE="$2" IP_ADDRESSES=127.0.0.1 \
		"$here/certtool-recipe.sh" "$work/root" localhost admin 'Example Org'
}

round() {
	ours ec256
	theirs ec256 ecdsa
	ours rsa3072
	theirs rsa3072 rsa
}

# row FILE: minimum, median and maximum of its microseconds, in milliseconds.
row() {
	sort -n "$work/$1" | awk -v name="$1" '{ v[NR] = $1 / 1000 }
		END { printf "%-18s %8.1f %8.1f %8.1f\n", name, v[1], v[int((NR + 1) / 2)], v[NR] }'
}

round # once to warm up
rm -f "$work"/virtpki-* "$work"/certtool-*
i=0
while [ "$i" -lt "$rounds" ]; do
	round
	i=$((i + 1))
done
printf '%-18s %8s %8s %8s   (ms, %s rounds)\n' command min median max "$rounds"
for name in virtpki-ec256 certtool-ec256 virtpki-rsa3072 certtool-rsa3072; do
	row "$name"
done
