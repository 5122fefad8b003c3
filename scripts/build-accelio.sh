#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the embedded engine as a C library and installs or removes it, or says
# which Accelio is installed, whether it works and how a program links it.
set -eu

usage() {
	cat <<'TEXT'
Usage: build-accelio.sh [--prefix DIR] [--libdir DIR]
       build-accelio.sh --uninstall [--prefix DIR]
       build-accelio.sh --check
       build-accelio.sh --help

Builds the embedded engine of accelio-go (accelio/*.c) as a conventional C
library and installs it:

  LIBDIR/libxio.so.0, LIBDIR/libxio.so, LIBDIR/libxio.a
  LIBDIR/pkgconfig/libxio.pc
  PREFIX/include/libxio.h, and xio_user.h, xio_base.h and xio_predefs.h, which
  only include it
  PREFIX/include/xio_limits.h, options that this engine has beside libxio's
  PREFIX/share/accelio-go/manifest, the list of all this for --uninstall

It has the soname, the symbol versions and the exported functions of libxio 1.7,
over TCP. It needs a C compiler and binutils, and it builds nothing but the
engine's sources. An earlier installation of this script is replaced; a file
that somebody else put there is not, the script stops instead.

Options:
  --prefix DIR  where it is installed to (default /usr/local)
  --libdir DIR  where the libraries go (default PREFIX/lib)
  --uninstall   remove what was installed under PREFIX, and nothing else: files
                that were changed since and folders that hold more stay
  --check       build no library; say whether an Accelio is installed, which
                one, whether a request and its response get through it on
                127.0.0.1, and how to link it. Exit code 1 if there is none or
                it does not work.
  -h, --help    this text

Environment:
  CC, CFLAGS, LDFLAGS  compiler and flags (default cc, -O2 -g, none)
  DESTDIR              put in front of every path that is written or removed
  ACCELIO_PREFIX       for --check: where an Accelio is installed; otherwise
                       pkg-config is asked, then the linker's own paths

Example:
  ./scripts/build-accelio.sh --prefix "$HOME/accelio" &&
  ACCELIO_PREFIX=$HOME/accelio ./scripts/build-accelio.sh --check
TEXT
}

say() {
	printf 'build-accelio.sh: %s\n' "$1" >&2
}

fail() {
	say "$1"
	exit "${2:-1}"
}

# The public functions, as the header declares them.
functions() {
	sed -n -E '/^(static|typedef|#)/d
		s/^[a-z][a-z0-9_ *]*[ *](xio_[a-z0-9_]+)\(.*/\1/p' "$1" | sort -u
}

# Compiles everything into $work/root, the tree that is installed then.
# Flags are lists of words: splitting them is what is wanted.
# shellcheck disable=SC2086
build() {
	src=$(CDPATH='' cd -- "$here/../accelio" && pwd)
	cc=${CC:-cc}
	cflags=${CFLAGS:--O2 -g}
	ldflags=${LDFLAGS:-}

	functions "$src/libxio.h" >"$work/functions"
	count=$(wc -l <"$work/functions")
	[ "$count" -eq 57 ] || fail "libxio.h declares $count functions and not 57"
	{
		echo 'XIO_1.0 {'
		echo '	global:'
		sed 's/.*/		&;/' "$work/functions"
		echo '	local:'
		echo '		*;'
		echo '};'
	} >"$work/libxio.map"

	lib=$work/root$libdir include=$work/root$prefix/include
	mkdir -p "$lib/pkgconfig" "$include"
	echo "compiling with: $cc $cflags"
	(cd "$work" && $cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra $cflags -fPIC -pthread -c "$src"/*.c)
	$cc $cflags -shared -pthread -Wl,-soname,libxio.so.0 -Wl,-z,defs \
		-Wl,--version-script,"$work/libxio.map" $ldflags -o "$lib/libxio.so.0" "$work"/*.o
	ln -s libxio.so.0 "$lib/libxio.so"
	${AR:-ar} rcs "$lib/libxio.a" "$work"/*.o

	cp "$src/libxio.h" "$src/xio_limits.h" "$include/"
	# Sources of other programs name these, too.
	for name in xio_user.h xio_base.h xio_predefs.h; do
		printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include "libxio.h"\n' >"$include/$name"
	done

	level=$(sed -n 's/^const APILevel = "\(.*\)"$/\1/p' "$src/accelio.go")
	cat >"$lib/pkgconfig/libxio.pc" <<PC
prefix=$prefix
libdir=$libdir
includedir=$prefix/include

Name: libxio
Description: Accelio message passing over TCP (embedded engine of accelio-go)
Version: $level
Libs: -L\${libdir} -lxio
Libs.private: -pthread
Cflags: -I\${includedir}
PC
}

# Makes a folder and those above it, and notes the ones that were not there.
folder() {
	[ ! -d "$dest$1" ] || return 0
	folder "$(dirname "$1")"
	mkdir -m 755 "$dest$1"
	echo "folder - $1" >>"$work/manifest"
}

# The manifest has one line for each thing: what it is, how to know it again,
# and where it is without DESTDIR. It is there before the files are, so that
# nothing is forgotten when the script is stopped.
install_all() {
	build
	(cd "$work/root" && find . ! -type d) | sed 's/^\.//' | sort >"$work/paths"
	if [ -e "$dest$manifest" ]; then uninstall_all; fi
	while read -r path; do
		if [ -e "$dest$path" ] || [ -L "$dest$path" ]; then
			fail "$dest$path is there and not from this script: remove it or choose another --prefix"
		fi
	done <"$work/paths"

	[ -z "$dest" ] || mkdir -p "$dest"
	: >"$work/manifest"
	folder "$(dirname "$manifest")"
	while read -r path; do
		folder "$(dirname "$path")"
		from=$work/root$path
		if [ -L "$from" ]; then
			echo "link $(readlink "$from") $path"
		else
			echo "file $(sum "$from") $path"
		fi >>"$work/manifest"
	done <"$work/paths"
	install -m 644 "$work/manifest" "$dest$manifest"
	while read -r path; do
		from=$work/root$path
		if [ -L "$from" ]; then
			ln -s "$(readlink "$from")" "$dest$path"
		else
			case $path in */libxio.so.0) mode=755 ;; *) mode=644 ;; esac
			install -m "$mode" "$from" "$dest$path"
		fi
	done <"$work/paths"
	echo "installed: $dest$libdir/libxio.so.0 and $dest$prefix/include/libxio.h"
	echo "to try it: ACCELIO_PREFIX=$prefix $0 --check"
}

