# make prints what can be done. Go and make are enough for run, build and test; what else a target needs it
# says, or fetches at a pinned version into .cache.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

GO ?= go
PYTHON ?= python3
FUZZTIME ?= 20s
# Requests that make openapi makes for each operation and phase.
EXAMPLES ?= 100
# Flags of go test for make test, such as -v or -run TestParity.
TESTFLAGS ?=
# The release being built, such as v1.2.3; empty: the commit that the toolchain records.
VERSION ?=

GOLANGCI_LINT := v2.15.0
GOVULNCHECK := v1.9.0

# The budgets of stripped binaries, in MB: a container or a function that starts cold reads all of its own.
SIZE_MB := 27
BOOTSTRAP_MB := 16
BOOTSTRAP_ZIPPED_MB := 6.5

# Where a release of besra runs, and how besra and its function are linked.
DIST := dist
RELEASES := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64
ldflags = -s -w$(if $(VERSION), -X main.version=$(VERSION))

golangci := .cache/bin/golangci-lint-$(GOLANGCI_LINT)
packages := . ./forest/... ./linear/... ./pipeline/... ./format/... ./internal/... ./cmd/... ./api/... ./deploy/...

# What make check does beside the tests, in this order. CI takes its steps from here.
checks := tidy generated lint cross arm64 size release-builds race fuzz bench-builds traces openapi golden clients

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## play the demo: payments through a real server, then keep serving
	@bin/besra demo

.PHONY: build
build: ## build bin/besra
	$(GO) build -trimpath -ldflags '$(ldflags)' -o bin/besra ./cmd/besra

.PHONY: bootstrap bootstrap-arm64 bootstrap-x86_64
bootstrap: bootstrap-arm64 bootstrap-x86_64 ## build besra as a function of AWS Lambda, beside bin/besra: for besra aws
bootstrap-arm64: GOARCH = arm64
bootstrap-x86_64: GOARCH = amd64
bootstrap-arm64 bootstrap-x86_64:
	GOOS=linux GOARCH=$(GOARCH) CGO_ENABLED=0 $(GO) build -trimpath -tags lambda.norpc,grpcnotrace -ldflags '$(ldflags)' -o bin/$@ ./cmd/bootstrap

.PHONY: release release-builds
release: bootstrap ## build dist/: besra for all platforms, its functions embedded, with SHA256SUMS (VERSION=v1.2.3)
	@test -n "$(VERSION)" || { echo "say which: make release VERSION=v1.2.3"; exit 1; }
	rm -rf $(DIST) cmd/besra/bootstraps
	mkdir -p $(DIST) cmd/besra/bootstraps
	for a in arm64 x86_64; do gzip -9 -n -c bin/bootstrap-$$a > cmd/besra/bootstraps/bootstrap-$$a.gz; done
	for p in $(RELEASES); do \
		GOOS=$${p%-*} GOARCH=$${p#*-} CGO_ENABLED=0 $(GO) build -trimpath -tags besra_release -ldflags '$(ldflags)' \
			-o $(DIST)/besra-$(VERSION)-$$p$$(case $$p in windows-*) echo .exe;; esac) ./cmd/besra; \
	done
	cd $(DIST) && sha256sum * > SHA256SUMS
release-builds: build ## check that a release packs the functions that it embeds
	$(MAKE) --no-print-directory release VERSION=v0.0.0 DIST=.cache/dist RELEASES="$$($(GO) env GOOS)-$$($(GO) env GOARCH)"
	cd .cache/dist && sha256sum --check --quiet SHA256SUMS
	for a in arm64 x86_64; do \
		.cache/dist/besra-v0.0.0-* aws package --arch $$a -o .cache/dist/embedded.zip; \
		bin/besra aws package --bootstrap bin/bootstrap-$$a -o .cache/dist/given.zip >/dev/null; \
		cmp .cache/dist/embedded.zip .cache/dist/given.zip; \
	done
	rm -rf .cache/dist cmd/besra/bootstraps

.PHONY: test
test: ## run all tests; with BESRA_REQUIRE=1 what a test cannot find fails it
	$(GO) test $(TESTFLAGS) ./...

