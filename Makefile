# Two commands do everything on a machine that has Python 3.11 or newer and a C compiler:
#
#     make serve DIR=/path/to/monorepo
#     make test
#
# Each step leaves a stamp, so that a step whose inputs did not change costs nothing.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PHASE := .ci/phase

# Which kernels to build: fast, or what SMARTTREE_DEBUG asks for (1, asan; see setup.py).
VARIANT := $(or $(filter-out 0,$(SMARTTREE_DEBUG)),fast)
BUILT := build/.built-$(VARIANT)
# Other people's judges of the described API, in an environment of their own: they bring a program named `st`.
JUDGES := build/described/.installed
KERNELS := $(wildcard smarttree/*.pyx)
STUBTEST := --ignore-disjoint-bases --allowlist .ci/stubtest-allow.txt --ignore-unused-allowlist
KERNEL_PARTS := $(wildcard smarttree/*.pxd smarttree/*.pxi smarttree/*.h)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: serve
serve: build ## serve a directory: make serve DIR=/path [ARGS="--port 3000"]
	@if [[ -z "$(DIR)" ]]; then echo 'Which directory? Say: make serve DIR=/path/to/monorepo' >&2; exit 2; fi
	@exec $(BIN)/st --serve "$(DIR)" $(ARGS)

.PHONY: build
build: $(BUILT) ## make the environment and the extensions; leaves .venv/bin/st

.PHONY: test
test: system-packages lint pytest test-clients $(if $(CI),fuzz-short) ## everything: lint, then every test [T="pytest arguments"]

.PHONY: pytest
pytest: $(BUILT) $(VENV)/.test tests/node/node_modules/.installed $(if $(CI),$(VENV)/.bench $(JUDGES)) ## the tests alone [T="-k stream"]
	@$(PHASE) tests $(BIN)/python -m pytest $(T)

CLIENTS = js python rust go

.PHONY: test-clients $(CLIENTS:%=client-%)
test-clients: $(CLIENTS:%=client-%) ## the client libraries: each one's own checks, then the contract that all keep [T="-k rust"]
	@$(PHASE) "contract of the clients" $(BIN)/python -m pytest clients/contract $(T)

$(CLIENTS:%=client-%): client-%: $(BUILT) $(VENV)/.test
	@$(PHASE) "client in $*" $(MAKE) --no-print-directory -C clients/$* lint test package adapter

.PHONY: lint
lint: $(BUILT) $(VENV)/.test ## ruff, mypy, cython-lint, stubtest, import layers, bandit, known weaknesses of what is pinned
	@$(PHASE) "constants of the wire" $(BIN)/python -m spec.generate --check
	@$(PHASE) "ruff check" $(BIN)/ruff check
	@$(PHASE) "ruff format" $(BIN)/ruff format --check
	@$(PHASE) mypy $(BIN)/python -m mypy
	@$(PHASE) cython-lint env PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint $(KERNELS) $(wildcard smarttree/*.pxd)
	@$(PHASE) stubtest $(BIN)/python -m mypy.stubtest --concise $(STUBTEST) $(KERNELS:smarttree/%.pyx=smarttree.%)
	@$(PHASE) "import layers" $(BIN)/lint-imports --no-cache --no-logo
	@$(PHASE) "import layers of .pyx" $(BIN)/python -m pytest -q tests/unit/test_project.py -k layers
	@$(PHASE) bandit $(BIN)/bandit -q -c pyproject.toml -r smarttree spec
	@$(PHASE) "known weaknesses" $(BIN)/python .ci/audit.py requirements/*.txt

.PHONY: format
format: $(VENV)/.test ## put the code into the one style
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: wire
wire: $(VENV)/.made ## make the code's constants from spec/wire.toml
	@$(BIN)/python -m spec.generate

.PHONY: system-packages
system-packages: ## install the system packages of packages.apt that are missing, or say how
	@$(PHASE) "system packages" .ci/system-packages

.PHONY: check-clean
check-clean: ## make test, in a fresh clone of HEAD with an empty home and environment
	@.ci/check-clean

.PHONY: lock
lock: ## pin the newest versions that pyproject.toml, package.json and Cargo.toml allow
	@.ci/lock "$$(.ci/find-python)"
	@cd tests/node && npm update --package-lock-only --ignore-scripts --no-audit --no-fund
	@cd tests/clients/rust && cargo update -q
	@cd tests/marqant && cargo update -q
	@cd clients/rust && cargo update -q
	@$(MAKE) --no-print-directory -C clients/js lock

.PHONY: mirror
mirror: $(BUILT) $(VENV)/.test ## the mirror law in storms, hostile trees, through faults by name and with planted defects, about three minutes
	@$(PHASE) mirror $(BIN)/python -m pytest tests/mirror $(T)

.PHONY: described
described: $(BUILT) $(VENV)/.test $(JUDGES) ## the described API, judged by schemathesis on a live server, a minute and a half
	@$(PHASE) "described API" $(BIN)/python -m pytest tests/described $(T)

.PHONY: soak
soak: $(BUILT) $(VENV)/.test ## the mirror law at length, on large trees, and 2,000 crashes [SOAK_MINUTES=60 STORM_SEED=number]
	@CRASH_KILLS=2000 $(BIN)/python -m pytest -q -o faulthandler_timeout=7200 tests/mirror/test_crash.py
	@CHAOS_ROUNDS=20 CHAOS_ENTRIES=660000 $(BIN)/python -m pytest -q -o faulthandler_timeout=7200 clients/contract/test_chaos.py
	@$(BIN)/python -m tests.storm.soak

.PHONY: hostile
hostile: $(BUILT) $(VENV)/.test ## malformed HTTP and slow clients beside live streams, an hour [HOSTILE_MINUTES=60 HOSTILE_SEED=number]
	@HOSTILE_SECONDS=$$(($(or $(HOSTILE_MINUTES),60) * 30)) $(PHASE) "hostile network" \
	    $(BIN)/python -m pytest -s -o faulthandler_timeout=0 tests/hostile $(T)

.PHONY: fuzz
fuzz: $(BUILT) $(VENV)/.fuzz ## fuzz the codec, with sanitizers in its kernels [FUZZ_SECONDS=3600 FUZZ="libFuzzer's options"]
	@.ci/system-packages tests/fuzz/packages.apt
	@$(PHASE) fuzz .ci/fuzz "$(or $(FUZZ_SECONDS),3600)" $(FUZZ)

.PHONY: fuzz-short
fuzz-short: ## the same for 45 seconds, as continuous integration does
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=45

.PHONY: bench-scan
bench-scan: $(BUILT) build/floor/scan ## the cost of a scan against the floor and rivals [BENCH="--rounds 21 --tree linux"]
	@$(BIN)/python -m bench.scan build/floor/scan $(BENCH)

.PHONY: bench-watch
bench-watch: $(BUILT) build/floor/scan build/floor/watch $(VENV)/.bench ## watching: start, memory, latency, storms, against floors and rivals [BENCH="--tree small --only latency"]
	@$(BIN)/python -m bench.watch build/floor/scan build/floor/watch $(BENCH)

.PHONY: bench-fanout
bench-fanout: $(BUILT) build/load build/floor/fanout build/mercure $(VENV)/.bench ## one event to thousands of clients, against a floor and rivals [BENCH="--only storm --rounds 1"]
	@$(BIN)/python -m bench.fanout build/load build/floor/fanout build/mercure $(BENCH)

.PHONY: bench-rest
bench-rest: $(BUILT) ## answers: the tree, figures, search, changes, against nginx, ripgrep and find [BENCH="--only tree --rounds 3"]
	@$(BIN)/python -m bench.rest $(BENCH)

.PHONY: bench-clients
bench-clients: $(BUILT) ## the client libraries: decoding against JSON, and bytes on the wire [BENCH="--only decoding --rounds 3"]
	@for language in $(CLIENTS); do $(MAKE) --no-print-directory -C clients/$$language bench || exit 1; done
	@$(BIN)/python -m bench.clients $(BENCH)

.PHONY: bench-size
bench-size: $(BUILT) ## the size of a snapshot against JSON lines, compressed [BENCH="--tree usr"]
	@$(BIN)/python -m bench.size $(BENCH)

.PHONY: bench-qtn
bench-qtn: $(BUILT) $(VENV)/.bench ## QTN1 against other formats: size, speed, changes, cost [BENCH="--tree usr --rounds 3"]
	@worst=0; for table in "qtn $(BENCH)" changes cost; do \
	    $(BIN)/python -m bench.$$table || { status=$$?; worst=$$((status > worst ? status : worst)); }; \
	done; exit $$worst

.PHONY: bench-gate
bench-gate: $(BUILT) ## fail where a ratio fell: make bench-gate BASE=file [NEW=file] [BENCH="--tolerance 0.05"]
	@if [[ -z "$(BASE)" ]]; then echo 'Which result? Say: make bench-gate BASE=bench/results/…/scan.json' >&2; exit 2; fi
	@$(BIN)/python -m bench.gate $(BENCH) "$(BASE)" $(if $(NEW),"$(NEW)")

.PHONY: bench-packages
bench-packages: ## install what the benchmarks compare with and measure on (Debian, Ubuntu; as root)
	@apt-get update -q && apt-get install -y --no-install-recommends $$(grep -v '^#' bench/packages.apt)

.PHONY: clean
clean: ## remove everything that make has made
	@rm -rf $(VENV) build dist smarttree.egg-info tests/node/node_modules
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find bench smarttree spec tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -f smarttree/*.so

# ---------------------------------------------------------------- the steps

$(VENV)/.made:
	@python=$$(.ci/find-python) && $(PHASE) "virtual environment" "$$python" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.made requirements/build.txt requirements/runtime.txt
	@$(PHASE) "runtime packages" $(PIP) install -q --no-deps -r requirements/build.txt -r requirements/runtime.txt
	@touch $@

$(VENV)/.test: $(VENV)/.runtime requirements/test.txt
	@$(PHASE) "test packages" $(PIP) install -q --no-deps -r requirements/test.txt
	@touch $@

$(VENV)/.fuzz: $(VENV)/.test requirements/fuzz.txt
	@$(PHASE) "fuzzing packages" $(PIP) install -q --no-deps -r requirements/fuzz.txt
	@touch $@

$(VENV)/.bench: $(VENV)/.test requirements/bench.txt
	@$(PHASE) "packages of rivals" $(PIP) install -q --no-deps -r requirements/bench.txt
	@touch $@

$(JUDGES): requirements/described.txt
	@python=$$(.ci/find-python) && $(PHASE) "environment of the judges" "$$python" -m venv --clear $(@D)
	@$(PHASE) "packages of the judges" $(@D)/bin/python -m pip --disable-pip-version-check install -q --no-deps -r $<
	@touch $@

$(VENV)/.project: $(VENV)/.runtime pyproject.toml setup.py
	@command -v "$${CC:-cc}" >/dev/null || { echo 'A C compiler is needed (Debian, Ubuntu: apt-get install gcc libc6-dev)' >&2; exit 1; }
	@$(PHASE) "install in place" $(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

# Changing the variant rebuilds by force: the extensions of both lie in the same place.
$(BUILT): $(VENV)/.project $(KERNELS) $(KERNEL_PARTS)
	@$(PHASE) kernels $(BIN)/python setup.py -q build_ext --inplace $(if $(filter-out $(BUILT),$(wildcard build/.built-*)),--force)
	@rm -f build/.built-*
	@touch $@

tests/node/node_modules/.installed: tests/node/package.json tests/node/package-lock.json tests/node/.npmrc
	@cd tests/node && ../../$(PHASE) "node packages" npm ci --ignore-scripts
	@touch $@

build/floor/%: bench/floor/%.c
	@mkdir -p $(@D)
	@"$${CC:-cc}" -O2 -Wall -Wextra -std=gnu17 -pthread -o $@ $<

build/load: $(wildcard bench/load/*.[ch])
	@mkdir -p $(@D)
	@"$${CC:-cc}" -O2 -Wall -Wextra -std=gnu17 -o $@ $(filter %.c,$^)

build/mercure: $(wildcard bench/fanout/mercure/*)
	@command -v go >/dev/null || { echo 'Go is needed to build Mercure (Debian, Ubuntu: apt-get install golang-go)' >&2; exit 1; }
	@mkdir -p $(@D)
	@$(PHASE) Mercure env -C bench/fanout/mercure CGO_ENABLED=0 go build -o $(CURDIR)/$@ .
