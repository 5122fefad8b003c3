# shellcheck shell=bash disable=SC2034 # some variables are for run
# SPDX-License-Identifier: Apache-2.0
#
# Stages of .ci/run that run something.

GOTESTSUM=gotest.tools/gotestsum@v1.13.0

# go_test ARGUMENTS...: go test, by a program that counts, and tells in the end what
# was skipped and why
go_test() {
	local log rc
	log=$(mktemp)
	printf '+ go test %s\n' "$*"
	go run $GOTESTSUM --format pkgname --format-icons text -- "$@" 2>&1 | tee "$log"
	rc=${PIPESTATUS[0]}
	counts=$(sed -n 's/^DONE \(.*\) in [0-9.]*s$/\1/p' "$log" | tail -n 1)
	rm -f "$log"
	return "$rc"
}

# part FOLDER: is it in this tree? A part may be taken out, and its stage with it.
part() {
	[ -d "$1" ] && return
	reason="there is no $1"
	return 77
}

main_job() {
	local out
	printf '+ %s\n' "$MAIN_COMMAND"
	out=$(eval "$MAIN_COMMAND" 2>&1) || {
		printf '%s\n' "$out"
		return 1
	}
	printf '%s\n' "$out"
	engine=$(sed -n 's/^engine: *//p' <<<"$out")
	counts=$(sed -n 's/^requests: *//p' <<<"$out")
	grep -Eq '^requests: ([1-9][0-9]{5,}) in [0-9.]+ s, \1 verified$' <<<"$out" || {
		echo 'not 100,000 verified requests'
		return 1
	}
	grep -Eq '^rate: +[0-9]+ requests/s' <<<"$out" && grep -q 'p99.9' <<<"$out"
}

