#!/bin/sh
# Tells systemd that the units are gone. Certificates and keys stay, on a purge too: no
# package has put them there.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