.PHONY: check list-checks
check: test $(checks) ## run all that CI runs
list-checks:
	@echo $(checks)

.PHONY: lint fmt
lint: $(golangci) ## run the linters, which hold the floors of the house too
	$(golangci) run ./...
	if [ -d bench ]; then cd bench && ../$(golangci) run --config ../.golangci.yml ./...; fi
	if [ -d internal/traces ]; then cd internal/traces && ../../$(golangci) run --config ../../.golangci.yml ./...; fi
fmt: $(golangci) ## format the code
	$(golangci) fmt ./...

# Compiling it takes minutes, so each version is kept.
$(golangci):
	@mkdir -p .cache/bin
	GOBIN=$(CURDIR)/.cache/bin GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	mv .cache/bin/golangci-lint $@

.PHONY: tidy
tidy: ## check that go.mod and go.sum are tidy
	$(GO) mod tidy -diff
	if [ -d bench ]; then cd bench && $(GO) mod tidy -diff; fi
	if [ -d internal/traces ]; then cd internal/traces && $(GO) mod tidy -diff; fi

.PHONY: generate generated
generate: ## write the generated code anew
	$(GO) generate ./...
generated: ## check that the generated code is fresh
	@mkdir -p .cache
	{ grep -rlE --include='*.go' --exclude-dir=.cache '^// Code generated .* DO NOT EDIT\.$$' . ; ls deploy/monitoring/grafana/dashboards/*.json deploy/aws/template.yaml; } | xargs sha256sum > .cache/generated
	$(GO) generate ./...
	sha256sum --check --quiet .cache/generated

.PHONY: race
race: ## run the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short $(packages)

.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME (20s)
	@GO=$(GO) .ci/fuzz $(FUZZTIME)

.PHONY: cross
cross: ## build for linux/arm64, vet for macOS and Windows
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/besra
	GOOS=linux GOARCH=arm64 $(GO) vet $(packages)
	GOOS=darwin GOARCH=arm64 $(GO) vet $(packages)
	GOOS=windows GOARCH=amd64 $(GO) vet $(packages)

.PHONY: arm64
arm64: ## run the engine's tests as arm64, where Go may fuse a*b + c, under qemu-aarch64 (Debian: qemu-user)
	if ! command -v qemu-aarch64 >/dev/null && [ -z "$${BESRA_REQUIRE:-}" ]; then \
		echo "NOT RUN: there is no qemu-aarch64 here (Debian: qemu-user)"; exit 0; fi; \
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) test -short -timeout 15m -exec qemu-aarch64 . ./forest/... ./linear/... ./pipeline/... ./format/... ./internal/libm/...

.PHONY: size
size: build bootstrap ## hold the stripped binaries below their budgets, and show what takes most of a function's
	@GO=$(GO) .ci/size besra bin/besra $(SIZE_MB)
	@GO=$(GO) .ci/size bootstrap bin/bootstrap-arm64 arm64 $(BOOTSTRAP_MB) $(BOOTSTRAP_ZIPPED_MB)
	@GO=$(GO) .ci/size bootstrap bin/bootstrap-x86_64 amd64 $(BOOTSTRAP_MB) $(BOOTSTRAP_ZIPPED_MB)

.PHONY: traces
traces: ## follow requests from OpenTelemetry's SDK through besra and a store to the Collector's receiver
	if [ -d internal/traces ]; then cd internal/traces && $(GO) test -count=1 ./...; fi

.PHONY: openapi
openapi: build ## hold a running server against its own OpenAPI document (needs Python)
	@PYTHON=$(PYTHON) EXAMPLES=$(EXAMPLES) api/schemathesis.sh bin/besra

.PHONY: clients
clients: ## have curl, h2load, Python, Java, Go and a browser ask a running server, over TLS, with keys and certificates
	@GO=$(GO) PYTHON=$(PYTHON) .ci/clients

.PHONY: monitoring
monitoring: build ## serve the demo under load, with a Prometheus that looks at it (Debian: prometheus)
	@.ci/monitoring bin/besra

.PHONY: screenshots
screenshots: ## take the dashboard's screenshots for the documents, after five minutes of load: docs/img/dashboard-*.webp
	@BESRA_SCREENSHOTS=$(CURDIR)/docs/img GO=$(GO) PYTHON=$(PYTHON) .ci/clients 'TestScreenshots$$'

.PHONY: bench bench-builds
bench: ## the contests: engine beside XGBoost, server beside net/http, events beside rows, sharing, admission, telemetry, cold starts, overload (docs/benchmarks.md)
	bench/engine.sh
	bench/server.sh
	bench/events.sh
	bench/shared.sh
	bench/admission.sh
	bench/telemetry.sh
	bench/cold.sh
	bench/overload.sh
	bench/overload.sh -server besra -random -greedy=false
.PHONY: pgo
pgo: ## profile besra under load for the compiler, when the hot path has changed: cmd/besra/default.pgo
	bench/prepare.sh
	$(GO) build -pgo=off -o .cache/bench/besra ./cmd/besra
	cd bench && $(GO) build -pgo=off -o ../.cache/bench/pgo ./pgo
	.cache/bench/pgo .cache/bench/besra .cache/bench/models/B.ubj .cache/bench/models/B.rows cmd/besra/default.pgo
bench-builds:
	$(GO) vet -tags besra_muted ./internal/telemetry ./internal/score ./internal/app
	if [ -d bench ]; then cd bench && $(GO) vet ./...; fi

.PHONY: parity
parity: ## remake the parity cases with the pinned libraries (Python 3.11, 11 GB) and docs/parity.md
	testdata/make/xgboost.sh
	testdata/make/lightgbm.sh
	testdata/make/catboost.sh
	$(GO) test -count=1 -run TestParity . -update

.PHONY: golden
golden: build .cache/golden/requirements.txt ## fit a model with every library, write its golden rows, have besra prove them (needs Python 3.11 or newer)
	BESRA=$(CURDIR)/bin/besra .cache/golden/bin/python -m unittest discover -s training -p test_golden.py

.PHONY: zoo
zoo: build .cache/golden/requirements.txt ## fit the kinds of models that Triton's FIL tests itself with, on the CPU, and have besra prove them (a minute)
	.cache/golden/bin/python testdata/make/zoo.py bin/besra .cache/zoo

.cache/golden/requirements.txt: training/requirements-golden.txt
	rm -rf .cache/golden
	$(PYTHON) -m venv .cache/golden
	.cache/golden/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	cp $< $@

.PHONY: train
train: build .cache/training/requirements.txt ## simulate half a year of payments and train the demo model on it (needs Python 3.11 or newer)
	bin/besra simulate -o .cache/events.csv
	bin/besra features training/features.yaml .cache/events.csv --ignore-extra -o .cache/rows.csv
	.cache/training/bin/python training/train.py .cache/events.csv .cache/rows.csv

.cache/training/requirements.txt: training/requirements.txt
	rm -rf .cache/training
	$(PYTHON) -m venv .cache/training
	.cache/training/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	cp $< $@

.PHONY: vuln
vuln: ## look for known vulnerabilities that the code reaches (asks vuln.go.dev)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK) ./...

.PHONY: soak
soak: build ## serve under load for SOAK (10m): no error, no growth
	@.ci/soak bin/besra $${SOAK:-10m}

.PHONY: nightly
nightly: ## what takes longer than check: everything under the race detector, 200 crashes, long fuzzing, a soak, the contests
	CGO_ENABLED=1 $(GO) test -race -timeout 60m ./...
	$(GO) test -timeout 60m ./internal/libm -args -all
	BESRA_LINT_ALL=1 $(GO) test -count=1 ./deploy/aws/...
	BESRA_CRASHES=200 $(GO) test -count=1 -timeout 60m ./internal/crash
	$(MAKE) fuzz FUZZTIME=10m
	$(MAKE) zoo
	$(MAKE) soak SOAK=30m
	$(MAKE) bench
	$(MAKE) vuln

.PHONY: clean
clean: ## remove what was built; .cache stays
	rm -rf bin dist cmd/besra/bootstraps
