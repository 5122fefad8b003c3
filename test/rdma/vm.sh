#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Boots a throw-away virtual machine that has a soft-RoCE device and runs commands
# in it: the kernel of Debian in qemu, without privileges and without hardware.
set -euo pipefail

usage() {
	cat <<'TEXT'
Usage: vm.sh [options] COMMAND...

Each COMMAND is a line for the guest's shell. They run one after the other; "bg:"
in front leaves one running, "stop" ends those. In the guest $RDMA_ADDR is an
address of the device rxe0, and files that were brought are in /t, which is in PATH.

  -f PATH  bring a file, with the shared libraries it is linked with
  -l DIR   bring all files of DIR, to the same path
  -w DIR   keep the kernel there for the next time
  -k DEB   the linux-image package to use; otherwise apt-get downloads Debian's
  -t SEC   the machine's time (600);  -T SEC  the time of one command (300)
  -m MIB   memory (2048)
  -v       the kernel's messages too

Exit code: 0 all commands ended with 0, and so did the machine; 1 one did not; 77
something is missing here, which is said.
TEXT
}

missing() {
	printf 'not run: %s\n' "$*" >&2
	exit 77
}

files=() folders=() work='' deb='' limit=600 one=300 mem=2048 quiet=quiet
while getopts f:l:w:k:t:T:m:vh o; do
	case $o in
	f) files+=("$OPTARG") ;;
	l) folders+=("$OPTARG") ;;
	w) work=$OPTARG ;;
	k) deb=$OPTARG ;;
	t) limit=$OPTARG ;;
	T) one=$OPTARG ;;
	m) mem=$OPTARG ;;
	v) quiet=ignore_loglevel ;;
	h) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { usage >&2 && exit 2; }

PATH=$PATH:/usr/sbin:/sbin
packages='qemu-system-x86 seabios busybox-static cpio kmod iproute2 ibverbs-providers'
for tool in qemu-system-x86_64 busybox cpio depmod rdma ip tc ldd dpkg-deb; do
	command -v "$tool" >/dev/null || missing "no $tool here (Debian packages: $packages)"
done
providers=$(find /usr/lib -name 'librxe-rdmav*.so' 2>/dev/null | head -n 1)
[ -n "$providers" ] || missing "no user space driver of soft-RoCE here (Debian package ibverbs-providers)"
[ "$(uname -m)" = x86_64 ] || missing "the machine's kernel is for x86-64"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -z "$work" ]; then work=$scratch/kernel; fi
mkdir -p "$work"

# The kernel is unpacked, never installed.
if [ ! -e "$work/complete" ]; then
	if [ -z "$deb" ]; then
		name=$(apt-cache depends --important linux-image-amd64 2>/dev/null |
			sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
		[ -n "$name" ] || missing 'apt knows no linux-image (apt-get update?)'
		(cd "$scratch" && apt-get -qq download "$name" >/dev/null 2>&1) || missing "cannot download $name"
		deb=$(find "$scratch" -name 'linux-image-*.deb')
	fi
	dpkg-deb -x "$deb" "$work/tree"
	touch "$work/complete"
fi
image=$(find "$work/tree/boot" -name 'vmlinuz-*' | head -n 1)
version=${image##*/vmlinuz-}
modules=$work/tree/lib/modules/$version
[ -d "$modules" ] || modules=$work/tree/usr/lib/modules/$version
[ -e "$modules/modules.dep" ] || depmod -b "${modules%/lib/modules/*}" "$version"

# ---- the guest's files ----

root=$scratch/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp,etc/libibverbs.d,t,root,modules,run}
cp "$(command -v busybox)" "$root/bin/"

# A file with its libraries, at the same path or another.
bring() {
	local at=$root${2:-$1} lib
	[ ! -e "$at" ] || return 0
	mkdir -p "${at%/*}"
	cp -L "$1" "$at"
	while read -r lib; do
		[ -e "$root$lib" ] || { mkdir -p "$root${lib%/*}" && cp -L "$lib" "$root$lib"; }
	done < <(ldd "$1" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[ \t]*\(\/[^ ]*\) (.*/\1/p')
}

bring "$(command -v rdma)" /bin/rdma
bring "$(command -v ip)" /t/ip # busybox has an ip that knows less
bring "$(command -v tc)" /t/tc
bring "$providers"
echo 'driver rxe' >"$root/etc/libibverbs.d/rxe.driver"
# glibc loads it when a thread ends, and ldd does not know.
bring "$(find /lib /usr/lib -name libgcc_s.so.1 2>/dev/null | head -n 1)"
for f in "${files[@]}"; do bring "$(realpath "$f")" "/t/${f##*/}"; done
for d in "${folders[@]}"; do
	d=$(realpath "$d")
	for f in "$d"/*; do [ ! -f "$f" ] || bring "$f"; done
done

# Modules, what one needs before it. rxe wants crc32_generic without saying so;
# newer kernels have it built in.
: >"$root/modules/order"
module() {
	local line file
	line=$(grep -E "(^|/)${1//[-_]/[-_]}\.ko(\.[a-z]+)?:" "$modules/modules.dep") || return 1
	for file in $(tr ' ' '\n' <<<"${line#*:}" | tac) "${line%%:*}"; do
		local name=${file##*/}
		name=${name%%.ko*}
		! grep -qx "$name" "$root/modules/order" || continue
		case $file in
		*.xz) xz -dc "$modules/$file" ;;
		*.zst) zstd -qdc "$modules/$file" ;;
		*.gz) gzip -dc "$modules/$file" ;;
		*) cat "$modules/$file" ;;
		esac >"$root/modules/$name.ko"
		echo "$name" >>"$root/modules/order"
	done
}
for m in crc32_generic dummy rdma_rxe ib_uverbs rdma_ucm veth tun sch_netem; do
	module "$m" || grep -qE "(^|/)${m//[-_]/[-_]}\.ko" "$modules/modules.builtin" || [ "$m" = crc32_generic ] ||
		missing "kernel $version has no module $m"
