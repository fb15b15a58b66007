# Everything on a fresh machine with Python 3.11: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test slow faults cluster-test check lint rooms types format image clean

setup: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: setup
	$(BIN)/sweep run demo
	$(BIN)/sweep report runs/demo --output runs/demo/report.html

test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not slow and not faults and not cluster"

slow: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "slow and not faults and not cluster"

faults: setup
	$(BIN)/python -m pytest -m faults
	$(BIN)/python -m tests.faults.kills
	$(BIN)/python -m tests.cluster.storm

cluster-test: setup
	$(BIN)/python -m pytest -m cluster

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

rooms: setup
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

check: lint rooms types test

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

IMAGE ?= sweep
image:
	docker build --platform linux/amd64 --tag $(IMAGE) .

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
