# Every target works from a fresh clone: it first makes the part of .venv that it needs.
# Options: PYTHON=python3.12 (which Python makes .venv), ARGS="..." (passed on to the command).

PYTHON ?= python3
BIN    := .venv/bin
PINS   := pyproject.toml constraints.txt

# Made again only when the pins change. Running the program needs no developer's tools.
RUNTIME := .venv/.runtime
DEV     := .venv/.dev
BENCH   := .venv/.bench
FUZZ    := .venv/.fuzz
REPORT  := .venv/.report

PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal

# Prints what a command says only if it fails.
quietly = output=$$($(1) 2>&1) || { printf '%s\n' "$$output"; exit 1; }

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup run test test-all fuzz check fix bench bench-compare notebooks report

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(RUNTIME)  ## make .venv with the pinned dependencies

run: $(RUNTIME)  ## run the whole pipeline: cae run $(ARGS)
	@$(BIN)/cae run $(ARGS)

test: $(DEV)  ## run the tests but for the slow ones, two to four minutes on two cores
	@$(PYTEST) $(ARGS)

test-all: $(DEV)  ## run every test, the slow ones too
	@$(PYTEST) -m "slow or not slow" $(ARGS)

fuzz: $(FUZZ)  ## try 108,000 made-up and damaged inputs, five minutes: python -m fuzzing $(ARGS)
	@$(BIN)/python -m fuzzing --coverage 6000 $(ARGS)

check: $(DEV)  ## check format, lint, types and the layers of imports
	@$(call quietly,$(BIN)/ruff format --check .)
	@$(call quietly,$(BIN)/ruff check --quiet .)
	@$(call quietly,PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright)
	@$(call quietly,$(BIN)/lint-imports --no-logo)
	@echo "check: format, lint, types and layers are in order"

fix: $(DEV)  ## format, and repair what the linter can repair
	@$(BIN)/ruff check --fix --quiet --exit-zero .
	@$(BIN)/ruff format --quiet .

bench: $(BENCH)  ## measure speed against its peers, half an hour: python -m benchmarks $(ARGS)
	@$(BIN)/python -m benchmarks $(ARGS)

bench-compare: $(RUNTIME)  ## hold two results of bench against each other: ARGS="OLD.json NEW.json"
	@$(BIN)/python -m benchmarks.compare $(ARGS)

notebooks: $(DEV)  ## make the notebooks again from their sources
	@$(BIN)/python -m notebooks $(ARGS)

# The runs that are published beside the one at the root.
BESIDE := $(sort $(wildcard runs_published/*)) $(sort $(wildcard benchmarks/results/run_*))

report: $(REPORT)  ## make report.pdf again from the results in this repository: cae report $(ARGS)
	@$(BIN)/cae report $(addprefix --beside ,$(BESIDE)) $(ARGS)

$(RUNTIME): $(PINS)
	@$(make_venv)
	@echo "installing the pinned dependencies into .venv, about a minute (longer if torch is downloaded)"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(DEV): $(PINS)
	@$(make_venv)
	@echo "installing the pinned dependencies and developer's tools into .venv, about a minute (longer if torch is downloaded)"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $(RUNTIME) $@

$(BENCH): $(PINS)
	@$(make_venv)
	@echo "installing the pinned dependencies and the benchmark's peers into .venv, some minutes"
	@$(PIP) install --constraint constraints.txt --editable '.[bench]'
	@touch $(RUNTIME) $@

$(FUZZ): $(PINS)
	@$(make_venv)
	@echo "installing the pinned dependencies and the fuzzer into .venv, about a minute"
	@$(PIP) install --constraint constraints.txt --editable '.[dev,fuzz]'
	@touch $(RUNTIME) $(DEV) $@

$(REPORT): $(PINS)
	@$(make_venv)
	@echo "installing the pinned dependencies and the report's typesetter into .venv, about a minute"
	@$(PIP) install --constraint constraints.txt --editable '.[report]'
	@touch $(RUNTIME) $@

# A .venv that does not work (broken off, or its Python is gone) is made anew.
define make_venv
$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	command -v $(PYTHON) >/dev/null || { \
		echo "$(PYTHON): not found. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..." >&2; exit 1; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version 2>&1) is too old. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..." >&2; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: install its venv package (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }; \
	echo "making .venv with $$($(PYTHON) --version)"; \
	$(PYTHON) -m venv --clear .venv; }
endef
