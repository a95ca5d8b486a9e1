# demo    the chat of examples/, on http://localhost:8080
# check   for one changed line, in two minutes: vet, the short tests, one official client
#         of each generation
# test    everything: vet, unit tests, the official clients against the binary
# model   random programs of clients that a model judges, MODEL_PROGRAMS on each topology
# bench   benchmarks
# compare emits a second from outside, beside the emitter and server of Node.js
# fuzz    every fuzz target in turn, FUZZTIME each
# clean   removes the files that the others leave behind

GO             ?= go
NPM            ?= npm
NODE           ?= node
FUZZTIME       ?= 20s
MODEL_PROGRAMS ?= 20
MODEL_SEED     ?= 1

GOTEST = $(GO) tool -modfile=tools/go.mod gotestsum --format pkgname --
E2E    = CADDY=$(CURDIR)/bin/caddy-race $(NODE) --test

.PHONY: demo check test vet unit race packages e2e examples cluster streams short-model model bench compare fuzz clean

demo:
	$(GO) run ./cmd/caddy run --config examples/Caddyfile

check: vet
	$(GO) test -short ./...
	$(GO) build -o bin/caddy ./cmd/caddy
	test -d test/e2e/node_modules || (cd test/e2e && $(NPM) ci)
	cd test/e2e && CADDY=$(CURDIR)/bin/caddy $(NODE) --test --test-reporter dot \
		--test-name-pattern '\(client [234], upgrade\)' connect.test.js messages.test.js rooms.test.js

test: vet unit e2e examples cluster streams short-model

vet:
	$(GO) vet ./...

unit:
	$(GOTEST) -race ./...

# The binary has the race detector in it, and a race fails the test that met it.
race:
	$(GO) build -race -o bin/caddy-race ./cmd/caddy

packages:
	cd test/e2e && $(NPM) ci
	cd test/cluster && $(NPM) ci
	cd test/streams && $(NPM) ci

e2e examples cluster streams: race packages
	cd test/$@ && $(E2E) *.test.js

short-model: race packages
	cd test/model && $(E2E) *.test.js

model: packages
	$(GO) build -o bin/caddy ./cmd/caddy
	cd test/model && CADDY=$(CURDIR)/bin/caddy MODEL_PROGRAMS=$(MODEL_PROGRAMS) MODEL_SEED=$(MODEL_SEED) $(NODE) --test *.test.js

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

compare:
	$(GO) build -o bin/caddy ./cmd/caddy
	cd test/e2e && $(NPM) ci
	cd test/e2e && CADDY=$(CURDIR)/bin/caddy $(NODE) emits.bench.js

fuzz:
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

clean:
	rm -rf bin test/*/node_modules examples/*/node_modules
