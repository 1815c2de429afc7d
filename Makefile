# Everything runs in .venv, made from requirements.lock. `make` alone prints this help.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
BUILD := $(BIN)/jupyter-book build book -W -n --keep-going -q
SITE := _build/html
TEST_FIGURES := $(CURDIR)/_build/test/figures
TEST_SITE := $(CURDIR)/_build/test/_build/html

.DEFAULT_GOAL := help
.PHONY: help setup book chapters html test lint unit calibration verify-chapters \
	site-tests format bench grids lock clean

help:  ## Print this screen
	@echo "twinprivacy: make TARGET"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 18

setup: .venv/.ready  ## Make the environment in .venv from requirements.lock

.venv/.ready: requirements.lock pyproject.toml
	@echo "environment: installing into .venv (about a minute and a half)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "twinprivacy needs Python 3.11 or newer")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

book: chapters  ## Run every chapter and build the site
	@$(MAKE) --no-print-directory html

chapters: setup  ## Run every chapter and keep outputs and figures, all or none
	@$(BIN)/python book/execute.py

html: setup  ## Build the site from existing outputs only
	@rm -rf _build/html _build/.doctrees
	@$(BUILD) --path-output .
	@echo "site: $(CURDIR)/$(SITE)/index.html"

test: lint unit verify-chapters site-tests  ## Run every check and test

lint: setup  ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# Two workers fill two cores: threads inside them would only wait for each other.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1

unit: setup  ## Run unit, property and published-value tests and doctests
	@$(ONE_THREAD) $(BIN)/pytest -n 2 -m "not calibration" --ignore=tests/site

calibration: setup  ## Prove again that intervals cover, and keep the proof's lock
	@$(ONE_THREAD) $(BIN)/pytest -n 2 -m calibration tests
	@$(BIN)/python tests/calibration.py

verify-chapters: setup  ## Run every chapter afresh and compare with what is committed
	@rm -rf _build/test && mkdir -p $(TEST_FIGURES)
	@TWINPRIVACY_FIGURES=$(TEST_FIGURES) $(BIN)/pytest -n 2 --dist loadfile \
		--nbval --nbval-current-env book

site-tests: setup  ## Build the site from the fresh figures and test it in a browser
	@TWINPRIVACY_FIGURES=$(TEST_FIGURES) $(BUILD) --path-output _build/test
	@TWINPRIVACY_FIGURES=$(TEST_FIGURES) TWINPRIVACY_SITE=$(TEST_SITE) \
		$(BIN)/pytest -n 2 tests/site

format: setup  ## Put code in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup  ## Measure speed against peers
	@for file in benchmarks/[!_]*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

grids: setup  ## Compute the grids of the explorer afresh (some minutes)
	@$(BIN)/python -m twinprivacy.explorer.grids book/_static/explorer-grids.json

lock: setup  ## Resolve the newest versions into requirements.lock (needs uv)
	@uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --upgrade --quiet \
		--output-file requirements.lock

clean:  ## Remove what was built; the environment stays
	@rm -rf _build book/_build .mypy_cache .ruff_cache .pytest_cache
	@git clean -fdXq book/figures
