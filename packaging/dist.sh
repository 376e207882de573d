#!/bin/sh
# Makes the packages of a release: what stands in build/dist is what users get.
#
#   packaging/dist.sh [OUT]
#
# In a checkout it builds HEAD as "git archive" exports it, so that changes which are not
# committed never get into a package; anywhere else it builds the directory it lies in.
# Two runs from the same source give the same bytes, wherever they run.
#
#   ARCHES     architectures of the packages (amd64 arm64)
#   FORMATS    of the packages (deb rpm apk archlinux)
#   PLATFORMS  of the tarballs (linux, darwin and freebsd on both)
#   SBOM       empty: without it, and without its tool
#   HOMEPAGE   where the project is published
#   SOURCE_DATE_EPOCH  date of all files; of the commit unless given
#
# It needs go, nfpm, cyclonedx-gomod and GNU tar.
set -eu
umask 022
cd "$(dirname "$0")/.."
out=${1:-build/dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
version=$(cat internal/program/VERSION)
name=virtpki-$version
: "${ARCHES=amd64 arm64}" "${FORMATS=deb rpm apk archlinux}"
: "${PLATFORMS=linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64}" "${SBOM=yes}"
: "${HOMEPAGE:=https://virtpki.example}"
MAINTAINER='virtpki maintainers <maintainers@virtpki.example>' VENDOR='virtpki maintainers'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "dist.sh: $1" >&2; exit 1; }

for tool in go nfpm tar gzip sha256sum ${SBOM:+cyclonedx-gomod}; do
	command -v "$tool" >/dev/null || fail "$tool is missing: make dist installs what it can"
done

# The source, with the commit and its date in internal/program/SOURCE.
mkdir "$work/$name"
if [ -e .git ]; then
	git archive --format=tar HEAD | tar -x -C "$work/$name"
	[ -z "$(git status --porcelain)" ] || echo "dist.sh: packaging HEAD: changes that are not committed are left out" >&2
else
	tar -c --exclude=./build . | tar -x -C "$work/$name"
fi
cd "$work/$name"
read -r commit date <internal/program/SOURCE
case $commit in
'$'*) ;;
*) : "${SOURCE_DATE_EPOCH:=$(date -d "$date" +%s)}" ;;
esac
[ -n "${SOURCE_DATE_EPOCH-}" ] || fail "the date of the source is unknown: set SOURCE_DATE_EPOCH"
export SOURCE_DATE_EPOCH VERSION="$version" MAINTAINER VENDOR HOMEPAGE
export CGO_ENABLED=0 GOFLAGS='-mod=readonly -gcflags=all=-l -gcflags=std= -gcflags=virtpki/...= -gcflags=virtpki/cmd/...=-l -gcflags=virtpki/internal/wizard/...=-l -gcflags=virtpki/internal/connect/...=-l -gcflags=virtpki/internal/inspect/...=-l' LC_ALL=C TZ=UTC

# pack NAME: a tarball of the directory NAME in $work.
pack() {
	tar -C "$work" --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=a+rX,u+w,go-w \
		-c "$1" | gzip -9n >"$out/$1.tar.gz"
}

# built OS ARCH: the program's file, made once.
built() {
	file=$work/bin/$1-$2
	[ -e "$file" ] || GOOS=$1 GOARCH=$2 go build -trimpath -buildvcs=false -tags nethttpomithttp2 -ldflags '-s -w -buildid=' -o "$file" ./cmd/virtpki >&2
	echo "$file"
}

pack "$name"

