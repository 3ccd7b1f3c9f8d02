# Every target does its own set-up: Python 3.11 or newer, make and a way to PyPI are enough.
# The second run of a target starts at once, until pyproject.toml or its lock changes.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
	echo $$python && break; done)
ROUNDS ?= 200
TARGET ?= requests cards calendars headers objects
SECONDS ?= 900
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --annotation-style line $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help install demo demo-worse demo-radicale check test bench conformance crash power fuzz coverage format lock clean
.DELETE_ON_ERROR:

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

install: $(VENV)/run ## set up .venv/bin/stillhere and what it needs, no more

demo: $(VENV)/run ## a day in October, in a minute: the core is lost, and what everybody had comes back
	$(BIN)/stillhere demo $(ARGS)

demo-worse: $(VENV)/run ## the second act: the core is damaged, a vault lost, the other has bad chunks
	$(BIN)/stillhere demo --worse $(ARGS)

demo-radicale: $(VENV)/bench ## the same day, played with stock Radicale
	$(BIN)/stillhere demo --against radicale $(ARGS)

check: $(VENV)/dev ## ruff, mypy and the layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: check ## everything CI runs: check, then pytest
	$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/bench ## the figures, as JSON in bench/results/
	$(BIN)/python bench/run.py $(ARGS)

conformance: $(VENV)/bench $(VENV)/conformance ## caldav-server-tester against Stillhere and Radicale: docs/conformance.md
	$(BIN)/python bench/conformance.py $(ARGS)

crash: $(VENV)/dev ## kill the server ROUNDS times and look for a lost write
	$(BIN)/python tests/crash.py --rounds $(ROUNDS) $(ARGS)

power: $(VENV)/dev ## cut the power after each operation of a recorded life; ARGS=--all for every one
	$(BIN)/python tests/power.py $(ARGS)

fuzz: $(VENV)/fuzz ## SECONDS for each parser that a stranger reaches, or TARGET alone
	@for target in $(TARGET); do \
		echo "$$target: $(SECONDS) s"; $(BIN)/python -m tests.fuzz $$target $(SECONDS) $(ARGS) || exit 1; \
	done

coverage: $(VENV)/dev ## lines and branches the tests reach, room by room
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	@for room in src/stillhere/[a-z]*; do \
		share=$$($(BIN)/coverage report --include="$$room,$$room/*" --format=total 2>/dev/null) && \
		printf '%-14s %3s %%\n' "$$(basename "$$room" .py)" "$$share"; done; true

format: $(VENV)/dev ## let ruff lay out the code and mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format


lock: $(VENV)/lock ## pin the dependencies anew; UPGRADE=--upgrade takes the newest of each
	$(COMPILE) pyproject.toml --group dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --group build -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) pyproject.toml --group bench -c requirements/dev.txt -o requirements/bench.txt
	$(COMPILE) pyproject.toml --group fuzz -c requirements/dev.txt -o requirements/fuzz.txt
	$(COMPILE) --group conformance -o requirements/conformance.txt
	$(COMPILE) --group lock -o requirements/lock.txt

clean: ## remove what these targets made
	rm -rf $(VENV) .fuzz .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment, filled in steps: what runs Stillhere, then what tests or measures it.
# Each stamp is as new as the lock that it stands for.

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'error: no Python 3.11 or newer found'; \
		echo 'hint:  install one, or name it: make PYTHON=/path/to/python3'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r $<
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev $(VENV)/bench $(VENV)/fuzz: $(VENV)/%: requirements/%.txt $(VENV)/run
	$(PIP) --require-hashes -r $<
	@touch $@

# In an environment of its own: it needs older versions than the rest.
$(VENV)/conformance: requirements/conformance.txt | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/tester
	$(VENV)/tester/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/lock: requirements/lock.txt | $(BIN)/python
	$(PIP) --require-hashes -r $<
	@touch $@
