# make run    the server, with a first capture ready to process
# make test   everything that CI checks
# make help   the rest

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV   ?= .venv
BIN    := $(VENV)/bin
PYTCI  := $(wildcard pytci/pyproject.toml pytci/README.md pytci/src/pytci/*.py pytci/src/pytci/*/*.py)
NATIVE := $(wildcard src/tapiary/meter/_native.pyx src/tapiary/meter/*.pxd src/tapiary/meter/native/*.[ch])
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q
SOURCES := src tests tools benchmarks docs setup.py pytci examples

export TAPIARY_NATIVE = required
.DEFAULT_GOAL := help
.PHONY: help run test lint types fuzz bench docs format generate changelog clean

help:
	@echo 'make run        install into $(VENV), fetch GeoIP data where npm is there, start the server'
	@echo 'make test       lint, types, docs, short fuzzing and all tests, as CI does'
	@echo 'make fuzz       fuzz the meter under sanitizers; FUZZ_ARGS=--full for the long run'
	@echo 'make bench      measure against nfstream, ndpiReader and others; BENCH_ARGS=… is passed on'
	@echo 'make docs       build the documentation into docs/_build/html'
	@echo 'make generate   write the generated pages of the documentation and the sample capture again'
	@echo 'make format     sort imports and mend what ruff can mend'
	@echo 'make changelog  preview the next release notes'
	@echo 'make clean      remove what was built, the virtual environment too'

# The environment. Its stamps are newer than what they were made from, so a second `make` does nothing here.
$(VENV)/.made:
	@test -n '$(PYTHON)' || { echo 'Tapiary needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo 'Python cannot make virtual environments here (Debian, Ubuntu: apt install python3-venv)' >&2; exit 1; }
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml setup.py
	@echo 'Installing Tapiary into $(VENV) (a minute or two, once) …'
	@$(PIP) install 'setuptools>=77' 'cython>=3.1'
	@$(PIP) install --no-build-isolation -e '.[server,drone]'
	@touch $@ $(VENV)/.native

$(VENV)/.test: $(VENV)/.made pyproject.toml setup.py pytci/pyproject.toml
	@echo 'Installing Tapiary and what its tests need into $(VENV) …'
	@$(PIP) install 'setuptools>=77' 'cython>=3.1'
	@$(PIP) install --no-build-isolation -e '.[dev]' -e 'pytci[arrow,pandas,polars,test]'
	@touch $@ $(VENV)/.run $(VENV)/.native

$(VENV)/.packages: $(VENV)/.made tools/debian_packages.sh
	@tools/debian_packages.sh
	@touch $@

$(VENV)/.native: $(NATIVE)
	@test ! -e $@ || echo 'Compiling the meter again …'
	@test ! -e $@ || $(BIN)/python setup.py -q build_ext --inplace
	@touch $@

$(VENV)/.pytci: $(PYTCI)
	@$(BIN)/python -m tools.build_pytci_wheel >/dev/null
	@touch $@

run: $(VENV)/.run $(VENV)/.native $(VENV)/.pytci
	@$(BIN)/python -m tools.first_start
	@exec $(BIN)/tapiary serve $$($(BIN)/python -m tools.local_line) $(SERVE_ARGS)

# pytest comes last: its closing line is CI's result.
test: $(VENV)/.packages $(VENV)/.test $(VENV)/.native $(VENV)/.pytci lint types
	@$(MAKE) --no-print-directory docs
	@$(MAKE) --no-print-directory fuzz
	$(BIN)/python -m pytest -q -n 2 $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check $(wildcard $(SOURCES))

types: $(VENV)/.test
	$(BIN)/mypy
	$(BIN)/mypy tools docs $(wildcard benchmarks)
	cd pytci && $(abspath $(BIN))/mypy

fuzz: $(VENV)/.test $(VENV)/.native
	$(BIN)/python -m tools.fuzz $(FUZZ_ARGS)

bench: $(VENV)/.test $(VENV)/.native
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

docs: $(VENV)/.test
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

generate: $(VENV)/.test $(VENV)/.native
	$(BIN)/python -m docs.generate
	$(BIN)/python -m tools.make_sample

format: $(VENV)/.test
	$(BIN)/ruff check --fix-only $(wildcard $(SOURCES))

changelog: $(VENV)/.test
	$(BIN)/towncrier build --draft

clean:
	rm -rf $(VENV) build docs/_build src/*.egg-info src/tapiary/meter/_native*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
