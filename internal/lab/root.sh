#!/bin/sh
# Unpacks a Debian release with libvirt into a folder. Root runs it, as
# root, under a lock and in a mount namespace of its own.
#
#   root.sh RELEASE PACKAGES MIRROR FINAL
#
# FINAL appears whole or not at all: it is built under another name and renamed.
set -eu
release=$1 packages=$2 mirror=$3 final=$4

# Another process may have built it while this one waited for the lock.
[ ! -d "$final" ] || exit 0

building=$final.building
rm -rf "$building"
trap 'rm -rf "$building"' EXIT

# libvirt-daemon-system cannot be configured without an init system, so what a
# host needs of it is brought in by hand: its groups and users, and its files
# (libvirtd.conf, qemu.conf, the systemd units; empty from libvirt 11 on, where
# they come with other packages).
users='
	chroot "$1" groupadd --force --system libvirt
	chroot "$1" groupadd --force --system kvm
	chroot "$1" getent group libvirt-qemu >/dev/null ||
	chroot "$1" groupadd --gid 64055 libvirt-qemu
	chroot "$1" getent passwd libvirt-qemu >/dev/null ||
	chroot "$1" useradd --uid 64055 --gid kvm --groups libvirt-qemu --no-create-home \
		--home-dir /var/lib/libvirt --shell /usr/sbin/nologin libvirt-qemu'
files='
	mkdir "$1/download" && cd "$1/download" &&
	APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download libvirt-daemon-system &&
	dpkg-deb --fsys-tarfile ./*.deb | tar -x -C "$1" \
		--skip-old-files --keep-directory-symlink &&
	rm -r "$1/download"'

# An archived release carries a Release file that has run out. A root that a crash of the
# machine cuts short is thrown away, so nothing of it needs to be synced. Layers are installed
# from the package lists that stay in it.
mmdebstrap --mode=root --variant=apt --quiet \
	--aptopt='Acquire::Check-Valid-Until "false"' \
	--aptopt='APT::Sandbox::User "root"' \
	--dpkgopt=force-unsafe-io \
	--skip=cleanup/apt/lists \
	--include="$packages" \
	--customize-hook="$users" --customize-hook="$files" \
	"$release" "$building" "$mirror"
mv "$building" "$final"
