# Names only: each target calls the program that does the work.
.DEFAULT_GOAL := help
# The directory where rustup puts cargo, for a shell without it in PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin
# The build directory of the tests: its programs are reused instead of rebuilt.
BUILT := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/ci
# The duration of `make soak` and `make fuzz`.
MINUTES ?= 10
# More test threads than cores, because tests mostly wait, for deadlines and for the processes they have started.
THREADS := $(shell echo $$(($$(nproc) * 2)))
.PHONY: help demo check quick test soak bench losses fuzz mutants guards differential conformance reference site packages web

help: ## list these targets
	@grep -E '^[a-z]+:.* ##' $(MAKEFILE_LIST) | sed -e 's/:.*##/\t/' | expand -t 14

demo: ## watch traffic move between blue and green without loss; with DEPLOY=1 by `teal deploy`
	@.ci/tools
	@.ci/web --if-possible
	cargo build --profile ci --package teal
	$(BUILT)/teal demo $(if $(DEPLOY),--deploy)

soak: ## full load, switches and faults for MINUTES=10; nothing may be lost
	@.ci/tools
	cargo build --profile ci --package teal
	$(BUILT)/teal drill --time $(MINUTES)m --rate 6000

check: ## check format, lints and tidy
	@.ci/tools
	@.ci/stage --begin
	@.ci/stage format cargo fmt --all --check
	@.ci/stage clippy cargo clippy --workspace --all-targets -- -D warnings
	@.ci/stage tidy cargo run --quiet --package xtask -- tidy

quick: check ## for use while you work: check, unit tests, and one end-to-end switch
	@PROPTEST_CASES=200 .ci/stage 'unit tests' cargo test --workspace --lib --bins
	@.ci/stage 'a switch, end to end' cargo test --workspace --test e2e switch_under_load
	@.ci/stage --all

test: ## run everything that must pass: format, lints, tidy, reference, all tests, instruction counts
	@.ci/tools test
	@.ci/stage --begin
	@.ci/stage format cargo fmt --all --check
	@.ci/stage console .ci/web --test
	@.ci/stage 'format of fuzz' cargo fmt --manifest-path fuzz/Cargo.toml --check
	@.ci/stage clippy cargo clippy --workspace --all-targets --profile ci -- -D warnings
	@RUSTDOCFLAGS='-D warnings' .ci/stage doc cargo doc --workspace --no-deps --profile ci
	@.ci/stage build cargo test --workspace --profile ci --no-run
	@.ci/stage tidy $(BUILT)/xtask tidy
	@TEAL_BIN=$(BUILT)/teal .ci/stage reference $(BUILT)/xtask generate --check
	@.ci/stage fuzz cargo test --manifest-path fuzz/Cargo.toml --target-dir $(BUILT)/../fuzz --profile ci
	@RUST_TEST_THREADS=$(THREADS) .ci/stage tests cargo test --workspace --profile ci
	@# All interleavings of a switch's steps. Built separately, with dependencies optimized little.
	@RUSTFLAGS="--cfg loom" .ci/stage loom cargo test --package traffic --test loom --profile ci \
		--config 'profile.ci.package."*".opt-level=1' --target-dir $(BUILT)/../loom
	@.ci/stage instructions $(BUILT)/instructions
	@.ci/stage --all

bench: ## measure Teal against nginx, HAProxy and a bare relay; BENCH="--rows small" for one row
	@.ci/tools bench
	cargo build --release --package teal --package bench
	$(BUILT)/../release/bench --name $(shell date +%F) $(BENCH)

losses: ## count what Teal, nginx and HAProxy lose during switches, with teal drill
	@.ci/tools bench
	cargo build --release --package teal --package bench
	$(BUILT)/../release/losses --name $(shell date +%F)

fuzz: ## fuzz the parsers of requests, configuration, journal and commands for MINUTES=10
	@.ci/tools
	FUZZ_SECONDS=$$(($(MINUTES) * 60)) cargo test --manifest-path fuzz/Cargo.toml \
		--target-dir $(BUILT)/../fuzz --profile ci
	PROPTEST_CASES=$$(($(MINUTES) * 20000)) cargo test --profile ci --package config --package control \
		--package journal --package rules --package proxy --lib --test behavior --test journal_faults \
		--test histories -- any_input any_damage any_header whatever_is_asked

mutants: ## mutate the guards one by one: a test must catch each; results in docs/mutants.md
	@.ci/tools
	cargo install cargo-mutants --version 27.0.0 --locked --root $(BUILT)/../tools
	$(BUILT)/../tools/bin/cargo-mutants mutants --jobs 2 --timeout 10 --output $(BUILT)/../mutants

guards: ## remove each guard in guards/: the tests that it names must fail; GUARDS="R66 L4" for some
	@.ci/tools test
	cargo xtask guards $(GUARDS)

differential: ## try attacks and certificates on nginx and HAProxy, too; writes docs/differences.md and certificates.md
	@.ci/tools bench
	cargo test --package teal --test attacks --profile ci -- --ignored
	cargo test --package teal --test e2e --profile ci -- --ignored certificates_beside

conformance: ## run third-party servers, clients and suites against Teal; writes docs/conformance.md; CONFORMANCE="--only matrix"
	@.ci/tools conformance
	cargo build --profile ci --package teal --package conformance
	$(BUILT)/conformance --name $(shell date +%F) $(CONFORMANCE)

web: ## build the console, which the next build of Teal takes in
	@.ci/web

packages: ## make the .deb, tarball, image directory, SBOM and checksums in target/packages; ARCH=arm64 for that
	@.ci/tools packages
	@.ci/web
	cargo xtask packages $(if $(ARCH),--arch $(ARCH))

reference: ## generate docs/reference from the code
	@.ci/tools
	cargo xtask generate

site: ## build the documentation as a web site in target/site, with mdBook
	@.ci/tools site
	.ci/site
