# What developers and CI run. `make help` lists it; CONTRIBUTING.md explains it.
SHELL := /bin/bash
.DEFAULT_GOAL := build
JOBS ?= $(shell nproc)

help:            ## Lists the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

build:           ## Installs what the build needs; leaves build/release/quipu and quipu-sim
	@tools/install build
	@tools/build release quipu quipu-sim -j $(JOBS)

demo:            ## Builds, starts a service, counts a stream of views, shows the counts; Ctrl-C ends it
	@tools/install build demo
	@tools/build release quipu -j $(JOBS)
	@tools/demo

demo-distributed: ## Two API nodes and five workers over real Kafka, Cassandra and Redis: totals beside what was sent
	@tools/install build services
	@tools/build release quipu -j $(JOBS)
	@tools/demo_distributed

test:            ## Runs every test: plain, under ASan+UBSan, under TSan, dialogues, end to end, against real servers, fuzzers
	@tools/install build test services fuzz
	@tools/test -j $(JOBS)

unit:            ## Runs the unit tests of the release build alone
	@tools/install build test
	@tools/test -j $(JOBS) --only release

large:           ## What the table takes beside Redis, and 50 million counters in 256 MiB; takes long, prints its results
	@tools/install build test
	@tools/build release quipu -j $(JOBS)
	@python3 test/large/table.py bytes
	@python3 test/large/table.py bounded

bench:           ## Measures beside Redis and nginx, writes docs/benchmarks.md; QUESTION=resp_incr ROUNDS=3 takes a look
	@tools/install build bench
	@tools/build release quipu -j $(JOBS)
	@bench/run.py $(if $(QUESTION),--question $(QUESTION)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(PIN),--pin)

bench-distributed: ## Measures over real Kafka, Cassandra and Redis, writes docs/results/distributed.md; SECONDS=20 takes a look
	@tools/install build services bench
	@tools/build release quipu bench_cassandra -j $(JOBS)
	@bench/distributed/run.py --seconds $(or $(SECONDS),60) $(if $(SECONDS),,--write docs/results/distributed.md)

bench-services:  ## Measures PostgreSQL and Redis behind the store and beside an UPDATE for each event, writes docs/results/services.md
	@tools/install build services bench
	@tools/build release bench_services -j $(JOBS)
	@bench/services/run.py --write docs/results/services.md

bench-micro:     ## Measures single parts (codec, parsers, table, log), writes docs/benchmarks.md
	@tools/install build bench
	@tools/build release bench_micro -j $(JOBS)
	@bench/run.py --micro

check:           ## Format, layers, purity, docs and tidy rules; under a minute
	@tools/install lint
	@tools/check

format:          ## Formats all C++ sources in place
	@tools/install lint
	@tools/check --fix-format

sanitize-distributed: ## What talks to real servers under sanitizers: Redis and PostgreSQL under TSan, these, Kafka and Cassandra under ASan and UBSan
	@tools/install build test services
	@tools/sanitize_distributed -j $(JOBS)

lint:            ## clang-tidy over all sources, and every header compiled alone
	@tools/install build test lint
	@tools/build release drivers
	@tools/lint -j $(JOBS)

screenshots:     ## Takes the pictures of the page for the documentation
	@tools/install build test
	@tools/build release quipu -j $(JOBS)
	@python3 test/page/run.py --screenshots build/screenshots
	@mkdir -p docs/images
	@cp build/screenshots/page-wide-light.png build/screenshots/page-narrow-dark.png \
	  build/screenshots/page-counter.png docs/images/

overload:        ## Overloads the service for a minute on a slow disk, and says what it did
	@tools/install build test
	@tools/build release quipu -j $(JOBS)
	@QUIPU_OVERLOAD_SECONDS=60 test/e2e/run.py --only overload

chaos:           ## All 55 faults in both forms and the 28 pairs, those of one process for MINUTES (30); takes hours
	@$(MAKE) --no-print-directory --keep-going -j1 faults chaos-distributed faults-pairs MINUTES=$(or $(MINUTES),30)

chaos-distributed: ## The distributed form through all faults, 200,000 events each; takes long, writes docs/results/chaos.md and overcount.md
	@tools/install build test services
	@tools/build release quipu -j $(JOBS)
	@tools/build planted quipu -j $(JOBS)
	@test/chaos/run.py --all --write docs/results/chaos.md; code=$$?; test/faults/run.py --table && exit $$code

faults:          ## The embedded faults of docs/faults.md on the real program; writes their results
	@tools/install build test
	@tools/build release quipu -j $(JOBS)
	@tools/build planted quipu -j $(JOBS)
	@test/faults/run.py --all --write

faults-long:     ## 1,000 kills and 300 power cuts of the real program; takes some 20 minutes, writes docs/results/faults_long.md
	@tools/install build test
	@tools/build release quipu -j $(JOBS)
	@test/faults/long.py

soak:            ## An hour at 70 % of what the machine takes, killed at random; writes docs/results/soak.md; MINUTES=5 takes a look
	@tools/install build test
	@tools/build release quipu -j $(JOBS)
	@python3 -B test/soak/run.py --minutes $(or $(MINUTES),60) $(if $(MINUTES),,--write docs/results/soak.md)

faults-pairs:    ## Pairs of faults at once on the real program, seeds random; MINUTES=30 goes on for so long; writes docs/results/faults_pairs.md
	@tools/install build test
	@tools/build release quipu -j $(JOBS)
	@test/faults/pairs.py --minutes $(or $(MINUTES),2)

histories:       ## Records histories of both forms through kills, and has a checker of its own verify them; MINUTES=10 takes longer, and writes docs/results/histories.md
	@tools/install build test services
	@tools/build release quipu -j $(JOBS)
	@test/histories/long.py --minutes $(or $(MINUTES),2)

import-large:    ## Imports a log of 1 GB into a service; writes docs/results/import.md
	@tools/install build
	@tools/build release quipu -j $(JOBS)
	@tools/import_large --write docs/results/import.md

sim:             ## Simulates 20,000 seeds with faults of disk, log, store, clocks and clients; SEEDS=1..100000 takes more, JOBS=1 takes one core; writes docs/results/simulator.md
	@tools/install build
	@test/sim/run.py --hunt $(or $(SEEDS),1..20000) --jobs $(JOBS) --write docs/results/simulator.md

fuzz:            ## Runs each fuzzer for 10 minutes; MINUTES=60 goes on for longer
	@tools/install build fuzz
	@test/fuzz/run.py --jobs $(JOBS) --seconds $$(( $(or $(MINUTES),10) * 60 ))

planted:         ## Plants each known bug and has the simulator catch it; writes docs/results/planted.md
	@tools/install build
	@test/sim/run.py --bugs-only --write docs/results/planted.md

coverage:        ## What the unit tests and the simulator run, and which test passes which rare branch; writes docs/results/coverage.md
	@tools/install build test services coverage
	@tools/coverage -j $(JOBS)

clean:           ## Removes everything that was built
	@rm -rf build

.PHONY: sanitize-distributed soak chaos chaos-distributed coverage histories sim planted fuzz help build demo demo-distributed test unit large check format lint screenshots clean overload import-large bench bench-micro bench-services bench-distributed faults faults-long faults-pairs
