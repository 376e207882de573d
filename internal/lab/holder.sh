#!/bin/sh
# Becomes the first process of a host: mounts its file system, prints "ready PID"
# (its process id as the machine sees it) and sleeps until its standard input is
# closed. The kernel then ends every process of the host and drops its mounts.
#
#   holder.sh ROOT SCRATCH HOSTNAME [SOURCE TARGET]...
#
# NewHost runs it in new mount, network, UTS, IPC and PID namespaces. SCRATCH is an
# empty folder to mount on; each SOURCE, a file of the machine, appears read-only
# at TARGET.
set -eu
root=$1 scratch=$2 hostname=$3
shift 3

# /proc is still the machine's here, so this is the process id out there.
read -r pid _ </proc/self/stat

mount -t tmpfs -o mode=0755 virtpki-lab "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/host"
mount -t overlay -o "lowerdir=$root,upperdir=$scratch/upper,workdir=$scratch/work" \
	virtpki-lab "$scratch/host"
cd "$scratch/host"

mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir run/lock

mount -t tmpfs -o mode=0755 tmpfs dev
for node in null zero full random urandom tty; do
	: >"dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

while [ $# -ge 2 ]; do
	: >".$2"
	mount --bind "$1" ".$2"
	mount -o remount,bind,ro ".$2"
	shift 2
done

echo "$hostname" >/proc/sys/kernel/hostname
echo "$hostname" >etc/hostname

mkdir .machine
pivot_root . .machine
cd /
umount -l .machine
rmdir .machine
ip link set lo up

echo "ready $pid"
# With SIGCHLD ignored the kernel reaps the orphans that init inherits: libvirtd waits
# for its QEMUs to be gone. (trap cannot do it, dash keeps SIGCHLD for itself.)
exec env --ignore-signal=CHLD cat >/dev/null 2>&1
