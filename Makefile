# `make demo` and `make test` are the two commands of the README; both make .venv on first use.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# Of benchmarks, what they ask of the library has to exist; what a call returns may be a union.
LOOSE := arg-type index misc operator return-value union-attr

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
	$(BIN)/mypy benchmarks --no-warn-unused-ignores $(foreach code,$(LOOSE),--disable-error-code $(code))

bench: $(READY)
	$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	for work in audit_zuko fit nade pixelcnn sampling training_step verification; do $(BIN)/python benchmarks/$$work.py; done

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[test]'
	touch $@
