#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the embedded engine as a C library and installs it, or says which
# Accelio is installed and how a Go program links it.
set -eu

usage() {
	cat <<'TEXT'
Usage: build-accelio.sh [--prefix DIR] [--libdir DIR]
       build-accelio.sh --check
       build-accelio.sh -h

Builds the embedded engine of accelio-go (accelio/*.c) as a conventional C
library and installs it:

  LIBDIR/libxio.so.0, LIBDIR/libxio.so, LIBDIR/libxio.a
  PREFIX/include/libxio.h
  LIBDIR/pkgconfig/libxio.pc

It has the soname, the symbol versions and the exported functions of libxio 1.7,
over TCP. It needs a C compiler and binutils, and it builds nothing but the
sources beside this script.

Options:
  --prefix DIR  where it is installed to (default /usr/local)
  --libdir DIR  where the libraries go (default PREFIX/lib)
  --check       build nothing; say whether an Accelio is installed, which one,
                and how to link it. Exit code 1 if there is none.
  -h, --help    this text

Environment:
  CC, CFLAGS, LDFLAGS  compiler and flags (default cc, -O2 -g, none)
  DESTDIR              put in front of every path that is written
  ACCELIO_PREFIX       for --check: where an Accelio is installed; otherwise
                       pkg-config is asked, then the linker's own paths

Example:
  ./scripts/build-accelio.sh --prefix "$HOME/accelio" &&
  ACCELIO_PREFIX=$HOME/accelio ./scripts/build-accelio.sh --check
TEXT
}

fail() {
	printf 'build-accelio.sh: %s\n' "$1" >&2
	exit "${2:-1}"
}

# The public functions, as the header declares them.
functions() {
	sed -n -E '/^(static|typedef|#)/d
		s/^[a-z][a-z0-9_ *]*[ *](xio_[a-z0-9_]+)\(.*/\1/p' "$1" | sort -u
}

# Flags are lists of words: splitting them is what is wanted.
# shellcheck disable=SC2086
build() {
	src=$(CDPATH='' cd -- "$(dirname -- "$0")/../accelio" && pwd) ||
		fail "the engine's sources are not beside this script"
	cc=${CC:-cc}
	cflags=${CFLAGS:--O2 -g}
	ldflags=${LDFLAGS:-}
	case $prefix in /*) ;; *) fail "--prefix $prefix is not an absolute path" 2 ;; esac
	case $libdir in /*) ;; *) fail "--libdir $libdir is not an absolute path" 2 ;; esac

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

	echo "compiling with: $cc $cflags"
	(cd "$work" && $cc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra $cflags -fPIC -pthread -c "$src"/*.c)
	$cc $cflags -shared -pthread -Wl,-soname,libxio.so.0 -Wl,-z,defs \
		-Wl,--version-script,"$work/libxio.map" $ldflags -o "$work/libxio.so.0" "$work"/*.o
	${AR:-ar} rcs "$work/libxio.a" "$work"/*.o

	level=$(sed -n 's/^const APILevel = "\(.*\)"$/\1/p' "$src/accelio.go")
	cat >"$work/libxio.pc" <<PC
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

	dest=${DESTDIR:-}
	mkdir -p "$dest$libdir/pkgconfig" "$dest$prefix/include"
	install -m 755 "$work/libxio.so.0" "$dest$libdir/libxio.so.0"
	ln -sf libxio.so.0 "$dest$libdir/libxio.so"
	install -m 644 "$work/libxio.a" "$dest$libdir/libxio.a"
	install -m 644 "$src/libxio.h" "$dest$prefix/include/libxio.h"
	install -m 644 "$work/libxio.pc" "$dest$libdir/pkgconfig/libxio.pc"
	echo "installed: $dest$libdir/libxio.so.0 and $dest$prefix/include/libxio.h"
	echo "to link a Go program: ACCELIO_PREFIX=$prefix $0 --check"
}

# Tries one way to link; the flags are left in $work/how if it works.
# shellcheck disable=SC2086
try() {
	${CC:-cc} -D_GNU_SOURCE $1 -o "$work/probe" "$work/probe.c" $2 -lxio -ldl 2>"$work/probe.log" || return 1
	[ -z "${3:-}" ] || echo "found by: $3"
	includes=$1
	libraries=$2
}

check() {
	cat >"$work/probe.c" <<'C'
#include <stdio.h>
#include <dlfcn.h>
#include <libxio.h>

int main(void)
{
	Dl_info where;

	xio_init();
	if (!dladdr((void *)xio_version, &where))
		return 1;
	printf("%s\n%s\n", xio_version(), where.dli_fname);
	xio_shutdown();
	return 0;
}
C
	includes='' libraries=''
	if [ -n "${ACCELIO_PREFIX:-}" ]; then
		for dir in "$ACCELIO_PREFIX"/lib "$ACCELIO_PREFIX"/lib64 "$ACCELIO_PREFIX"/lib/*-linux-gnu*; do
			[ -e "$dir/libxio.so" ] || continue
			try "-I$ACCELIO_PREFIX/include" "-L$dir -Wl,-rpath,$dir" "ACCELIO_PREFIX=$ACCELIO_PREFIX" && break
		done
		if [ -z "$libraries" ]; then
			[ ! -s "$work/probe.log" ] || cat "$work/probe.log" >&2
			fail "no usable libxio under ACCELIO_PREFIX=$ACCELIO_PREFIX"
		fi
	elif pkg-config --exists libxio 2>/dev/null; then
		dir=$(pkg-config --variable=libdir libxio)
		try "$(pkg-config --cflags libxio)" "$(pkg-config --libs-only-L libxio) -Wl,-rpath,$dir" "pkg-config" || {
			cat "$work/probe.log" >&2
			fail "pkg-config knows a libxio, but a program cannot be linked with it"
		}
	else
		try '' '' "the linker's own paths" ||
			fail "no Accelio is installed: not by ACCELIO_PREFIX, not by pkg-config, not in the linker's paths. None is needed: the default build has the engine inside"
	fi
	"$work/probe" >"$work/probe.out" || fail "a program linked with the libxio that was found does not run"
	version=$(sed -n 1p "$work/probe.out")
	case $version in
	*-go*) kind="the embedded engine of accelio-go, built as a library" ;;
	*) kind="an Accelio of other origin" ;;
	esac
	echo "library:  $(sed -n 2p "$work/probe.out")"
	echo "version:  $version"
	echo "which is: $kind"
	echo "to build Go programs with it:"
	# pkg-config leaves spaces around its flags.
	trim='s/^ *//; s/ *$//; s/  */ /g'
	includes=$(echo "$includes" | sed "$trim") libraries=$(echo "$libraries" | sed "$trim")
	echo "CGO_CFLAGS=\"$includes\" CGO_LDFLAGS=\"$libraries\" go build -tags libxio ./..."
}

prefix=/usr/local libdir='' mode=build
while [ $# -gt 0 ]; do
	case $1 in
	--prefix | --libdir)
		[ $# -ge 2 ] || fail "$1 needs a folder (-h explains)" 2
		if [ "$1" = --prefix ]; then prefix=$2; else libdir=$2; fi
		shift
		;;
	--prefix=*) prefix=${1#*=} ;;
	--libdir=*) libdir=${1#*=} ;;
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

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
$mode
