# `make demo` and `make test` are the two commands of the README; both make .venv on first use.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# The tests start the program some hundred times: it is compiled once.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test quick check-all lint bench

demo: $(READY)
	$(BIN)/python demo.py

test: $(READY)
	$(BIN)/python -m pytest -q

quick: $(READY)
	$(BIN)/python -m pytest -q --quick

check-all: $(READY) lint
	$(BIN)/python -m pytest -q -m 'slow or not slow'

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	for work in audit_zuko fit nade pixelcnn sampling training_step verification; do $(BIN)/python benchmarks/$$work.py; done

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
	touch $@
