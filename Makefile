# Everything happens in .venv; nothing else on the machine is touched. Needs Python 3.11+, make and a network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test backends lint format bench schema clean

run: $(VENV)/.run  ## replay October and November 2018 of the example bill, day by day
	$(BIN)/cloudcircuit run --config config.example.toml --from 2018-10-02 --to 2018-11-30

test: $(VENV)/.dev backends  ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadfile

backends: $(VENV)/bin/python  ## servers that tests run against; each in an environment of its own
	@sh tests/gcp/install_emulator.sh .venv-bq $(PYTHON)
	@if command -v java >/dev/null; then sh tests/sql/install_spark.sh .venv-spark $(PYTHON); \
	  else echo "no java here: the tests on Spark SQL will be skipped"; fi

lint: $(VENV)/.dev  ## ruff, mypy --strict, the layers of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## figures as ratios within one run; docs/performance.md explains them
	$(BIN)/python -m benchmarks

schema: $(VENV)/.dev  ## write docs/config.schema.json anew
	$(BIN)/python -m cloudcircuit.config

clean:
	rm -rf $(VENV) .venv-bq .venv-spark dist state

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "CloudCircuit needs Python 3.11 or newer; set PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.run: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[daemon]'
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@ $(VENV)/.run
