# What a developer types. `make run` needs python3 (3.11 or later), a C compiler and make; the rest installs itself.

VENV  := .venv
BIN   := $(VENV)/bin
STATE := $(CURDIR)/var/state
C     := $(wildcard engine_c/*.c engine_c/*.h)
TESTS := tests
AT_ONCE := $(shell echo $$((2 * $$(nproc 2>/dev/null || echo 1))))# half of the tests wait, for daemons of theirs
FUZZ_TARGETS := $(patsubst engine_c/fuzz_%.c,%,$(filter-out engine_c/fuzz_main.c,$(wildcard engine_c/fuzz_*.c)))
ENGINE_C     := $(filter-out engine_c/py% engine_c/fuzz_% engine_c/infer_%,$(filter %.c,$(C)))
INFER_C      := $(filter engine_c/infer_%,$(filter %.c,$(C)))

# The first of these that is new enough.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$python; break; }; done)

.PHONY: help alog-infer dev run demo test lint types man pictures deb e2e bench bench-daemon bench-deep bench-deep-speed bench-docs bench-peers bench-profile bench-scaling detection fuzz sanitize soak faults clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

run: $(VENV)/run.stamp $(VENV)/engine.stamp ## follow this host's logs (configs/alogd.yaml; state in var/state)
	@mkdir -p $(STATE)
	@STATE_DIRECTORY=$(STATE) exec $(BIN)/alogd run --config configs/alogd.yaml

demo: $(VENV)/run.stamp $(VENV)/engine.stamp ## see it work: a live log with incidents, alerts beside them
	@exec $(BIN)/alogd demo

dev: $(VENV)/dev.stamp $(VENV)/engine.stamp ## everything a developer needs, in .venv

test: dev ## the tests that need nothing but Python and a C compiler
	$(BIN)/pytest -q -n $(AT_ONCE) --dist loadfile -m "not integration and not slow and not soak" $(TESTS)

faults: dev ## the fault matrix, id by id (FAULTS="-k f3" for some)
	$(BIN)/pytest -q -n $(AT_ONCE) --dist worksteal --fault-table -m "not soak" tests/faults $(FAULTS)

e2e: dev ## the page, Prometheus, Alertmanager and systemd, all real; installs what is missing where one may (E2E="-k keyboard")
	@tests/e2e.sh $(BIN)/pytest -q -rs -m integration tests/integration $(E2E)

soak: dev ## the longest tests, and those that do not pass every time yet; hours
	$(BIN)/pytest -q -n 2 --dist worksteal -m soak tests

sanitize: dev ## the engine's tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tests/sanitize.sh

lint: dev ## style of Python, C, configuration and prose
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run -Werror $(C)
	$(BIN)/codespell
	@$(BIN)/validate-pyproject pyproject.toml

man: dev ## the man pages, from what --help says and the configuration's schema
	@$(BIN)/python -m alogd.cli.manual man

pictures: dev ## take the pictures of docs/page.md anew, over a demo (needs Chromium)
	@$(BIN)/python -m tests.page_pictures

deb: dev ## a package for Debian 12, in dist/ (needs dpkg-deb, Python 3.11 and an index)
	@sh debian/build.sh $(BIN)/python dist

types: dev ## mypy --strict
	$(BIN)/mypy

bench: dev ## one table of ratios, each measured in this run (BENCH="--full --only masks": see BENCH=--help)
	@$(BIN)/python -m tests.bench.run $(BENCH)

bench-peers: dev ## fetch the other log parsers that take part in `make bench`, into build/bench/peers
	@sh tests/bench/peers/fetch.sh $(BIN)/python

bench-scaling: dev ## cost per line with 10 to 100,000 templates and with 1 to 10,000 sources
	@$(BIN)/python -m tests.bench.scaling $(BENCH)

bench-profile: dev ## instructions per line of each stage, counted by valgrind
	@$(BIN)/python -m tests.bench.profile $(BENCH)

bench-daemon: dev ## memory, start and latency of a real daemon
	@$(BIN)/python -m tests.bench.document --part daemon --show $(BENCH)

bench-docs: dev ## measure all of this anew and write it into docs/performance.md
	@$(BIN)/python -m tests.bench.document $(BENCH)

detection: dev ## what the default settings detect on real labelled logs (needs ../shared/data)
	@$(BIN)/python -m tests.bench.detection

bench-deep-speed: dev ## what trained models cost a line, and where the time goes (needs ../shared/data)
	@$(BIN)/python -m tests.bench.deep_speed $(BENCH)

bench-deep: dev ## what trained models find in real labelled logs, over seeds: BENCH="--seeds 1,2,3" (needs ../shared/data; minutes)
	@$(BIN)/python -m tests.bench.deep $(BENCH)

alog-infer: build/alog-infer ## the C program that runs a trained model without Python, as build/alog-infer

# CC and INFER_CFLAGS choose another compiler or sanitizers. One call for all files: small functions are inlined across them.
INFER_CFLAGS := -O3 -flto=auto
build/alog-infer: $(ENGINE_C) $(INFER_C) $(filter %.h,$(C))
	@mkdir -p $(@D)
	@$(CC) -std=c11 $(INFER_CFLAGS) -Wall -Wextra -Wconversion -Wshadow -fvisibility=hidden -Iengine_c $(ENGINE_C) $(INFER_C) -lm -ldl -o $@

# Without FUZZ_SECONDS the first target runs until it is stopped: `make fuzz FUZZ_TARGETS=window`.
fuzz: $(addprefix build/fuzz/,$(FUZZ_TARGETS)) ## fuzz the engine (FUZZ_SECONDS=20 FUZZ_TARGETS="window feed")
	@set -e; for target in $(FUZZ_TARGETS); do \
		echo "fuzz: $$target, $(or $(FUZZ_SECONDS),unbounded)$(if $(FUZZ_SECONDS), s)"; \
		mkdir -p build/fuzz/$$target.corpus; \
		build/fuzz/$$target $(if $(FUZZ_SECONDS),-max_total_time=$(FUZZ_SECONDS)) -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
			-print_final_stats=1 -print_funcs=0 -artifact_prefix=build/fuzz/ build/fuzz/$$target.corpus \
			>build/fuzz/$$target.log 2>&1 || { tail -n 100 build/fuzz/$$target.log; exit 1; }; \
		grep -h 'executed_units\|new_units' build/fuzz/$$target.log; \
	done

FUZZ_CC := clang -std=c11 -O1 -g -fno-sanitize-recover=all -Iengine_c
FUZZ_O  := $(patsubst engine_c/%.c,build/fuzz/%.o,$(ENGINE_C) $(filter-out %_main.c,$(INFER_C)))

build/fuzz/%.o: engine_c/%.c $(filter %.h,$(C))
	@mkdir -p $(@D)
	@command -v clang >/dev/null || { echo "make fuzz: clang is needed (its libFuzzer); on Debian: apt install clang" >&2; exit 1; }
	@$(FUZZ_CC) -fsanitize=fuzzer-no-link,address,undefined -c $< -o $@

$(addprefix build/fuzz/,$(FUZZ_TARGETS)): build/fuzz/%: engine_c/fuzz_%.c $(FUZZ_O)
	@$(FUZZ_CC) -fsanitize=fuzzer,address,undefined $< $(FUZZ_O) -lm -ldl -o $@

clean: ## remove what was built; .venv and var/ stay
	rm -rf build dist *.egg-info alogd/_engine*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis

# ---- what the targets stand on ----

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "alogd needs Python 3.11 or later; here is $$(python3 --version 2>&1). Name one: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no virtual environment could be made; on Debian: apt install python3-venv" >&2; exit 1; }

# The daemon and the engine. setuptools stays in .venv, so that C changes are compiled without asking an index.
$(VENV)/run.stamp: pyproject.toml setup.py | $(BIN)/python
	@echo "installing alogd into $(VENV), half a minute the first time ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check "setuptools>=77" wheel
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation -e .
	@$(BIN)/python -m compileall -q alogd collectors detectors
	@touch $@

$(VENV)/dev.stamp: pyproject.toml setup.py | $(BIN)/python
	@echo "installing alogd and its tools into $(VENV) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check "setuptools>=77" wheel
	@$(BIN)/python -m pip install -qq --disable-pip-version-check torch==2.13.0 # first: resolved with others it brings gigabytes
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-build-isolation -e ".[dev]"
	@touch $@ $(VENV)/run.stamp

$(VENV)/engine.stamp: $(C) setup.py | $(BIN)/python
	@$(BIN)/python setup.py -q build_ext --inplace
	@touch $@
