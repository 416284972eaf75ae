# Names only: each target calls what does the work.
.DEFAULT_GOAL := help
# Where rustup puts cargo, for a shell that has not been told yet.
export PATH := $(PATH):$(HOME)/.cargo/bin
# What the tests were built into: asked again instead of built anew.
BUILT := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/ci
# How long `make soak` and `make fuzz` go on.
MINUTES ?= 10
# Tests mostly wait for what they have started, so that more of them run than there are cores.
THREADS := $(shell echo $$(($$(nproc) * 3 / 2)))
.PHONY: help demo check quick test soak bench losses fuzz mutants guards differential conformance reference

help: ## what there is
	@grep -E '^[a-z]+:.* ##' $(MAKEFILE_LIST) | sed -e 's/:.*##/\t/' | expand -t 12

demo: ## watch traffic move between blue and green, with nothing lost
	@.ci/tools
	cargo build --profile ci --package teal
	$(BUILT)/teal demo

soak: ## MINUTES=10: full load, switches and faults without end; nothing may be lost
	@.ci/tools
	cargo build --profile ci --package teal
	$(BUILT)/teal drill --time $(MINUTES)m --rate 6000

check: ## format, lints, tidy
	@.ci/tools
	@.ci/stage --begin
	@.ci/stage format cargo fmt --all --check
	@.ci/stage clippy cargo clippy --workspace --all-targets -- -D warnings
	@.ci/stage tidy cargo run --quiet --package xtask -- tidy

quick: check ## while you work: check, unit tests, and one switch end to end
	@PROPTEST_CASES=200 .ci/stage 'unit tests' cargo test --workspace --lib --bins
	@.ci/stage 'a switch, end to end' cargo test --workspace --test e2e switch_under_load
	@.ci/stage --all

test: ## everything that must pass: format, lints, tidy, reference, all tests, instruction counts
	@.ci/tools test
	@.ci/stage --begin
	@.ci/stage format cargo fmt --all --check
	@.ci/stage 'format of fuzz' cargo fmt --manifest-path fuzz/Cargo.toml --check
	@.ci/stage clippy cargo clippy --workspace --all-targets --profile ci -- -D warnings
	@RUSTDOCFLAGS='-D warnings' .ci/stage doc cargo doc --workspace --no-deps --profile ci
	@.ci/stage build cargo test --workspace --profile ci --no-run
	@.ci/stage tidy $(BUILT)/xtask tidy
	@TEAL_BIN=$(BUILT)/teal .ci/stage reference $(BUILT)/xtask generate --check
	@.ci/stage fuzz cargo test --manifest-path fuzz/Cargo.toml --target-dir $(BUILT)/../fuzz --profile ci
	@RUST_TEST_THREADS=$(THREADS) .ci/stage tests cargo test --workspace --profile ci
	@# Every order of steps of a switch. Built apart, with libraries that are quick to build.
	@RUSTFLAGS="--cfg loom" .ci/stage loom cargo test --package traffic --test loom --profile ci \
		--config 'profile.ci.package."*".opt-level=1' --target-dir $(BUILT)/../loom
	@.ci/stage instructions cargo run --profile ci --package bench --bin instructions
	@.ci/stage --all

bench: ## measure Teal beside nginx, HAProxy and a bare relay; BENCH="--rows small" for one row
	@.ci/tools bench
	cargo build --release --package teal --package bench
	$(BUILT)/../release/bench --name $(shell date +%F) $(BENCH)

losses: ## what Teal, nginx and HAProxy lose at a switch, tried by teal drill
	@.ci/tools bench
	cargo build --release --package teal --package bench
	$(BUILT)/../release/losses --name $(shell date +%F)

fuzz: ## MINUTES=10: every parser, of requests, configuration, journal and commands, for so long
	@.ci/tools
	FUZZ_SECONDS=$$(($(MINUTES) * 60)) cargo test --manifest-path fuzz/Cargo.toml \
		--target-dir $(BUILT)/../fuzz --profile ci
	PROPTEST_CASES=$$(($(MINUTES) * 20000)) cargo test --profile ci --package config --package control \
		--package journal --package rules --package proxy --lib --test behavior --test journal_faults \
		--test histories -- any_input any_damage any_header whatever_is_asked

mutants: ## change the guards one by one: a test must notice each; results in docs/mutants.md
	@.ci/tools
	cargo install cargo-mutants --version 27.0.0 --locked --root $(BUILT)/../tools
	$(BUILT)/../tools/bin/cargo-mutants mutants --jobs 2 --timeout 10 --output $(BUILT)/../mutants

guards: ## take out each guard in guards/: the tests that it names must fail; GUARDS="R66 L4" for some
	@.ci/tools test
	cargo xtask guards $(GUARDS)

differential: ## attacks and certificates on nginx and HAProxy too; writes docs/differences.md and certificates.md
	@.ci/tools bench
	cargo test --package teal --test attacks --profile ci -- --ignored
	cargo test --package teal --test e2e --profile ci -- --ignored certificates_beside

conformance: ## servers, clients and suites of others against Teal; writes docs/conformance.md; CONFORMANCE="--only matrix"
	@.ci/tools conformance
	cargo build --profile ci --package teal --package conformance
	$(BUILT)/conformance --name $(shell date +%F) $(CONFORMANCE)

reference: ## write docs/reference from the code
	@.ci/tools
	cargo xtask generate
