// Package lab makes throwaway Debian hosts with a real libvirtd, for tests.
//
// A [Release] names a Debian release and the libvirt it ships; [Virtproxyd] has the modular
// daemon in libvirtd's place. [Root] unpacks that release once into a cache directory.
// [NewHost] lays a writable overlay over such a root and puts it into mount, network, UTS, IPC
// and PID namespaces of its own. /etc, /run, the host name, the loopback interface and every
// process belong only to the host, so that a test cannot reach the machine it runs on.
// [Host.Close] ends all of it; so does the death of the test process.
//
// It needs Linux, root, util-linux (unshare, nsenter, flock, pivot_root) and mmdebstrap;
// [Usable] names the missing ones. Everything privileged is in two short shell scripts beside
// this file, root.sh and holder.sh.
package lab
