# demo    the chat of examples/, on http://localhost:8080
# test    everything: vet, unit tests, the official clients against the binary
# bench   benchmarks
# compare emits a second from outside, beside Node's emitter and server
# fuzz    every fuzz target in turn, FUZZTIME each
# clean   what the others leave behind

GO       ?= go
NPM      ?= npm
NODE     ?= node
FUZZTIME ?= 20s

.PHONY: demo test vet unit e2e bench compare fuzz clean

demo:
	$(GO) run ./cmd/caddy run --config examples/Caddyfile

test: vet unit e2e

vet:
	$(GO) vet ./...

unit:
	$(GO) test -race ./...

# The binary has the race detector in it, and a race fails the test that met it.
e2e:
	$(GO) build -race -o bin/caddy-race ./cmd/caddy
	cd test/e2e && $(NPM) ci
	cd test/e2e && CADDY=$(CURDIR)/bin/caddy-race $(NODE) --test *.test.js
	cd test/examples && CADDY=$(CURDIR)/bin/caddy-race $(NODE) --test *.test.js
	cd test/cluster && $(NPM) ci
	cd test/cluster && CADDY=$(CURDIR)/bin/caddy-race $(NODE) --test *.test.js
	cd test/streams && $(NPM) ci
	cd test/streams && CADDY=$(CURDIR)/bin/caddy-race $(NODE) --test *.test.js

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
	rm -rf bin test/*/node_modules