# Everything. The stages that follow name parts of it, which are then not run again.
all_tests() {
	# shellcheck disable=SC2086 # words
	go_test ${TEST_COMMAND#go test }
}

# The engine's C tests: address, undefined behaviour, threads, by gcc and clang.
c_sanitizers() { go_test ./accelio/ctest; }

examples() { go_test ./examples/...; }

# What the pages say: links, anchors, names of tests, figures.
pages() { go_test ./test/tree; }

# A module of somebody else: go get, go mod vendor, the README's program.
fresh_module() { go_test ./test/module; }

interop() { go_test ./test/interop; }

nested_tests() {
	local dir rc=0 all=()
	for dir in $(nested); do
		echo "+ cd $dir"
		cd "$dir" || return
		go_test ./... || rc=1
		cd - >/dev/null || return
		all+=("$dir: ${counts:-failed}")
	done
	counts=$(printf '%s; ' "${all[@]}")
	return $rc
}

# ---- detectors ----

# A detector that is off finds nothing: each must find a mistake made on purpose.
race_is_on() {
	local dir out
	dir=$(mktemp -d)
	cat >"$dir/main.go" <<'GO'
package main

func main() {
	n, done := 0, make(chan struct{})
	go func() { n++; close(done) }()
	n++
	<-done
	println(n)
}
GO
	echo '+ go run -race (a program with a race: must be found)'
	out=$(GORACE=halt_on_error=1 go run -race "$dir/main.go" 2>&1)
	rm -rf "$dir"
	grep -q 'WARNING: DATA RACE' <<<"$out" || {
		printf 'the race detector did not find it:\n%s\n' "$out"
		return 1
	}
	echo 'found: the race detector is on'
}

leak_is_found() {
	local dir out
	dir=$(mktemp -d)
	cat >"$dir/main.go" <<'GO'
package main

// #include <stdlib.h>
// static void lose(void) { void *volatile p = malloc(4321); p = 0; (void)p; }
import "C"

func main() { C.lose() }
GO
	echo '+ go run -asan (a program with a leak in C: must be found)'
	out=$(go run -asan "$dir/main.go" 2>&1)
	rm -rf "$dir"
	grep -q 'detected memory leaks' <<<"$out" || {
		printf 'the leak check did not find it:\n%s\n' "$out"
		return 1
	}
	echo 'found: the address sanitizer and its leak check are on'
}

# The packages that detectors can see into: the others only run programs that are
# built without them.
own_packages() {
	go list ./... | grep -vE '/accelio-go/(accelio/ctest|scripts|test/(tree|module))$'
}

race_tests() {
	local packages
	mapfile -t packages < <(own_packages)
	race_is_on && go_test -race -timeout 20m "${packages[@]}"
}

asan_tests() {
	local packages
	mapfile -t packages < <(own_packages)
	export ASAN_OPTIONS=detect_leaks=1
	leak_is_found && go_test -asan -timeout 20m "${packages[@]}"
	local rc=$?
	unset ASAN_OPTIONS
	return $rc
}

# One fuzz target of Go, for a minute.
go_fuzz_target() {
	local out
	# At the end of its time go test may call its own deadline a failure.
	out=$(go test -run '^$' -fuzz "^$2\$" -fuzztime 60s -parallel 1 "./$1" 2>&1) || {
		if ! grep -q 'context deadline exceeded' <<<"$out" || grep -q 'Failing input' <<<"$out"; then
			printf '%s\n' "$out"
			return 1
		fi
	}
	printf '%s %s: %s\n' "$1" "$2" "$(grep 'execs:' <<<"$out" | tail -n 1)"
}

# Two at a time.
go_fuzz_targets() {
	local targets
	targets=$(git grep -E '^func Fuzz' -- '*_test.go' | sed -E 's|/[^/]*:func (Fuzz[A-Za-z0-9]*).*| \1|')
	echo "+ go test -fuzz ... -fuzztime 60s"
	export -f go_fuzz_target
	xargs -P 2 -L 1 bash -c 'go_fuzz_target "$@"' bash <<<"$targets" || return 1
	counts="$(wc -l <<<"$targets") targets"
}

# The engine against arbitrary bytes: each target longer than plain tests do.
fuzz_targets() {
	local out test='go test -count=1 -v -run ^TestFuzz(Frame|Whole)$ ./accelio/ctest'
	printf '+ ACCELIO_FUZZ_SECONDS=30 %s\n' "$test"
	# shellcheck disable=SC2086 # words
	out=$(ACCELIO_FUZZ_SECONDS=30 $test 2>&1) || {
		printf '%s\n' "$out"
		return 1
	}
	grep -E '^(---|ok)|Done [0-9]+ runs|exec' <<<"$out"
	counts="$(sed -n 's/.*Done \([0-9]*\) runs.*/\1/p' <<<"$out" | xargs | tr ' ' '+') inputs"
	# Three targets, or fuzzing was left out.
	[ "$(grep -c 'Done [0-9]* runs' <<<"$out")" = 3 ] || {
		[ -n "${CI:-}" ] && return 1
		counts='' reason='clang has no libFuzzer here'
		return 77
	}
}

# ---- what is not of this project ----

# The same suite on an installed libxio, all but the embedded engine's own tests.
installed_libxio() {
	local out line packages
	if ! out=$(scripts/build-accelio.sh --check 2>&1); then
		reason=${out#build-accelio.sh: }
		libxio="not tested: $reason"
		# A place that was named must hold one.
		[ -z "${ACCELIO_PREFIX:-}" ] || {
			printf '%s\n' "$out"
			return 1
		}
		return 77
	fi
	printf '%s\n' "$out"
	libxio="$(sed -n 's/^version: *//p' <<<"$out") ($(sed -n 's/^library: *//p' <<<"$out"))"
	line=$(grep '^CGO_CFLAGS=' <<<"$out")
	mapfile -t packages < <(own_packages | grep -v '/accelio-go/accelio')
	CGO_CFLAGS=$(sed -E 's/^CGO_CFLAGS="([^"]*)".*/\1/' <<<"$line")
	CGO_LDFLAGS=$(sed -E 's/.* CGO_LDFLAGS="([^"]*)".*/\1/' <<<"$line")
	export CGO_CFLAGS CGO_LDFLAGS
	show go vet -tags libxio ./... &&
		go_test -tags libxio -timeout 20m "${packages[@]}" ||
		libxio="FAILED on $libxio"
	unset CGO_CFLAGS CGO_LDFLAGS
	[[ $libxio != FAILED* ]]
}

# Two hosts, as far as one machine has them. Where users may not set up a namespace's
# network, root may.
network_namespaces() {
	local by=()
	part test/netns || return
	need 'ip iproute2
tc iproute2' || return
	[ "$(id -u)" = 0 ] || ! as_root true 2>/dev/null || by=(-exec 'sudo -n -E')
	go_test -count=1 "${by[@]}" ./test/netns
}

# A real monitor of Ceph as the peer of the messenger and of its clients.
ceph_monitor() {
	part test/cephmon || return
	need 'ceph-mon ceph-mon
monmaptool ceph-common' || return
	go_test -count=1 ./test/cephmon ./messenger/... ./examples/ceph_ping
}

# RDMA on an installed libxio, in a virtual machine with a soft-RoCE device.
rdma_machine() {
	local library out rc
	part test/rdma || return
	library=$(scripts/build-accelio.sh --check 2>/dev/null | sed -n 's/^library: *//p')
	if [ -n "$library" ] && ldd "$library" | grep librdmacm >/dev/null; then
		need 'qemu-system-x86_64 qemu-system-x86
busybox busybox-static
cpio cpio
depmod kmod
rdma iproute2
tc iproute2' || return
		[ -n "$(find /usr/lib -name 'librxe-rdmav*.so')" ] || install_packages ibverbs-providers
	fi
	out=$(mktemp)
	printf '+ test/rdma/run\n'
	test/rdma/run 2>&1 | tee "$out"
	rc=${PIPESTATUS[0]}
	[ "$rc" != 77 ] || reason=$(sed -n 's/^not run: //p' "$out" | tail -n 1)
	counts="$(grep -c '^passed' "$out") commands"
	rm -f "$out"
	return "$rc"
}

# Built for the other architecture, and a job there where its programs can run.
arm64() {
	local dir out rc=0
	need 'aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu' || return
	[ -e /usr/aarch64-linux-gnu/include/stdlib.h ] || install_packages libc6-dev-arm64-cross
	dir=$(mktemp -d)
	(
		export CGO_ENABLED=1 GOARCH=arm64 CC=aarch64-linux-gnu-gcc
		echo '+ CGO_ENABLED=1 GOARCH=arm64 CC=aarch64-linux-gnu-gcc'
		show go vet ./... && show go build -o "$dir/" ./examples/xio_client
	) || rc=1
	if [ $rc = 0 ] && need 'qemu-aarch64 qemu-user'; then
		printf '+ qemu-aarch64 xio_client -local -n 2000\n'
		out=$(qemu-aarch64 -L /usr/aarch64-linux-gnu "$dir/xio_client" -local -n 2000 2>&1) || rc=1
		printf '%s\n' "$out"
		counts="run: $(sed -n 's/^requests: *//p' <<<"$out")"
	elif [ $rc = 0 ]; then
		counts='built' reason="its programs are not run: $reason"
	fi
	rm -rf "$dir"
	return $rc
}

# The image with its tests, then a server and a client that are not root.
image() {
	docker info >/dev/null 2>&1 || {
		reason='no container engine'
		return 77
	}
	show docker compose build &&
		show docker compose up --abort-on-container-exit --exit-code-from client
	local rc=$?
	docker compose down --volumes >/dev/null 2>&1
	return $rc
}
