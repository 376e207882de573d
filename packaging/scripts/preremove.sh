#!/bin/sh
# Stops the timer before the program goes, and not on an upgrade: Debian calls this with
# "remove", RPM with the number of versions that stay. Units that "virtpki generate
# systemd" wrote into /etc belong to the administrator and stay as they are.
set -e
case "${1-}" in
remove | 0)
	if [ ! -e /etc/systemd/system/virtpki-renew.timer ] && command -v systemctl >/dev/null; then
		if [ -d /run/systemd/system ]; then
			systemctl stop virtpki-renew.timer || true
		fi
		systemctl --no-reload disable virtpki-renew.timer >/dev/null 2>&1 || true
	fi
	;;
esac
