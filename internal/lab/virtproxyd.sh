#!/bin/sh
# Builds virtproxyd from Debian's own source package into a folder that is laid over a root
# of the release. Root runs it, as root, under a lock and in a mount namespace of
# its own.
#
#   virtproxyd.sh RELEASE MIRROR FINAL
#
# FINAL appears whole or not at all. Debian has no package of virtproxyd. As in distributions
# that have one, there is no libvirtd beside it: whiteouts of overlayfs hide Debian's, whose
# program stays as testdriverd, a daemon behind virtproxyd.
set -eu
release=$1 mirror=$2 final=$3

# Another process may have built it while this one waited for the lock.
[ ! -d "$final" ] || exit 0

root=$final.source built=$final.building
rm -rf "$root" "$built"
trap 'rm -rf "$root" "$built"' EXIT
renice -n 15 $$ >/dev/null

# The two tar files are what the signed index names; not every mirror serves the .dsc.
fetch='
	mkdir "$1/source" && cd "$1/source" && export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG &&
	apt-get --quiet source --download-only --tar-only libvirt &&
	apt-get --quiet source --download-only --diff-only libvirt &&
	apt-get --quiet download libvirt-daemon'

# Without optimization, and without whatever TLS does not need: some two minutes on two
# processors. The test driver is in the library, as everywhere.
compile='
	cd /source
	mkdir tree && tar -xf libvirt_*.orig.tar.xz -C tree --strip-components 1
	cd tree && tar -xf ../libvirt_*.debian.tar.xz
	grep "^[^#]" debian/patches/series | while read -r patch; do patch -s -p1 <"debian/patches/$patch"; done
	CFLAGS=-O0 meson setup build --prefix=/usr --sysconfdir=/etc --localstatedir=/var -Drunstatedir=/run \
		-Dbuildtype=plain -Dauto_features=disabled -Ddocs=disabled -Dtests=disabled -Dnls=disabled \
		-Ddriver_libvirtd=enabled -Ddriver_remote=enabled -Ddriver_test=enabled -Dlibnl=enabled \
		-Dremote_default_mode=direct -Dinit_script=systemd >/dev/null
	ninja -C build --quiet src/virtproxyd
	cd build/src && strip virtproxyd libvirt.so.0 libvirt-lxc.so.0 libvirt-qemu.so.0'

# An archived release carries a Release file that has run out.
mmdebstrap --mode=root --variant=apt --quiet \
	--aptopt='Acquire::Check-Valid-Until "false"' \
	--aptopt='APT::Sandbox::User "root"' \
	--dpkgopt=force-unsafe-io \
	--include='gcc,libc6-dev,libglib2.0-dev,libgnutls28-dev,libjson-c-dev,libnl-3-dev,libnl-route-3-dev,libtirpc-dev,libxml2-dev,libxml2-utils,meson,ninja-build,patch,perl,pkgconf,python3,python3-docutils,rpcsvc-proto,xsltproc,xz-utils' \
	--customize-hook="$fetch" --customize-hook="chroot \"\$1\" sh -euc '$compile'" \
	"$release" "$root" "deb $mirror $release main" "deb-src $mirror $release main"

# The program finds its libraries beside itself, and clients have Debian's.
out=$root/source/tree/build/src home=$built/usr/lib/virtproxyd units=$built/usr/lib/systemd/system
mkdir -p "$home" "$built/usr/sbin" "$units" "$built/etc/libvirt" "$built/etc/default"
cp "$out/virtproxyd" "$home/"
for library in libvirt.so.0 libvirt-lxc.so.0 libvirt-qemu.so.0; do
	cp -L "$out/$library" "$home/"
done
ln -s ../lib/virtproxyd/virtproxyd "$built/usr/sbin/virtproxyd"
cp "$out"/virtproxyd.conf "$built/etc/libvirt/"
cp "$out"/virtproxyd.service "$out"/virtproxyd*.socket "$units/"
dpkg-deb --fsys-tarfile "$root"/source/libvirt-daemon_*.deb | tar -x -O ./usr/sbin/libvirtd >"$home/testdriverd"
chmod 0755 "$home/testdriverd"
mknod "$built/usr/sbin/libvirtd" c 0 0
mknod "$built/etc/libvirt/libvirtd.conf" c 0 0
mknod "$built/etc/default/libvirtd" c 0 0
for unit in libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd-tcp.socket libvirtd-tls.socket; do
	mknod "$units/$unit" c 0 0
done
mv "$built" "$final"
