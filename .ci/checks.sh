# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Stages of .ci/run that look at the sources: what they need, and what they check.

STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
ACTIONLINT=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

show() {
	printf '+ %s\n' "$*"
	"$@"
}

# ---- what is needed ----

# as_root COMMAND...: by root, or by sudo that asks nothing
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

apt_updated=''

install_packages() {
	if ! command -v apt-get >/dev/null; then
		echo "no apt-get: cannot install $*"
		return
	elif ! as_root true 2>/dev/null; then
		echo "not root: cannot install $*"
		return
	fi
	[ -n "$apt_updated" ] || as_root apt-get update -qq || return
	apt_updated=1
	echo "+ apt-get install $*"
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# lacking: of "command package" lines, the packages of what is not here
lacking() {
	local cmd package
	while read -r cmd package; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$cmd" >/dev/null || echo "$package"
	done
}

# need LINES: installs what is lacking; exit code 77 if that cannot be
need() {
	local want
	mapfile -t want < <(lacking <<<"$1" | sort -u)
	[ ${#want[@]} -gt 0 ] || return 0
	install_packages "${want[@]}"
	mapfile -t want < <(lacking <<<"$1" | sort -u)
	[ ${#want[@]} -gt 0 ] || return 0
	reason="cannot be installed: ${want[*]}"
	return 77
}

TOOLS='gcc gcc
c++ g++
clang clang
pkg-config pkg-config
nm binutils
shellcheck shellcheck'

install_tools() {
	local cmd
	command -v go >/dev/null || {
		echo 'there is no Go toolchain; see go.mod for the version'
		return 1
	}
	show go version
	need "$TOOLS" || echo "going on although some $reason"
	reason=''
	# The C tests link clang's fuzzer and sanitizers, a package of their own.
	if command -v clang >/dev/null &&
		! echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null; then
		install_packages "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
	fi
	command -v gcc >/dev/null || command -v clang >/dev/null || {
		echo 'there is no C compiler'
		return 1
	}
	for cmd in gcc clang shellcheck; do
		! command -v $cmd >/dev/null || echo "$cmd: $($cmd --version | grep -m1 -i version || $cmd --version | head -n 1)"
	done
	show go mod download
}

# ---- checks ----

format() {
	local bad
	counts="$(git ls-files '*.go' | wc -l) files"
	bad=$(gofmt -l .) || return 1
	[ -z "$bad" ] || {
		printf 'not formatted:\n%s\n' "$bad"
		return 1
	}
}

# Modules beside the main one: tools whose dependencies its users do not get.
nested() {
	git ls-files '*/go.mod' | xargs -r -n 1 dirname
}

modules() {
	local dir rc=0
	counts="$(nested | wc -l) modules beside the main one"
	show go mod verify && show go mod tidy -diff || return 1
	for dir in $(nested); do
		echo "+ cd $dir"
		(cd "$dir" && show go mod tidy -diff) || rc=1
	done
	return $rc
}

lint_scripts() {
	local files
	need 'shellcheck shellcheck' || return
	mapfile -t files < <(git grep -lE '^#!.*\b(ba)?sh$|^# shellcheck shell=')
	counts="${#files[@]} scripts"
	show shellcheck -x "${files[@]}"
}

# in_modules COMMAND...: in the main module, then in those beside it
in_modules() {
	local dir rc=0 count=0
	for dir in . $(nested); do
		[ "$dir" = . ] || echo "+ cd $dir"
		(cd "$dir" && show "$@") || rc=1
		count=$((count + $(cd "$dir" && go list ./... | wc -l)))
	done
	counts="$count packages of $(nested | wc -l) modules and the main one"
	return $rc
}

vet() { in_modules go vet ./...; }

staticcheck() { in_modules go run $STATICCHECK ./...; }

# The hosted workflow; the shell in it by shellcheck.
lint_workflow() {
	go run $ACTIONLINT -version >/dev/null || {
		reason="cannot be had: $ACTIONLINT"
		return 77
	}
	counts="$(git ls-files .github/workflows | wc -l) workflow"
	show go run $ACTIONLINT
}

# The C sources by themselves, with every warning, by each compiler there is.
compile_c() {
	local cc tried=() rc=0 files=(accelio/*.c xio/cgo/*.c bench/csrc/*.c)
	local flags='-Wall -Wextra -Wshadow -Wstrict-prototypes -Werror'
	for cc in gcc clang; do
		command -v $cc >/dev/null || continue
		tried+=("$cc")
		printf '+ %s %s\n' "$cc" "$flags"
		# shellcheck disable=SC2086 # words
		printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I {} \
			$cc -std=gnu11 -O2 -D_GNU_SOURCE -DXG_EMBEDDED -Iaccelio -Ixio/cgo $flags -c {} -o /dev/null || rc=1
	done
	counts="${#files[@]} files by ${tried[*]}"
	[ ${#tried[@]} -gt 0 ] || return 1
	[ -z "${CI:-}" ] || [ ${#tried[@]} = 2 ] || return 1
	return $rc
}

# Without cgo the build must stop, with one clear reason.
without_cgo() {
	local out
	echo '+ CGO_ENABLED=0 go build ./xio (must fail)'
	if out=$(CGO_ENABLED=0 go build ./xio 2>&1); then
		echo 'it was built'
		return 1
	fi
	printf '%s\n' "$out"
	grep -q 'accelio-go needs cgo: install a C compiler' <<<"$out" || {
		echo 'the reason is not the one that helps'
		return 1
	}
	[ "$(grep -c '^[^#]' <<<"$out")" = 1 ] || {
		echo 'there is more than one error'
		return 1
	}
}

# Version, changelog and interface, against the newest tag.
release() {
	local out rc
	out=$(scripts/check-release.sh 2>&1)
	rc=$?
	printf '+ scripts/check-release.sh\n%s\n' "$out"
	counts=$(tail -n 1 <<<"$out")
	[ $rc != 77 ] || reason=${counts#not run: } counts="$(head -n 1 <<<"$out")"
	return $rc
}
