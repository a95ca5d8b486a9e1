# demo    the chat of examples/, on http://localhost:8080
# check   for one changed line, in two minutes: vet, the short tests, one official client
#         of each generation
# fmt     formats the Go code and applies the fixes of "go fix"
# lint    vet, staticcheck, dead code, formatting, known vulnerabilities if vuln.go.dev replies
# vet-all vet without the race detector, and for macOS and Windows: it compiles Caddy for each,
#         in minutes
# vulns   known vulnerabilities in dependencies: fails without vuln.go.dev, or the mirror in GOVULNDB
# test    everything: vet, unit tests, the official clients against the binary
# faults  the tests that make configs, Redis, backends, disks and networks fail; part of unit,
#         but for the clock that is set back and forth: it compiles Go's standard library
# deploy  the files of examples/deploy and examples/monitoring, with their tools
# patterns seven applications as Node.js servers and as Caddyfiles, with their lines of code
# model   random programs of clients that a model judges, MODEL_PROGRAMS on each topology
# soak    a mixed load for TIME on a Caddy, which must lose nothing and not grow: the table and
#         the plot are in bin/soak
# bench   benchmarks
# bench-peers  this Caddy beside Node.js, Centrifuge and raw writes: docs/performance.md, in
#         sixteen minutes; BENCH takes flags, like BENCH='-rounds 4 -scenarios ack,idle'
# bench-quick  this Caddy beside Node.js, Centrifuge and raw writes, in two minutes,
#         only printed
# bench-guard  allocations and times of hot paths beside bench/guard.txt; UPDATE=1 writes it
# bench-check  lints and tests bench/, a module of its own
# compare emits a second from outside, beside the emitter and server of Node.js
# fuzz    every fuzz target in turn, FUZZTIME each; some ask the official parsers of Node.js
# release Caddy with this module for each platform, with a list of its modules (CycloneDX), in dist/
# clean   removes the files that the others leave behind

GO             ?= go
NPM            ?= npm
NODE           ?= node
FUZZTIME       ?= 20s
TIME           ?= 15m
MODEL_PROGRAMS ?= 20
MODEL_SEED     ?= 1
VERSION        ?= $(shell git describe --tags --always)
PLATFORMS      ?= linux/amd64 linux/arm64 linux/arm darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 freebsd/amd64

TOOL   = $(GO) tool -modfile=tools/go.mod
GOTEST = $(TOOL) gotestsum --format pkgname --
PACKAGES = test/e2e test/patterns test/cluster test/streams test/examples examples/express test/openapi test/deploy
E2E    = CADDY=$(CURDIR)/bin/caddy-race $(NODE) --test

# empty runs a command that prints the faults it finds, and fails if it prints any.
empty = @echo '$(1)'; out=$$($(1) 2>&1); if [ -n "$$out" ]; then echo "$$out"; exit 1; fi

.PHONY: demo check fmt lint staticcheck deadcode govulncheck format-check fix-check vet-all vulns test vet vet-race unit faults race packages e2e examples patterns cluster streams openapi deploy short-model model soak bench bench-build bench-peers bench-quick bench-guard bench-check compare fuzz release clean

demo:
	$(GO) run ./cmd/caddy run --config examples/Caddyfile

check: vet
	$(GO) test -short ./...
	$(GO) build -o bin/caddy ./cmd/caddy
	test -d test/e2e/node_modules || (cd test/e2e && $(NPM) ci)
	cd test/e2e && CADDY=$(CURDIR)/bin/caddy $(NODE) --test --test-reporter dot \
		--test-name-pattern '\(client [234], upgrade\)' connect.test.js messages.test.js rooms.test.js

fmt:
	$(GO) fix ./...
	git ls-files '*.go' | xargs $(TOOL) gofumpt -w

# Vet, staticcheck and "go fix" read compiled packages: the ones with the race detector, which
# the tests need too, so that nothing is compiled twice. deadcode and govulncheck use one
# processor most of the time: they run beside the others.
lint: vet-race
	@$(MAKE) --no-print-directory -j2 staticcheck deadcode govulncheck format-check fix-check

# The tool itself is built without the race detector.
staticcheck:
	GOFLAGS="$$($(GO) env GOFLAGS) -race" $$($(TOOL) -n staticcheck) ./...

deadcode:
	$(call empty,$(TOOL) deadcode -test ./... | grep -v 'unreachable func: Example')

govulncheck:
	@echo '$(TOOL) govulncheck ./...'; out=$$($(TOOL) govulncheck ./... 2>&1); code=$$?; case "$$out" in \
		*'fetching vulnerabilities'*) echo 'SKIPPED: vuln.go.dev cannot be reached, so vulnerabilities were not looked for' ;; \
		*) if [ $$code -ne 0 ]; then echo "$$out"; exit $$code; fi ;; \
	esac