sum() {
	cksum <"$1" | tr ' ' :
}

# Tells whether a line of the manifest still describes the file.
unchanged() {
	case $1 in
	link) [ "$(readlink "$3")" = "$2" ] ;;
	file) [ -f "$3" ] && [ ! -L "$3" ] && [ "$(sum "$3")" = "$2" ] ;;
	*) false ;;
	esac
}

uninstall_all() {
	[ -f "$dest$manifest" ] || fail "there is no $dest$manifest: nothing to uninstall"
	cp "$dest$manifest" "$work/installed"
	while read -r kind mark path; do
		file=$dest$path
		[ "$kind" != folder ] || continue
		[ -e "$file" ] || [ -L "$file" ] || continue
		if unchanged "$kind" "$mark" "$file"; then
			rm "$file"
		else
			say "kept: $file is not what was installed"
		fi
	done <"$work/installed"
	rm "$dest$manifest"
	# What is inside a folder sorts behind it; one that holds more stays.
	sed -n 's/^folder - //p' "$work/installed" | sort -r | while read -r path; do
		rmdir "$dest$path" 2>/dev/null || :
	done
	echo "removed: what $dest$manifest listed"
}

# Tries one way to link the program of --check.
# shellcheck disable=SC2086
try() {
	${CC:-cc} -D_GNU_SOURCE $1 -o "$work/loopback" "$here/check/loopback.c" $2 -lxio -ldl 2>"$work/log" || return 1
	echo "found by: $3"
	includes=$1
	libraries=$2
}

