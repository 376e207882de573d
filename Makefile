# virtpki: what a developer types. Everything here works on a fresh Debian with
# Go, gcc, make and git; the tests install what else they need, as root. A line
# says so where Go is too old, or a program is missing that cannot be installed.

GO        ?= go
# With one set of flags and tags everywhere, and without cgo, what one target has compiled serves the others. Without
# inlining in the modules of others, and in the rooms that print, the program is 0.35 MB smaller.
LEAN      := -gcflags=all=-l -gcflags=std= -gcflags=virtpki/...= \
             -gcflags=virtpki/cmd/...=-l -gcflags=virtpki/internal/wizard/...=-l \
             -gcflags=virtpki/internal/connect/...=-l -gcflags=virtpki/internal/inspect/...=-l
export GOFLAGS ?= -trimpath $(LEAN)
export CGO_ENABLED := 0
TESTFLAGS ?=
# virtpki speaks HTTP/1.1 alone: without HTTP/2 the program is 0.4 MB smaller.
TAGS      := nethttpomithttp2
PACKAGES  := gcc libc6-dev libglib2.0-dev libgnutls28-dev pkg-config \
             gnutls-bin iproute2 libvirt-clients libvirt-daemon mmdebstrap mount opensc \
             openssl p11-kit procps softhsm2 strace swtpm util-linux zstd lintian rpm rpmlint ca-certificates
# Programs of these packages, for a system that has no apt.
PROGRAMS  := gcc pkg-config certtool ip virsh libvirtd mmdebstrap mount unshare nsenter \
             flock pivot_root openssl pgrep strace zstd
NFPM      := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
CYCLONEDX := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
STEP      := github.com/smallstep/cli/cmd/step@v0.28.7
STEP_CA   := github.com/smallstep/certificates/cmd/step-ca@v0.30.2
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64

.PHONY: build demo test matrix check cross docs dist dist-check bench bench-fleet go packages clean

build: go
	$(GO) build -trimpath -tags $(TAGS) -ldflags '-s -w' -o build/virtpki ./cmd/virtpki

# The main job, into a throwaway root.
demo: build
	rm -rf build/demo
	build/virtpki bootstrap --root build/demo --name 'Example Org' --hostname localhost --san 127.0.0.1 --client admin --allow-dn 'O=Example Org,CN=admin'
	@echo
	build/virtpki list --root build/demo
	@echo
	cat build/demo/etc/libvirt/libvirtd.conf

# Every test: the rules, the scripts, and real libvirtd of four Debian releases. Nobody debugs these
# programs: to link them without debugging information takes half the time.
test: go packages build/bin/step build/bin/step-ca build/bin/nfpm
	PATH="$(CURDIR)/build/bin:$$PATH" internal/lab/in-memory.sh $(GO) test -tags $(TAGS) -ldflags=-w -timeout 80m -p 3 -parallel 6 $(TESTFLAGS) ./...

# What an ordinary run leaves out: each script of real daemons on each release, with all of its
# lines, and each fault in each step of each command. VIRTPKI_RELEASES=bookworm narrows the first;
# RUN=TestE2E or RUN=TestFaults does one of the two.
matrix: RUN ?= TestE2E|TestFaults
matrix: go packages build/bin/step build/bin/step-ca
	VIRTPKI_RELEASES="$${VIRTPKI_RELEASES:-bullseye,bookworm,trixie,forky,virtproxyd}" VIRTPKI_FAULTS=all PATH="$(CURDIR)/build/bin:$$PATH" internal/lab/in-memory.sh $(GO) test -tags $(TAGS) -timeout 4h -parallel 6 -v -run '^($(RUN))$$' ./cmd/virtpki

check:
	test -z "$$(gofmt -l .)"
	$(GO) vet -tags $(TAGS) ./...
	$(GO) mod tidy -diff
	$(GO) run $(STATICCHECK) -tags $(TAGS) ./...
	$(GO) test -tags $(TAGS) -run TestWord .
	$(GO) -C bench vet ./...
	$(GO) -C bench mod tidy -diff
	cd bench && $(GO) run $(STATICCHECK) ./...

