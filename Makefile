# `make run` and `make test` need only Python 3.11 to 3.13 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test check-long lint types wheel install dev parity clean

run: install
	$(BIN)/python scripts/run.py --model=cnn,bnn --n_per_class=5,50 --data=synthetic --config=configs/quickstart.py --workdir=runs/quickstart

test: install
	$(BIN)/pytest tests/

# What takes minutes a test; BUILD.md says what is in it.
check-long: install
	$(BIN)/pytest tests/ -m long --numprocesses=0

# The wheel, in dist/. Files of an earlier build would be taken into it.
wheel: install
	rm -rf build dist
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	rm -rf build

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: dev
	$(BIN)/mypy

install: $(VENV)/.installed

dev: $(VENV)/.installed-dev

parity: $(VENV)/.installed-parity

# The marker is written last, so a broken installation is done again.
$(VENV)/.installed: requirements.txt pyproject.toml setup.py
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "error: Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

$(VENV)/.installed-parity: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[parity]'
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
