# Needs python3.11 or newer with venv and pip, and make; everything else goes into .venv.
#
#   make demo        count the linear regions of a shipped network, with progress
#   make test        the tests               make test-slow   all of them (minutes)
#   make lint        ruff and pyright        make bench       the benchmark table (minutes)
#   make bench-long  the networks too that take minutes each
#   make bench-auto  the table behind --engine auto
#   make bench-coverage  how often the intervals of estimate cover (a quarter of an hour)
#   make bench-peers other programs on the same networks, in an environment of their own
#   make examples    train the shipped networks again
#   make docs        the pictures of the gallery and the README again
#
# PYTHON=python3.12 chooses the interpreter of a new .venv.
# PIP_FLAGS=... is handed to pip install (an index with a CPU build of torch, say).

PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13 python3.14,\
	$(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
PIP_FLAGS ?=
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install demo test test-slow lint format bench bench-long bench-auto bench-coverage bench-peers examples docs clean
.DELETE_ON_ERROR:

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: needs python3.11 or newer; name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	@echo "$$ regions info examples/models/digits.pt"
	@$(BIN)/regions info examples/models/digits.pt
	@echo
	@echo "$$ regions count examples/models/digits.pt   (the first count compiles the engine: up to a minute)"
	@$(BIN)/regions count examples/models/digits.pt

# One process a core, each with files of its own as long as there are any: kernels load once a process.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist worksteal

test: install
	$(PYTEST)

test-slow: install
	$(PYTEST) --run-slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.queries

bench-long: install
	$(BIN)/python -m benchmarks --long --workers 2
	$(BIN)/python -m benchmarks.queries --long

bench-auto: install
	$(BIN)/python -m benchmarks.auto --markdown benchmarks/auto.md

bench-coverage: install
	$(BIN)/python -m benchmarks.coverage --markdown benchmarks/coverage.md

bench-peers: install
	$(BIN)/python -m benchmarks.peers --install --pip-flags="$(PIP_FLAGS)"

examples: install
	$(BIN)/python examples/train_digits.py

docs: install
	$(BIN)/python docs/make_gallery.py

clean:
	rm -rf .venv .venv-peers build dist *.egg-info .hypothesis .pytest_cache .ruff_cache
	find regions solvers tests examples benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