stage=$work/stage
mkdir -p "$work/bin" "$stage/usr/bin" "$stage/usr/share/man/man1" "$stage/completion" "$stage/units" "$stage/doc" "$stage/licenses" "$stage/debian"
MANUAL=$stage/usr/share/man/man1 go test -trimpath -count=1 -vet=off -run '^TestManual$' ./cmd/virtpki >"$work/log" 2>&1 || { cat "$work/log" >&2; fail 'no manual pages'; }
gzip -9n "$stage"/usr/share/man/man1/*.1
here=$(built "$(go env GOHOSTOS)" "$(go env GOHOSTARCH)")
"$here" completion bash >"$stage/completion/virtpki.bash"
"$here" completion zsh >"$stage/completion/_virtpki"
"$here" completion fish >"$stage/completion/virtpki.fish"
mkdir "$work/nowhere" # the units are for every host, whatever the builder's libvirt reads
"$here" --root "$work/nowhere" generate systemd --quiet --binary /usr/bin/virtpki --out "$stage/units" >/dev/null
cp README.md SECURITY.md "$stage/doc"
mkdir "$stage/doc/docs"
cp docs/*.md docs/*.svg "$stage/doc/docs"
gzip -9nc CHANGELOG.md >"$stage/debian/changelog.gz"
cp LICENSE "$stage/licenses/LICENSE"
sh packaging/licenses.sh LICENSE >"$stage/licenses/THIRD-PARTY"
{
	printf 'virtpki\nCopyright: the virtpki authors\nLicence: Apache License, Version 2.0, in /usr/share/common-licenses/Apache-2.0.\n\n'
	sh packaging/licenses.sh /usr/share/common-licenses/Apache-2.0
} >"$stage/debian/copyright"
cp packaging/lintian-overrides "$stage/debian/lintian-overrides"
cp -r packaging/scripts CHANGELOG.md "$stage"
cat >"$stage/changelog.yml" <<END
- semver: $version-1
  date: $(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
  packager: $MAINTAINER
  deb: {urgency: medium, distributions: [unstable]}
  changes:
    - note: Release $version; changelog.gz says what is new.
END

# docs TYPE DIRECTORY FILE...: entries of nfpm.yaml for files of the rpm that are documentation.
docs() {
	type=$1 dir=$2
	shift 2
	for file; do
		echo "  - {src: $file, dst: $dir/${file##*/}, packager: rpm, type: $type}"
	done
}
(
	cd "$stage"
	cat "$work/$name/packaging/nfpm.yaml"
	docs doc /usr/share/man/man1 usr/share/man/man1/*
	docs doc /usr/share/doc/virtpki doc/*.md CHANGELOG.md
	docs doc /usr/share/doc/virtpki/docs doc/docs/*
	docs license /usr/share/licenses/virtpki licenses/*
) >"$work/nfpm.yaml"

for arch in $ARCHES; do
	cp "$(built linux "$arch")" "$stage/usr/bin/virtpki"
	find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	for format in $FORMATS; do
		to=$out
		[ "$format" != deb ] || to=$out/virtpki_${version}_$arch.deb # the name that README has
		(cd "$stage" && ARCH=$arch nfpm package -f "$work/nfpm.yaml" -p "$format" -t "$to" >"$work/log" 2>&1) || { cat "$work/log" >&2; fail "no $format for $arch"; }
	done
done

for platform in $PLATFORMS; do
	os=${platform%/*} arch=${platform#*/}
	tree=$name-$os-$arch
	mkdir -p "$work/$tree/man" "$work/$tree/completion"
	cp "$(built "$os" "$arch")" "$work/$tree/virtpki"
	cp "$stage"/usr/share/man/man1/* "$work/$tree/man"
	cp "$stage"/completion/* "$work/$tree/completion"
	cp README.md SECURITY.md CHANGELOG.md "$stage"/licenses/* "$work/$tree"
	cp -r docs "$work/$tree/docs"
	[ "$os" != linux ] || cp -r "$stage/units" "$work/$tree/units"
	pack "$tree"
done

if [ -n "$SBOM" ]; then
	cyclonedx-gomod bin -json -licenses -noserial -version "$version" -output "$work/sbom" "$here" 2>"$work/log" || { cat "$work/log" >&2; fail 'no SBOM'; }
	# The time of the run is the one line that differs from run to run.
	grep -v '^    "timestamp": ' "$work/sbom" >"$out/$name.cdx.json"
fi

sum=$(sha256sum "$out/$name.tar.gz" | cut -d ' ' -f 1)
for recipe in virtpki.rb PKGBUILD virtpki.nix; do
	sed "s|@VERSION@|$version|g; s|@HOMEPAGE@|$HOMEPAGE|g; s|@SHA256@|$sum|g" "packaging/$recipe" >"$out/$recipe"
done
(cd "$out" && find . -type f ! -name SHA256SUMS | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum >"$work/sums" && mv "$work/sums" SHA256SUMS)
