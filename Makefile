# share_dist: `make demo` and `make test` do all set-up first. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WORKERS := -n 2 --dist loadscope --no-loadscope-reorder
PYTEST := $(BIN)/python -m pytest $(WORKERS)
LOWEST := .venv-lowest
STAMP  := $(VENV)/.ready
COMPILED := $(VENV)/.compiled
RARELY_IMPORTED := rllib|sympy|mpmath|moto|cfnlint|graphql|pygments|pip|setuptools|pyglet|OpenGL|torchgen|_inductor|onnx
SEED   ?= 0
export RAY_USAGE_STATS_ENABLED := 0
# Some machines keep Python from writing what it has compiled: every process of every test would compile it all again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup system demo test test-fast test-lowest proof lint types bench clean

help:  ## list what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: system $(COMPILED)  ## system packages, virtual environment, packages

system:
	@bash cluster/node_setup.sh

$(STAMP): pyproject.toml constraints.txt | system
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=24" "setuptools>=77" wheel
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt torch
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable ".[dev]"
	@touch $(STAMP)

$(COMPILED): $(STAMP)
	@# On all cores, which pip does on one, and without what hardly anything imports; some packages carry files for other
	@# versions of Python.
	@nice -n 19 $(BIN)/python -m compileall -qq -j 0 -x '/(tests?|$(RARELY_IMPORTED))/' $(VENV)/lib || true
	@touch $(COMPILED)

demo: setup  ## survey the base model, repair it, survey again: runs/demo/report/index.html
	$(BIN)/share-dist share demo --out runs/demo --seed $(SEED)

test:  ## all set-up, ruff and pyright, then every test but those of make proof
	@# The type checker has one core, and set-up's compiler what it leaves of the other.
	@$(MAKE) --no-print-directory --jobs=2 setup lint types
	$(PYTEST)

test-fast: setup  ## the quick tests, within 90 seconds
	$(PYTEST) -m "not slow"

test-lowest: system  ## the quick tests with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --upgrade uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST) --resolution lowest-direct --editable ".[dev]"
	$(LOWEST)/bin/python -m pytest $(WORKERS) -m "not slow"

proof: setup  ## the long tests, then the long evidence, written under results/
	$(BIN)/python -m pytest -m proof
	$(BIN)/python -m share_dist.studies.proof

lint: $(STAMP)  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## pyright
	$(BIN)/pyright

bench: setup  ## every benchmark that needs neither a GPU nor root, a ratio each
	for name in render survey train memory sweep; do $(BIN)/share-dist bench $$name || exit 1; done

clean:  ## remove the virtual environment; runs are left alone
	rm -rf $(VENV) $(LOWEST)
