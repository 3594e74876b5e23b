# Needs Python 3.11 or newer and make, nothing else. `make demo` and `make test` set themselves up.
PYTHON ?= python3
TARGET ?= duckdb
FILES ?=
BIN := .venv/bin

.PHONY: help setup demo reconcile test lint format clean

help: ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/installed profiles.yml ## make .venv and profiles.yml

demo: setup ## generate a sample with planted problems, load and build it, print the verdict
	$(BIN)/python scripts/generate_sample.py --requests 20000 --seed 1 --exports --out sample
	@echo; echo "== 1. A bill with a line per request"
	$(BIN)/python scripts/reconcile.py sample/openai_bill.csv sample/openai_bill_restated.csv sample/token_usage.csv
	@echo; echo "== 2. The provider's own exports of the same months, in a warehouse of their own"
	RECONCILIATION_DUCKDB=sample/exports.duckdb $(BIN)/python scripts/reconcile.py --target duckdb \
		sample/exports/cost_*.csv sample/exports/*_usage_*.csv sample/exports/token_usage.csv

reconcile: setup ## the same on your files: make reconcile FILES="bill.csv log.csv" TARGET=postgres
	$(BIN)/python scripts/reconcile.py $(FILES) --target $(TARGET)

test: .venv/installed-dev profiles.yml lint ## lint, every dbt test and every pytest, on DuckDB and Postgres
	$(BIN)/python -m pytest

lint: .venv/installed-dev profiles.yml ## ruff, and sqlfluff on the compiled models
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --disable-progress-bar models tests

format: .venv/installed-dev profiles.yml ## rewrite Python and SQL in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar models tests

clean: ## remove what is built; the warehouse stays
	rm -rf target logs sample .pytest_cache .ruff_cache .hypothesis

profiles.yml:
	cp profiles.example.yml profiles.yml

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
