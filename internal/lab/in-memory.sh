#!/bin/sh
# Runs a command with its temporary directories in memory, where root may do that. The tests
# create and remove so many small files that a disk slows them down.
#
#   in-memory.sh PROGRAM ARG…
set -eu
if ! unshare --mount true 2>/dev/null; then
	exec "$@"
fi
folder=$(mktemp -d)
status=0
unshare --mount sh -c '
	folder=$1; shift
	mount -t tmpfs -o mode=1777 virtpki-test "$folder"
	TMPDIR=$folder exec "$@"' sh "$folder" "$@" || status=$?
rmdir "$folder"
exit $status