format-check:
	$(call empty,git ls-files '*.go' | xargs $(TOOL) gofumpt -d)

fix-check:
	$(call empty,$(GO) fix -race -diff ./...)

vet-all: vet
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...

vulns:
	$(TOOL) govulncheck ./...

test: vet-race unit e2e examples patterns cluster streams openapi deploy short-model

vet:
	$(GO) vet ./...

vet-race:
	$(GO) vet -race ./...

# The longest package is the first, so that the others run beside it. vet-race has vetted all.
unit: vet-race
	$(GOTEST) -race -vet=off ./test/hostile $$($(GO) list ./... | grep -v -e /test/hostile -e /test/faults)
	$(GOTEST) -race -vet=off ./test/faults

faults:
	FAULTS_CLOCK=1 $(GO) test -race -count=1 -timeout 30m -v ./test/faults

# The binary has the race detector in it, and a race fails the test that met it.
race:
	$(GO) build -race -o bin/caddy-race ./cmd/caddy

# npm writes the file that make compares with the lock file. Installing waits for the network
# most of the time: four packages at once are quicker.
packages:
	@$(MAKE) --no-print-directory -j4 $(PACKAGES:%=%/node_modules/.package-lock.json)

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && $(NPM) ci --prefer-offline --no-audit --no-fund
	@touch $@

# Node.js runs one test file at a time on two processors. Each of these files has its own
# Caddys, and waits for them most of the time. The files of openapi and deploy use the same
# ports.
e2e examples patterns cluster streams: race packages
	cd test/$@ && $(E2E) --test-concurrency=2 *.test.js

openapi deploy: race packages
	cd test/$@ && $(E2E) *.test.js

short-model: race packages
	cd test/model && $(E2E) *.test.js

model: packages
	$(GO) build -o bin/caddy ./cmd/caddy
	cd test/model && CADDY=$(CURDIR)/bin/caddy MODEL_PROGRAMS=$(MODEL_PROGRAMS) MODEL_SEED=$(MODEL_SEED) $(NODE) --test *.test.js

soak:
	$(GO) build -o bin/caddy ./cmd/caddy
	$(GO) build -o bin/soak-load ./test/soak
	test -d test/e2e/node_modules || (cd test/e2e && $(NPM) ci)
	bin/soak-load -time $(TIME) -caddy bin/caddy -node $(NODE) -out bin/soak

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Caddy has one more admin route here, which collects garbage: see cmd/caddy/bench.go.
bench-build:
	$(GO) build -tags bench -o bin/caddy-bench ./cmd/caddy
	$(GO) build -C bench -o $(CURDIR)/bin/bench-load .
	test -d bench/node/node_modules || (cd bench/node && $(NPM) ci)

bench-peers: bench-build
	cd bench && ../bin/bench-load -out ../bin/bench/results.json -page ../docs/performance.md $(BENCH)

bench-quick: bench-build
	cd bench && ../bin/bench-load -quick -rounds 1 $(BENCH)

bench-guard:
	cd bench && $(GO) run ./guard $(if $(UPDATE),-update)

bench-check:
	cd bench && $(GO) vet ./... && $(GO) tool -modfile=../tools/go.mod staticcheck ./... && $(GO) test ./...
	$(call empty,cd bench && $(GO) tool -modfile=../tools/go.mod deadcode -test ./...)
	$(call empty,cd bench && $(GO) fix -diff ./...)

compare:
	$(GO) build -o bin/caddy ./cmd/caddy
	cd test/e2e && $(NPM) ci
	cd test/e2e && CADDY=$(CURDIR)/bin/caddy $(NODE) emits.bench.js

fuzz:
	test -d test/e2e/node_modules || (cd test/e2e && $(NPM) ci)
	@export OFFICIAL_PARSERS=$(CURDIR)/test/e2e/parsers.js; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$package || exit 1; \
		done; \
	done

# VERSION is recorded in the archive's name only: Go records the commit in the binary.
release:
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/} ext=; \
		if [ $$os = windows ]; then ext=.exe; fi; \
		name=caddy-socketio_$(VERSION)_$${os}_$$arch; \
		echo $$name; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags '-s -w' -o dist/$$name/caddy$$ext ./cmd/caddy || exit 1; \
		$(TOOL) cyclonedx-gomod bin -json -std -version $(VERSION) -output dist/$$name.cdx.json dist/$$name/caddy$$ext || exit 1; \
		cp LICENSE README.md dist/$$name/ && tar -czf dist/$$name.tar.gz -C dist $$name && rm -r dist/$$name || exit 1; \
	done
	cd dist && sha256sum *.tar.gz *.cdx.json >checksums.txt

clean:
	rm -rf bin dist test/openapi/testdata test/*/node_modules examples/*/node_modules
