# Everything happens in .venv, which each target brings about by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo worker test chaos recovery soak crowd bench baseline lint fmt clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything that is needed, once

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY) ## a worker, 500 sampled cars and a folder reconstructed, in .demo/
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh deploy/demo.sh

worker: $(READY) ## work on the queue until Ctrl-C; settings are VAEJOB_* variables
	@exec $(BIN)/vaeworker

test: $(READY) ## all tests, on real Redis and S3 servers
	$(BIN)/pytest --numprocesses 2 --dist loadfile

FAULTS ?= 200
SEED ?= 1
STORE ?= file

chaos: $(READY) ## kill and cut everything, FAULTS=200 times from SEED=1, on STORE=file|moto|rclone|plain|all
	$(BIN)/python -m tests.chaos --faults $(FAULTS) --seed $(SEED) --store $(STORE)

KILLS ?= 10

recovery: $(READY) ## time until a killed worker's part is taken again, KILLS=10, beside stock Celery
	$(BIN)/python -m tests.chaos.recovery --kills $(KILLS)

MINUTES ?= 30

soak: $(READY) ## small jobs for MINUTES=30: memory, files and threads of each process have to stay flat
	$(BIN)/python -m tests.load.soak --minutes $(MINUTES)

crowd: MINUTES = 5
crowd: $(READY) ## eight submitters and two workers at once for MINUTES=5
	$(BIN)/python -m tests.load.crowd --minutes $(MINUTES)

N ?= 2000
RUNS ?= 5

bench: $(READY) ## images a second against the limit of this machine, and against what people write instead
	$(BIN)/python -m tests.bench --n $(N) --runs $(RUNS)

baseline: $(READY) ## take what a part and an image cost now as what they may cost
	WRITE_BASELINE=1 $(BIN)/pytest tests/integration/test_costs.py

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fmt: $(READY) ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove .venv, .demo and caches
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache *.egg-info build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