cross:
	@set -e; for p in $(PLATFORMS); do echo "build $$p"; \
	  GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -trimpath -tags $(TAGS) -ldflags '-s -w' -o /dev/null ./cmd/virtpki; done

# The reference is made from the commands themselves.
docs:
	UPDATE=1 $(GO) test -run TestReference ./cmd/virtpki

# The packages of a release, of HEAD, into build/dist.
dist: go build/bin/nfpm build/bin/cyclonedx-gomod
	PATH="$(CURDIR)/build/bin:$$PATH" sh packaging/dist.sh build/dist

# The packages of all architectures from two directories, compared, linted, and
# installed, used, upgraded, removed and purged on four Debian releases: some ten minutes.
dist-check: go packages build/bin/nfpm build/bin/cyclonedx-gomod
	@command -v ruby >/dev/null && command -v nix-instantiate >/dev/null || \
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ruby nix-bin
	PATH="$(CURDIR)/build/bin:$$PATH" VIRTPKI_DIST=all $(GO) test -timeout 60m -count=1 -v ./packaging

bench: build packages
	$(GO) test -run '^$$' -bench . ./pki ./dn ./internal/... ./cmd/virtpki
	bench/bootstrap.sh
	bench/crl.sh 1000 100000
	bench/renew.sh
	$(MAKE) bench-fleet

# Fleets against other tools and the bare work: some 20 minutes. FLEET='-sizes 10,100'
# narrows it; the tables go to stdout, the plot into docs.
bench-fleet: build build/bin/step
	@missing=$$(for p in easy-rsa golang-cfssl; do dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null | grep -q '^install ok installed$$' || echo $$p; done); \
	[ -z "$$missing" ] || DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing
	$(GO) -C bench build -o $(CURDIR)/build/fleet ./fleet
	build/fleet -svg docs/fleet.svg $(FLEET)

# A CA that step made is taken over in the tests, and a real step-ca signs; Debian has no
# package of them, nor of the two that make the packages.
build/bin/step: TOOL = $(STEP)
build/bin/step-ca: TOOL = $(STEP_CA)
build/bin/nfpm: TOOL = $(NFPM)
build/bin/cyclonedx-gomod: TOOL = $(CYCLONEDX)
build/bin/step build/bin/step-ca build/bin/nfpm build/bin/cyclonedx-gomod: | go
	GOBIN=$(CURDIR)/build/bin GOFLAGS=-trimpath $(GO) install $(TOOL)

# Go as go.mod wants it. From 1.21 on, Go fetches the release that it lacks by itself;
# like the modules it comes by https, for which a minimal Debian lacks the CAs.
go:
	@want=$$(sed -n 's/^go //p' go.mod); own=$$(GOTOOLCHAIN=local $(GO) env GOVERSION 2>/dev/null) || own=$$($(GO) version 2>/dev/null | cut -d ' ' -f 3); \
	if [ ! -d /etc/ssl/certs ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing ca-certificates"; \
	  apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends ca-certificates >/dev/null || exit 1; \
	fi; \
	have=$$($(GO) env GOVERSION) || have=; \
	[ "$$(printf '%s\n' "go$$want" "$${have:-go0}" | sort -V | head -n 1)" = "go$$want" ] || { \
	  echo "make: virtpki needs Go $$want or newer (here: $${own:-none}); unpack https://go.dev/dl/go$$want.linux-$$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/').tar.gz into /usr/local and run: make GO=/usr/local/go/bin/go" >&2; exit 1; }

packages:
	@if ! command -v dpkg-query >/dev/null; then \
	  missing=$$(for p in $(PROGRAMS); do command -v $$p >/dev/null || echo $$p; done); \
	  [ -z "$$missing" ] || { echo "make: the tests need these programs:" $$missing >&2; exit 1; }; exit 0; \
	fi; \
	missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null | grep -q '^install ok installed$$' || echo $$p; done); \
	[ -n "$$missing" ] || exit 0; \
	[ "$$(id -u)" = 0 ] || { echo "make: the tests need packages; as root: apt-get install" $$missing >&2; exit 1; }; \
	echo "installing" $$missing; \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing

clean:
	rm -rf build
