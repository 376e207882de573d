# virtpki: what a developer types. Everything here works on a fresh Debian with
# Go, gcc, make and git; the tests install what else they need, as root.

GO        ?= go
TESTFLAGS ?=
PACKAGES  := gcc libc6-dev libglib2.0-dev libgnutls28-dev pkg-config \
             gnutls-bin iproute2 libvirt-clients libvirt-daemon mmdebstrap opensc openssl \
             p11-kit softhsm2 strace swtpm
STEP      := github.com/smallstep/cli/cmd/step@v0.28.7
STEP_CA   := github.com/smallstep/certificates/cmd/step-ca@v0.30.2
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64

.PHONY: build demo test matrix check cross docs bench bench-fleet packages clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o build/virtpki ./cmd/virtpki

# The main job, into a throwaway root.
demo: build
	rm -rf build/demo
	build/virtpki bootstrap --root build/demo --name 'Example Org' --hostname localhost --san 127.0.0.1 --client admin --allow-dn 'O=Example Org,CN=admin'
	@echo
	build/virtpki list --root build/demo
	@echo
	cat build/demo/etc/libvirt/libvirtd.conf

# Every test: the rules, the scripts, and real libvirtd of four Debian releases.
test: packages build/bin/step build/bin/step-ca
	PATH="$(CURDIR)/build/bin:$$PATH" $(GO) test -timeout 80m -p 3 -parallel 6 $(TESTFLAGS) ./...

# The real daemons alone. VIRTPKI_RELEASES=bookworm narrows them.
matrix: packages build/bin/step build/bin/step-ca
	PATH="$(CURDIR)/build/bin:$$PATH" $(GO) test -timeout 80m -parallel 6 -v -run TestE2E ./cmd/virtpki

check:
	test -z "$$(gofmt -l .)"
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -run TestWord .
	$(GO) -C bench vet ./...
	$(GO) -C bench mod tidy -diff
	cd bench && $(GO) run $(STATICCHECK) ./...

cross:
	@set -e; for p in $(PLATFORMS); do echo "build $$p"; \
	  CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -o /dev/null ./cmd/virtpki; done

# The reference is made from the commands themselves.
docs:
	UPDATE=1 $(GO) test -run TestReference ./cmd/virtpki

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

# A CA that step made is taken over in the tests; Debian has no package of it.
build/bin/step:
	GOBIN=$(CURDIR)/build/bin CGO_ENABLED=0 $(GO) install $(STEP)

# A real step-ca signs in the tests of issuers.
build/bin/step-ca:
	GOBIN=$(CURDIR)/build/bin CGO_ENABLED=0 $(GO) install $(STEP_CA)

packages:
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${Status}\n' $$p 2>/dev/null | grep -q '^install ok installed$$' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	  echo "installing" $$missing; \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; \
	fi

clean:
	rm -rf build
