# Two commands do everything: `make demo` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup examples build demo test chaos bench lint doc clean

# Where cargo builds, which its users may have set.
BUILT := $(or $(CARGO_TARGET_DIR),target)

help: ## Show what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Install what this machine lacks
	@scripts/setup

examples: ## Build the static programs that images are made of
	@scripts/build-examples

build: ## Build everything
	@cargo build --quiet --workspace --bins

demo: setup examples build ## Show the main job on real servers and leave it running (ONCE=1: end by itself)
	@ONCE=$(ONCE) $(BUILT)/debug/backout-demo

lint: ## Check formatting, lints and, with cargo-deny, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; \
	else echo "cargo-deny is not installed: licences and advisories are not checked (cargo install cargo-deny)"; fi

doc: ## Build the documentation of the code
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

test: setup examples lint doc build ## Run every check
	cargo test --workspace --quiet

chaos: setup examples build ## Run the long form of the fault tests, and those with other tools' ledgers (needs npm)
	BACKOUT_TEST_CHAOS=1 cargo test --quiet -p backout-tests faults:: -- --include-ignored
	BACKOUT_TEST_CHAOS=1 cargo test --quiet -p backout-data-engine
	@scripts/ledger-tools
	cargo test --quiet -p backout-driver-mariadb -p backout-driver-mongodb -- --include-ignored

bench: setup examples ## Measure beside bare limits and peers, release build (ONLY="queue api")
	@crates/bench/peers/install
	@cargo build --quiet --release -p backout -p backout-bench
	@$(BUILT)/release/backout-bench $(ONLY)

clean: ## Remove what was built
	cargo clean
	rm -rf examples/cms-backend/target docker/maintenance-page/target
