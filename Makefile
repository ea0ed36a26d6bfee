# Requires Rust (https://rustup.rs), Go, make and a C compiler. Cargo and Go fetch or build the rest. What takes long to
# build is in a cache outside the checkout, which all checkouts share.

.DEFAULT_GOAL := help
SHELL := /bin/sh

CACHE := $(or $(CWLINK_CACHE),$(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME)/cwlink),$(HOME)/.cache/cwlink)
BIN := $(or $(CARGO_TARGET_DIR),target)/debug

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := $(CACHE)/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
CARGO_MUTANTS_VERSION := 27.1.0
CARGO_MUTANTS := $(CACHE)/tools/cargo-mutants-$(CARGO_MUTANTS_VERSION)/bin/cargo-mutants
# A network that drops packets must not block the command. Some systems do not have timeout.
BOUNDED := $(shell command -v timeout >/dev/null 2>&1 && echo timeout 120)

.PHONY: help
help: ## Print this list
	@echo "cwlink links ConnectWise PSA with Petra Security from Kubernetes."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "The first demo or test builds Kubernetes from Go modules, which takes about four minutes on two cores."

.PHONY: demo
demo: control-plane ## Run the demo: one valid link and five with a problem, fixed one by one
	$(BIN)/demo

.PHONY: demo-up
demo-up: control-plane ## Start the demo with its five problems, and keep it running for you to try
	$(BIN)/demo --up

.PHONY: test
test: control-plane ## Run every test: unit tests, generated histories, end-to-end tests with a real API server
	cargo test --workspace

# Longer histories of the rules. A kill at every change, each of a real process: make test kills at every change in its
# own process, and only one tenth of a real process. Every wrong view and two replicas for every workload: make test runs
# a part. An abusive user with five times as many links.
.PHONY: soak
soak: control-plane ## Run longer tests (40 minutes): histories of two million steps, every kill, view and replica
	CWLINK_SOAK=1 cargo test --lib -p cwlink histories -- --nocapture
	CWLINK_SOAK=1 cargo test --test e2e -- crash:: api_views:: replicas:: tenants::abuse

TARGET ?= visit
SECONDS ?= 60
.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz one of fuzz/targets with the nightly compiler: make fuzz TARGET=visit SECONDS=60
	mkdir -p fuzz/corpus/$(TARGET)
	PATH="$(dir $(CARGO_FUZZ)):$$PATH" cargo +nightly fuzz run $(TARGET) fuzz/corpus/$(TARGET) $(wildcard fuzz/seeds/$(TARGET)) \
	  -- -max_total_time=$(SECONDS)

FILE ?=
.PHONY: mutants
mutants: $(CARGO_MUTANTS) ## List small changes of the rules that no test detects: make mutants FILE=src/petra/answer.rs
	CARGO_INCREMENTAL=1 PROPTEST_CASES=100 PATH="$(dir $(CARGO_MUTANTS)):$$PATH" \
	  cargo mutants --package cwlink --jobs 1 $(if $(FILE),--re '^$(FILE):')

.PHONY: lint
lint: fmt-check clippy fuzz-check doc crds-check deny ## Run every check of the source: format, clippy, docs, licences, CRD

.PHONY: build
build: ## Build the operator and the test tools
	cargo build --workspace

.PHONY: control-plane
control-plane: build ## Build etcd, kube-apiserver, kube-controller-manager and kubectl, if they are not in the cache
	@$(BIN)/controlplane build

.PHONY: crds
crds: build ## Generate crds/ from the Rust types
	$(BIN)/cwlink crd > crds/connectwiselinks.yaml.new
	mv crds/connectwiselinks.yaml.new crds/connectwiselinks.yaml

.PHONY: crds-check
crds-check: build ## Check that crds/ matches the Rust types
	@$(BIN)/cwlink crd | diff -u crds/connectwiselinks.yaml - || { echo "crds/ is stale: run 'make crds'"; exit 1; }

.PHONY: fmt-check
fmt-check: ## Check the format of the source
	cargo fmt --all --check

.PHONY: clippy
clippy: ## Run clippy; every warning is an error
	cargo clippy --workspace --all-targets -- -D warnings

# The same check as clippy for the rest. It uses the stable compiler, and does not build libFuzzer, which requires C++ and
# is only linked.
.PHONY: fuzz-check
fuzz-check: ## Check that the fuzz targets compile
	CUSTOM_LIBFUZZER_PATH=/dev/null RUSTFLAGS="--cfg fuzzing" cargo check --manifest-path fuzz/Cargo.toml --target-dir target/fuzz-check

.PHONY: doc
doc: ## Build the documentation of the code, with private items; every warning is an error
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --workspace --no-deps --document-private-items

# Only the list of known vulnerabilities requires the network. Licences and bans are always checked.
.PHONY: deny
deny: $(CARGO_DENY) ## Check dependencies: licences, bans, sources, known vulnerabilities
	$(CARGO_DENY) --locked check --hide-inclusion-graph licenses bans sources
	@if $(BOUNDED) $(CARGO_DENY) --locked fetch db >/dev/null 2>&1; \
	then $(CARGO_DENY) --locked --offline check advisories; \
	else echo "Cannot fetch the list of known vulnerabilities. Known vulnerabilities are NOT checked."; fi

$(CARGO_DENY):
	@echo "Building cargo-deny $(CARGO_DENY_VERSION): about four minutes on two cores, once"
	cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --debug --root $(CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)

$(CARGO_FUZZ):
	cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --debug --root $(CACHE)/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)

$(CARGO_MUTANTS):
	cargo install cargo-mutants --version $(CARGO_MUTANTS_VERSION) --locked --debug --root $(CACHE)/tools/cargo-mutants-$(CARGO_MUTANTS_VERSION)

.PHONY: clean-cache
clean-cache: ## Delete the cache outside the checkout
	rm -rf -- "$(CACHE)"
