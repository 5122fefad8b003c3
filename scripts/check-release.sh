#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Compares version and exported interface with the newest release.
set -euo pipefail

# Not for users, and what every release changes.
NOT_PUBLIC='^- \./(accelio|examples|scripts|test|xio/cgo)\b|^- \./xio\.Version: value changed'
APIDIFF=golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4

usage() {
	cat <<'TEXT'
Usage: check-release.sh [BASE]

Checks that xio.Version follows the newest tag before HEAD (or BASE), and that the
exported interface of the module changed no more than the version says: with the same
major version, or 0.x the same minor one, nothing may be taken away or changed. Prints
what is new, and what is incompatible. Packages that are not for users are left out.

Exit code: 0 all is well, 1 it is not, 77 there is no release to compare with.
TEXT
}

die() {
	echo "$*" >&2
	exit 1
}

case ${1:-} in
-h | --help) usage && exit ;;
esac
cd "$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)"

version=$(sed -n 's/^const Version = "\(.*\)"$/\1/p' xio/version.go)
[[ $version =~ ^([0-9]+)\.([0-9]+)\.([0-9]+)(-dev)?$ ]] || die "xio.Version is $version: not x.y.z or x.y.z-dev"
major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]} dev=${BASH_REMATCH[4]}
echo "version: $version"

# The tag of this commit is its version; the version of others has no tag yet.
here=$(git tag --points-at HEAD --list 'v[0-9]*')
if [ -n "$here" ]; then
	[ "$here" = "v$version" ] || die "the tag here is $here"
elif [ -n "$(git tag --list "v${version%-dev}")" ]; then
	die "v${version%-dev} is released: xio.Version must be the next one, with -dev"
elif [ -z "$dev" ]; then
	echo "to be tagged v$version"
fi

base=${1:-}
if [ -z "$base" ]; then
	base=$(git describe --tags --abbrev=0 --match 'v[0-9]*' ${here:+HEAD^} 2>/dev/null) || {
		echo 'not run: no release to compare the interface with'
		exit 77
	}
fi
newest=$(printf '%s\n' "${base#v}" "${version%-dev}" | sort -V | tail -n 1)
[ "$newest" = "${version%-dev}" ] || die "the version is before $base"

scratch=$(mktemp -d)
trap 'git worktree remove --force "$scratch/base" 2>/dev/null || true; rm -rf "$scratch"' EXIT
git worktree add --quiet --detach "$scratch/base" "$base"
module=$(go list -m)
echo "+ apidiff -m: $base and what is here"
(cd "$scratch/base" && go run $APIDIFF -m -w "$scratch/old" "$module")
go run $APIDIFF -m -w "$scratch/new" "$module"
go run $APIDIFF -m "$scratch/old" "$scratch/new" | grep -vE "$NOT_PUBLIC" || true
broken=$(go run $APIDIFF -m -incompatible "$scratch/old" "$scratch/new" | grep '^- ' | grep -vE "$NOT_PUBLIC" || true)

IFS=. read -r base_major base_minor _ <<<"${base#v}"
if [ -z "$broken" ]; then
	echo "compatible with $base"
elif [ "$major" != "$base_major" ] || { [ "$major" = 0 ] && [ "$minor" != "$base_minor" ]; }; then
	echo "$(wc -l <<<"$broken") incompatible changes since $base, as $version permits"
else
	die "$(wc -l <<<"$broken") incompatible changes since $base, which $version does not permit"
fi
