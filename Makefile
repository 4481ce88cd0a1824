# Two commands do everything on a fresh clone, set-up included: `make report` and `make test`.
PYTHON ?= python3
VENV ?= .venv
DATASET ?= 4dme
ROOT ?=
RUN = $(VENV)/bin/python

.PHONY: report test lint proof coverage docs clean
report: $(VENV)/.installed
	$(RUN) -m mebias report $(DATASET) $(if $(ROOT),--root "$(ROOT)")

test: $(VENV)/.installed-dev
	MEBIAS_FAST=1 OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

# The committed tables of reports/validation in their full size (a stopped run goes on where it
# was), mutation testing, and all notebooks and pages of the documentation in full.
proof: $(VENV)/.installed-proof
	$(RUN) -m mebias calibrate statistics --full
	$(RUN) -m mebias calibrate statistics --recovery --full
	$(RUN) -m mebias calibrate gain --cohorts 10000
	$(RUN) -m mebias calibrate selection
	$(RUN) -m mebias calibrate recognition --full --jobs 2
	$(RUN) -m mebias calibrate coders
	$(RUN) -m mebias calibrate relabel
	$(RUN) -m mebias calibrate plan-study
	$(RUN) benchmarks/scale.py --most 10000 --csv reports/validation/scale.csv
	$(RUN) benchmarks/scale.py --cohort 7526 --jobs 2 --csv reports/validation/scale.csv
	$(RUN) -m pytest -n0 tests/test_workers.py
	MEBIAS_KILLS=20 MEBIAS_FAST=1 $(RUN) -m pytest -n0 tests/hostile/test_kills.py
	$(RUN) benchmarks/mutate.py selection quantification
	$(RUN) benchmarks/licenses.py
	$(RUN) benchmarks/environments.py
	MEBIAS_FAST=0 $(MAKE) docs

# How much of mebias/ the tests run.
coverage: $(VENV)/.installed-proof
	MEBIAS_FAST=1 OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses logical --maxprocesses 4 \
		--dist loadfile --cov=mebias --cov-report=term:skip-covered --cov-fail-under=90

# The site, its notebooks run at reduced size (in full with MEBIAS_FAST=0): build/site/index.html
docs: $(VENV)/.installed-docs
	$(RUN) -m sphinx -q -W --keep-going -c notebooks/site notebooks build/site

lint: $(VENV)/.installed-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[pdf]"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

$(VENV)/.installed-proof: $(VENV)/.installed-docs
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[proof]"
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
