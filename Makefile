# `make reproduce` trains a study and prints its report; `make test` runs the tests. Both install what they need first.
PYTHON ?= python3
STUDY ?= quick
VENV := .venv
LOWEST := .venv-lowest

.PHONY: reproduce test test-lowest process-test slow-test lint docs benchmark clean

reproduce: $(VENV)/installed
	$(VENV)/bin/hf-capacity run $(STUDY)
	$(VENV)/bin/hf-capacity report runs/$(STUDY)

test: $(VENV)/installed
	HF_HUB_OFFLINE=1 $(VENV)/bin/python -m pytest --numprocesses 2

# The same tests, which compare numbers too, with the oldest versions that pyproject.toml allows. Python 3.11; on Linux
# that torch is a CUDA build of some gigabytes. Old versions warn of what was deprecated after them: here that is no error.
test-lowest: $(LOWEST)/installed
	HF_HUB_OFFLINE=1 $(LOWEST)/bin/python -m pytest --numprocesses 2 -W default

# Whole commands started, stopped and killed: some ten seconds each. CI runs them after the tests.
process-test: $(VENV)/installed
	HF_HUB_OFFLINE=1 $(VENV)/bin/python -m pytest --numprocesses 2 -m processes

slow-test: $(VENV)/installed
	HF_HUB_OFFLINE=1 $(VENV)/bin/python -m pytest -m slow

lint: $(VENV)/installed
	$(VENV)/bin/ruff check .
	# Every file is read and written as UTF-8, whatever the locale; this rule of ruff is a preview.
	$(VENV)/bin/ruff check --preview --select PLW1514 .
	$(VENV)/bin/ruff format --check .

# The site, in build/site.
docs: $(VENV)/installed
	$(VENV)/bin/python scripts/stage_docs.py
	$(VENV)/bin/zensical build --strict

# Some six minutes, during which nothing else should run.
benchmark: $(VENV)/installed
	HF_HUB_OFFLINE=1 $(VENV)/bin/python scripts/benchmark.py

# torch first and by its exact version: see constraints.txt.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt torch
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(LOWEST)/installed: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --constraint constraints-lowest.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) build dist *.egg-info
