# Needs Rust (https://rustup.rs), Go, make and a C compiler. Cargo and Go fetch or build the rest; what takes long to
# build is kept in a cache outside the checkout, which all checkouts share.

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
# A network that swallows packets must not hold anybody up; not every system has timeout.
BOUNDED := $(shell command -v timeout >/dev/null 2>&1 && echo timeout 120)

.PHONY: help
help: ## Print this list
	@echo "cwlink links ConnectWise PSA with Petra Security from Kubernetes."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "The first demo or test builds Kubernetes from Go modules: about four minutes on two cores, once."

.PHONY: demo
demo: control-plane ## Tell the story: five broken links and a good one, mended one by one
	$(BIN)/demo

.PHONY: demo-up
demo-up: control-plane ## The same control plane, services and broken links, left running for you to mend
	$(BIN)/demo --up

.PHONY: test
test: control-plane ## Run every test: units, generated histories, end to end against a real API server
	cargo test --workspace

# Longer histories of the rules; a kill at every change, each of a real process: make test kills at every change within
# its own process, and a tenth so; every wrong view, and two replicas, of every workload, of which make test has a part;
# and an abuser with five times as many links.
.PHONY: soak
soak: control-plane ## Histories of two million steps; every kill, view and replica of every workload: 40 minutes
	CWLINK_SOAK=1 cargo test --lib -p cwlink histories -- --nocapture
	CWLINK_SOAK=1 cargo test --test e2e -- crash:: views:: replicas:: tenants::abuse

TARGET ?= visit
SECONDS ?= 60
.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz one of fuzz/targets with the nightly compiler: make fuzz TARGET=visit SECONDS=60
	mkdir -p fuzz/corpus/$(TARGET)
	PATH="$(dir $(CARGO_FUZZ)):$$PATH" cargo +nightly fuzz run $(TARGET) fuzz/corpus/$(TARGET) $(wildcard fuzz/seeds/$(TARGET)) \
	  -- -max_total_time=$(SECONDS)

FILE ?=
.PHONY: mutants
mutants: $(CARGO_MUTANTS) ## Break the rules in every small way and see the tests fail: make mutants FILE=src/petra/answer.rs
	CARGO_INCREMENTAL=1 PROPTEST_CASES=100 PATH="$(dir $(CARGO_MUTANTS)):$$PATH" \
	  cargo mutants --package cwlink --jobs 1 $(if $(FILE),--re '^$(FILE):')

.PHONY: lint
lint: fmt-check clippy fuzz-check doc crds-check deny ## Everything that looks at the source: format, clippy, docs, licences, CRD

.PHONY: build
build: ## Build the operator and the tools of the tests
	cargo build --workspace

.PHONY: control-plane
control-plane: build ## Build etcd, kube-apiserver, kube-controller-manager and kubectl, once
	@$(BIN)/controlplane build

.PHONY: crds
crds: build ## Write crds/ from the Rust types
	$(BIN)/cwlink crd > crds/connectwiselinks.yaml.new
	mv crds/connectwiselinks.yaml.new crds/connectwiselinks.yaml

.PHONY: crds-check
crds-check: build ## Check that crds/ is what the Rust types say
	@$(BIN)/cwlink crd | diff -u crds/connectwiselinks.yaml - || { echo "crds/ is stale: run 'make crds'"; exit 1; }

.PHONY: fmt-check
fmt-check: ## Check the format of the source
	cargo fmt --all --check

.PHONY: clippy
clippy: ## Run clippy, every warning an error
	cargo clippy --workspace --all-targets -- -D warnings

# As clippy sees the rest; with the stable compiler, and without libFuzzer itself, which needs C++ and is only linked.
.PHONY: fuzz-check
fuzz-check: ## Check that the targets of make fuzz compile
	CUSTOM_LIBFUZZER_PATH=/dev/null RUSTFLAGS="--cfg fuzzing" cargo check --manifest-path fuzz/Cargo.toml --target-dir target/fuzz-check

.PHONY: doc
doc: ## Build the documentation of the code, private items too, every warning an error
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --workspace --no-deps --document-private-items

# The list of known vulnerabilities needs the network; licences and bans do not, and are checked in any case.
.PHONY: deny
deny: $(CARGO_DENY) ## Check dependencies: licences, bans, sources, known vulnerabilities
	$(CARGO_DENY) --locked check --hide-inclusion-graph licenses bans sources
	@if $(BOUNDED) $(CARGO_DENY) --locked fetch db >/dev/null 2>&1; \
	then $(CARGO_DENY) --locked --offline check advisories; \
	else echo "The list of known vulnerabilities cannot be fetched: they are NOT checked this time."; fi

$(CARGO_DENY):
	@echo "building cargo-deny $(CARGO_DENY_VERSION), once: about four minutes on two cores"
	cargo install cargo-deny --version $(CARGO_DENY_VERSION) --locked --debug --root $(CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)

$(CARGO_FUZZ):
	cargo install cargo-fuzz --version $(CARGO_FUZZ_VERSION) --locked --debug --root $(CACHE)/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)

$(CARGO_MUTANTS):
	cargo install cargo-mutants --version $(CARGO_MUTANTS_VERSION) --locked --debug --root $(CACHE)/tools/cargo-mutants-$(CARGO_MUTANTS_VERSION)

.PHONY: clean-cache
clean-cache: ## Remove what was built outside the checkout
	rm -rf -- "$(CACHE)"
