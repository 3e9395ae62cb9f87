# The work sits in scripts/; this is the list of what there is to do. `make help` prints it.

PREFIX ?= /usr
export DESTDIR PREFIX

.DEFAULT_GOAL := help
.PHONY: help deps build demo test soak check lint format bench bench-dedup bench-scale bench-tracker install uninstall clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

deps: ## install what Cairn is built on, tested with and run with (Debian, as root)
	@scripts/install-dependencies build run test

build: ## release binaries in .build/release
	@scripts/install-dependencies build
	@scripts/build-release

demo: ## start Cairn in a directory of its own, run a real training job on it, clean up
	@scripts/install-dependencies build run demo
	@scripts/build-release
	@scripts/demo

test: ## all tests, those of real mounts and containers too (as root)
	@scripts/install-dependencies build run test
	@scripts/test

soak: ## hundreds of short jobs while daemons are killed, for SOAK_SECONDS (default 240)
	@scripts/install-dependencies build run
	@scripts/build-release
	@scripts/soak $(SOAK_SECONDS)

check: ## what CI does: lint, build without warnings, all tests
	@bash .ci/run

lint: ## formatting, shell scripts, layers, links, systemd units
	@scripts/install-dependencies lint
	@scripts/lint

format: ## mend the formatting
	@swift format --in-place --parallel --recursive Sources Tests Benchmarks Package.swift

bench: ## Cairn beside ext4 and other FUSE file systems; BENCH_OPTIONS=--quick takes a minute or two
	@scripts/install-dependencies build run bench
	@scripts/build-release
	@scripts/bench $(BENCH_OPTIONS)

bench-dedup: ## bytes and speed beside restic and borg; BENCH_OPTIONS=3 for fewer versions
	@scripts/install-dependencies build run dedup
	@scripts/build-release
	@scripts/bench-dedup $(BENCH_OPTIONS)

bench-scale: ## the daemon on ten million files; BENCH_OPTIONS=200000 for fewer
	@scripts/install-dependencies build run
	@scripts/build-release
	@scripts/bench-scale $(BENCH_OPTIONS)

bench-tracker: ## Cairn's tracker beside `mlflow server`; BENCH_OPTIONS=--quick takes two minutes
	@scripts/install-dependencies build run test
	@scripts/install-test-clients
	@scripts/build-release
	@scripts/bench-tracker $(BENCH_OPTIONS)

install: build ## binaries, configuration, systemd units, completions (DESTDIR, PREFIX=/usr)
	@scripts/install

uninstall: ## remove what install brought; configuration and data stay
	@scripts/uninstall

clean: ## remove what was built
	@rm -rf .build
