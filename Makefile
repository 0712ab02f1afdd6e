# make run     serve Fichehub with the demonstration world on http://127.0.0.1:$(PORT)
# make test    the whole test suite
# make lint    ruff (rules and layout) and mypy --strict
# make help    the rest

PYTHON ?= python3
PORT ?= 8080
JOBS ?= logical

BIN := .venv/bin
CODE := $(wildcard hub plugins tests benchmarks scripts)
PIP := $(BIN)/python -m pip --quiet --no-input --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run setup test mutants lint format constraints clean
.DELETE_ON_ERROR:

help:
	@echo "make run          serve Fichehub; PORT (now $(PORT)), FICHEHUB_HOME (default ./var), FICHEHUB_DATABASE_URL"
	@echo "make test         the test suite, on JOBS (now $(JOBS)) processors; ARGS='tests/model -k riziv' chooses"
	@echo "make mutants      take out one guard at a time and see its test fail; ARGS='no-origin' chooses"
	@echo "make lint         ruff (rules and layout) and mypy --strict"
	@echo "make format       let ruff mend what it can and lay out the code"
	@echo "make setup        only make the virtual environment in .venv; PYTHON (now $(PYTHON)) chooses the interpreter"
	@echo "make constraints  resolve all dependencies anew and write constraints.txt"
	@echo "make clean        remove .venv and what tools left behind; the data in ./var stays"

run: export FICHEHUB_HOME ?= $(CURDIR)/var
run: .venv/.ready
	@exec $(BIN)/fichehub up --port $(PORT)

setup: .venv/.ready-dev

test: .venv/.ready-dev
	$(BIN)/python -m pytest -q $(if $(ARGS),$(ARGS),-n $(JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder)

mutants: .venv/.ready-dev
	$(BIN)/python scripts/mutants.py $(ARGS)

lint: .venv/.ready-dev
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy --strict $(CODE)

format: .venv/.ready-dev
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

# One environment for everything; to run the hub takes fewer packages than to test it, so there are two stamps.
.venv/.ready: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing Fichehub into .venv (once; under a minute on a fast line) ..."
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

.venv/.ready-dev: .venv/.ready
	@echo "Installing the tools for tests into .venv (once) ..."
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "Python was not found as '$(PYTHON)'. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3.12 run" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Fichehub needs Python 3.11 or newer, but '$(PYTHON)' is $$($(PYTHON) -c 'import platform; print(platform.python_version())'). Name a newer one: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "The virtual environment could not be made. On Debian and Ubuntu the module is a package of its own: apt-get install python3-venv" >&2; exit 1; }

# Resolved in an environment of its own, so that nothing installed by hand slips in.
constraints: | .venv/bin/python
	@rm -rf build/resolve && $(BIN)/python -m venv build/resolve
	@build/resolve/bin/python -m pip --quiet --no-input --disable-pip-version-check install --editable '.[dev]'
	@{ echo "# The exact versions that the tests run with; 'make setup' installs these. Made by 'make constraints'."; \
	   build/resolve/bin/python -m pip freeze --exclude-editable --exclude setuptools --exclude wheel; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/resolve

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis test-results
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