check() {
	includes='' libraries='' works=yes
	if [ -n "${ACCELIO_PREFIX:-}" ]; then
		for dir in "$ACCELIO_PREFIX"/lib "$ACCELIO_PREFIX"/lib64 "$ACCELIO_PREFIX"/lib/*-linux-gnu*; do
			[ -e "$dir/libxio.so" ] || continue
			try "-I$ACCELIO_PREFIX/include" "-L$dir -Wl,-rpath,$dir" "ACCELIO_PREFIX=$ACCELIO_PREFIX" && break
		done
		if [ -z "$libraries" ]; then
			[ ! -s "$work/log" ] || cat "$work/log" >&2
			fail "no usable libxio under ACCELIO_PREFIX=$ACCELIO_PREFIX"
		fi
	elif pkg-config --exists libxio 2>/dev/null; then
		dir=$(pkg-config --variable=libdir libxio)
		try "$(pkg-config --cflags libxio)" "$(pkg-config --libs-only-L libxio) -Wl,-rpath,$dir" "pkg-config" || {
			cat "$work/log" >&2
			fail "pkg-config knows a libxio, but a program cannot be linked with it"
		}
	else
		try '' '' "the linker's own paths" ||
			fail "no Accelio is installed: not by ACCELIO_PREFIX, not by pkg-config, not in the linker's paths. None is needed: the default build has the engine inside"
	fi
	"$work/loopback" >"$work/out" || works=no
	version=$(sed -n 's/^version: *//p' "$work/out")
	case $version in
	'') fail "a program linked with the libxio that was found does not run" ;;
	*-go*) kind="the embedded engine of accelio-go, built as a library" ;;
	*) kind="an Accelio of other origin" ;;
	esac
	cat "$work/out"
	echo "which is: $kind"
	[ $works = yes ] || fail "it links, but a request and its response do not get through it"
	# pkg-config leaves spaces around its flags.
	trim='s/^ *//; s/ *$//; s/  */ /g'
	includes=$(echo "$includes" | sed "$trim") libraries=$(echo "$libraries" | sed "$trim")
	echo "to build a C program with it:"
	echo "cc $includes prog.c $libraries -lxio" | sed "$trim"
	echo "to build Go programs with it:"
	echo "CGO_CFLAGS=\"$includes\" CGO_LDFLAGS=\"$libraries\" go build -tags libxio ./..."
}

prefix=/usr/local libdir='' mode=install_all
while [ $# -gt 0 ]; do
	case $1 in
	--prefix | --libdir)
		[ $# -ge 2 ] || fail "$1 needs a folder (-h explains)" 2
		if [ "$1" = --prefix ]; then prefix=$2; else libdir=$2; fi
		shift
		;;
	--prefix=*) prefix=${1#*=} ;;
	--libdir=*) libdir=${1#*=} ;;
	--uninstall) mode=uninstall_all ;;
	--check) mode=check ;;
	-h | --help)
		usage
		exit 0
		;;
	*) fail "unknown argument $1 (-h explains)" 2 ;;
	esac
	shift
done
: "${libdir:=$prefix/lib}"
for dir in "$prefix" "$libdir"; do
	case $dir in
	*[[:space:]]*) fail "$dir has a blank in it: compilers' flags are lists of words" 2 ;;
	*/../* | */..) fail "$dir has .. in it" 2 ;;
	/*) ;;
	*) fail "$dir is not an absolute path" 2 ;;
	esac
done
dest=${DESTDIR:-} manifest=$prefix/share/accelio-go/manifest
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
$mode
