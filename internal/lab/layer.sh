#!/bin/sh
# Installs packages over a release's root, into a folder that has only what they add or
# change: a layer for overlayfs, made in a fraction of a root's time. Root runs it, as
# root, under a lock and in a mount namespace of its own.
#
#   layer.sh PACKAGES BASE FINAL
#
# FINAL appears whole or not at all.
set -eu
packages=$1 base=$2 final=$3

# Another process may have built it while this one waited for the lock.
[ ! -d "$final" ] || exit 0

building=$final.building
rm -rf "$building"
mkdir -p "$building/layer" "$building/work" "$building/root"
root=$building/root
finish() {
	umount --recursive --lazy "$root" 2>/dev/null || true
	rm -rf --one-file-system "$building"
}
trap finish EXIT

mount -t overlay -o "lowerdir=$base,upperdir=$building/layer,workdir=$building/work" virtpki-layer "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
mount -t tmpfs tmpfs "$root/tmp"

# No service starts, nothing is asked, and what the base brought in by hand gives way.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
chroot "$root" env DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	apt-get --quiet --yes --no-install-recommends -o Dpkg::Options::=--force-confnew install $(echo "$packages" | tr , ' ')
rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/cache/apt/archives/*.deb "$root"/var/cache/apt/*.bin

umount --recursive "$root"
mv "$building/layer" "$final"
