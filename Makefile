# Two commands are enough: `make run` and `make test`. `make` alone prints the list.
# Paths are relative and recipes use `python -m`, so a checkout may lie in a folder with blanks in its name.

.DEFAULT_GOAL := help
.SUFFIXES:
.NOTPARALLEL:
.PHONY: help install run test quick proof chaos bench format check
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_REQUIRE_VIRTUALENV = 0
export PIP_USER = 0

PY := .venv/bin/python
STAMP := .venv/.installed
# what the installation depends on, and where it was made (an editable installation knows its folder)
SUM = { cat pyproject.toml constraints.txt; pwd; } | cksum

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done
	@echo 'Further arguments: make run ARGS="--no-demo", make test ARGS="-k dossier", PYTHON=python3.12 make install.'

install: $(STAMP) ## make .venv and install everything into it; does nothing when nothing changed

# The stamp is written last: what was broken off is made again. A new date on an unchanged file installs nothing.
$(STAMP): pyproject.toml constraints.txt
	@if [ -x $(PY) ] && [ -f $@ ] && [ "$$(cat $@)" = "$$($(SUM))" ]; then touch $@; exit 0; fi; \
	for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python); do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null || continue; \
	  found=$$python; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null && break; \
	done; \
	if [ -z "$$found" ]; then \
	  echo '$(if $(PYTHON),$(PYTHON) is not,There is no) Python 3.11, 3.12 or 3.13$(if $(PYTHON),, on the PATH).' >&2; \
	  echo 'Install one, or name it: make install PYTHON=/path/to/python3.11' >&2; exit 1; \
	fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$found cannot make a virtual environment: its module venv or ensurepip is missing." >&2; \
	    echo "On Debian and Ubuntu: apt-get install $$("$$found" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')" >&2; exit 1; \
	  fi; \
	  echo "Making .venv with $$("$$found" --version)."; \
	  "$$found" -m venv --clear .venv || exit 1; \
	fi; \
	echo 'Installing the packages of constraints.txt into .venv; this is done once and takes some minutes.'; \
	$(PY) -m pip install -c constraints.txt setuptools && \
	$(PY) -m pip install -c constraints.txt --no-build-isolation -e '.[embedded,grafana,test]' && \
	$(SUM) > $@ && echo 'Installed.'

run: install ## start the centre: broker, store, worker, gateway, wall, demo feed; Ctrl-C stops it
	@trap : INT; $(PY) -m ioc up $(ARGS); status=$$?; [ $$status -eq 130 ] || exit $$status

# a process more than cores; a file's tests stay together, the longest files come first (tests/conftest.py)
PYTEST = $(PY) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: install ## run all tests against a real broker and store, started on free ports; 25 to 30 minutes on two cores
	@$(PYTEST) $(ARGS)

quick: install ## run the tests without the slow ones
	@$(PYTEST) -m 'not slow and not proof' $(ARGS)

proof: install ## run the long proofs: hundreds of schedules and examples, fuzzers, a storm, 1,000 faults, a year and three years of the province; 40 minutes on two cores, 35 more for the year, and what ioc bench --only years takes, once
	@HYPOTHESIS_PROFILE=thorough $(PYTEST) -m 'proof or thorough or hypothesis' --timeout 86400 $(ARGS)

chaos: install ## strike real processes with 1,000 faults and compare every row with brute force; half an hour
	@$(PY) -m tests.chaos $(ARGS)

bench: install ## measure the engine beside a raw fetch and a Faust table, on servers of its own; some minutes
	@$(PY) -m ioc bench $(ARGS)

format: install ## put the code into the form that `make check` asks for
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

check: install ## ruff, mypy, import layers, and the declarations
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	@# python -m, for the script .venv/bin/lint-imports does not survive a move of the folder
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(PY) -m ioc check
