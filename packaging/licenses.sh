#!/bin/sh
# Prints the licences of everything that is linked into the program: Go, and each module.
#
#   packaging/licenses.sh WHERE
#
# WHERE names the place of the Apache licence, the text of which is not repeated.
set -eu
apache=$1

text() { # text NAME FILE...
	printf '\n%s\n\n%s\n\n' "------------------------------------------------------------------------" "$1"
	shift
	for file; do
		if grep -q 'TERMS AND CONDITIONS FOR USE, REPRODUCTION' "$file"; then
			echo "Apache License, Version 2.0, in $apache."
		else
			tr -d '\r' <"$file" | sed 's/[[:space:]]*$//'
		fi
	done
}

echo 'virtpki is linked statically with the Go standard library and the modules below.'
text 'Go' "$(go env GOROOT)/LICENSE"
go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/virtpki | LC_ALL=C sort -u |
	while read -r path version dir; do
		[ -n "$path" ] || continue
		files=$(find "$dir" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'patents*' \) | LC_ALL=C sort)
		[ -n "$files" ] || { echo "licenses.sh: $path has no licence file" >&2; exit 1; }
		# shellcheck disable=SC2086 # paths of the module cache have no spaces
		text "$path $version" $files
	done