done

printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n' >"$root/etc/passwd"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
printf 'passwd: files\nhosts: files\n' >"$root/etc/nsswitch.conf"
n=0
for c in "$@"; do
	n=$((n + 1))
	printf '%s\n' "$c" >"$root/t/$(printf .command%03d $n)"
done
echo "LIMIT=$one" >"$root/etc/limits"
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
mkdir -p /dev/shm
mount -t tmpfs none /dev/shm
. /etc/limits
export PATH=/t:/bin HOME=/root TERM=dumb RDMA_ADDR=10.77.0.1
exec </dev/null >/dev/ttyS0 2>&1
stty -F /dev/ttyS0 -onlcr
stty -F /dev/ttyS1 raw -echo
# The verdicts have a line of their own, which no program's output can spoil.
note() { echo "$*" >/dev/ttyS1; }
over() {
	note "$*"
	poweroff -f
}
while read -r m; do insmod "/modules/$m.ko" || over "broken: module $m"; done </modules/order
ip link set lo up
ip addr add $RDMA_ADDR/24 dev dummy0
ip addr add 10.77.0.2/24 dev dummy0 # another path
ip link set dummy0 mtu 4200 up # packets of 4096 bytes
rdma link add rxe0 type rxe netdev dummy0 || over 'broken: no rxe0'
n=0
until [ -e /dev/infiniband/uverbs0 ] && [ -e /dev/infiniband/rdma_cm ]; do
	n=$((n + 1))
	[ $n -lt 100 ] || over 'broken: no uverbs0'
	sleep 0.1
done
chmod 666 /dev/infiniband/*
cd /tmp
running=
stop() {
	for p in $running; do kill "$p"; done
	sleep 0.5
	for p in $running; do kill -9 "$p"; wait "$p"; done 2>/dev/null
	running=
}
for f in /t/.command*; do
	c=$(cat "$f")
	case $c in
	stop) stop ;;
	bg:*)
		echo "### $c"
		echo "exec ${c#bg:}" >"$f"
		sh "$f" &
		running="$running $!"
		sleep 2
		;;
	*)
		echo "### $c"
		began=$(cut -d. -f1 /proc/uptime)
		timeout -k 5 "$LIMIT" sh "$f"
		rc=$?
		note "command $rc $(($(cut -d. -f1 /proc/uptime) - began)) $c"
		;;
	esac
done
stop
! dmesg | grep -E 'BUG|WARNING|Oops|Call Trace|segfault|general protection' || note 'broken: the kernel complains'
over end
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$scratch/initramfs"

# ---- boot ----

# A machine that stands still for a while, because its host has other things to do,
# is not to complain of that.
patient='nowatchdog rcupdate.rcu_cpu_stall_suppress=1'
# Emulated processors take turns on one thread: with a thread for each they wait for
# one another, and on a busy machine a request takes several times as long.
machine=(-accel 'tcg,thread=single' -cpu max)
# An open /dev/kvm proves nothing where the processor has no virtualization.
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then machine=(-accel kvm -cpu host); fi
: >"$scratch/notes"
rc=0
timeout -k 5 "$limit" qemu-system-x86_64 -M q35 "${machine[@]}" -m "$mem" -smp 2 \
	-nodefaults -no-user-config -display none -nic none -no-reboot \
	-serial stdio -serial "file:$scratch/notes" \
	-kernel "$image" -initrd "$scratch/initramfs" \
	-append "console=ttyS0 $quiet panic=-1 mitigations=off $patient random.trust_cpu=1 tsc=unstable rdinit=/init" </dev/null || rc=$?
tr -d '\r' <"$scratch/notes" >"$scratch/verdicts"
echo "--- ${machine[1]%%,*}, kernel $version"
awk '$1 == "command" { rc = $2; s = $3; sub(/^command [0-9]+ [0-9]+ /, ""); printf "%-7s %4d s  %s\n", rc == 0 ? "passed" : rc == 143 || rc == 124 ? "TIME" : "FAILED", s, $0 }
	$1 == "broken:"' "$scratch/verdicts"
if [ $rc != 0 ]; then
	echo "the machine ended with $rc (124: it took more than $limit s)"
	exit 1
fi
awk '$1 == "command" && $2 != 0 || $1 == "broken:" { bad = 1 } $1 == "end" { end = 1 } END { exit !(end && !bad) }' "$scratch/verdicts"
