# Needs Python 3.11 or newer, make and git; everything else is put into .venv and .cache.
# CI runs these targets, nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test faults bench check plants lock kafka-jars kafka-jars-lock schema-snapshot refusals-table clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do printf '%-22s %s\n' "$$target" "$$text"; done

demo: $(VENV)/embedded kafka-jars ## a casino evening on real Apache Kafka and PostgreSQL, within a minute
	@$(BIN)/loyalty demo

test: setup ## all tests, on real parts, in three processes; ARGS="…" goes to pytest, "-n 0" is one process
	@$(BIN)/pytest -n 3 --dist worksteal $(ARGS)

check: setup ## everything that reads the code without running it
	@echo "check: ruff, rules"
	@$(BIN)/ruff check --quiet
	@echo "check: ruff, format"
	@$(BIN)/ruff format --quiet --check
	@echo "check: mypy"
	@$(BIN)/mypy --no-error-summary
	@echo "check: imports go one way"
	@$(BIN)/lint-imports --no-logo > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }
	@echo "check: migrations and the locks they take"
	@$(BIN)/squawk migrations/versions/*.sql > $(VENV)/squawk.txt 2>&1 || { cat $(VENV)/squawk.txt; exit 1; }
	@echo "check: schemas"
	@$(BIN)/check-jsonschema --quiet --check-metaschema schemas/*/v*.schema.json
	@echo "check: yaml, shell, spelling"
	@$(BIN)/yamllint --strict .
	@$(BIN)/shellcheck .ci/run
	@$(BIN)/typos
	@echo "check: no address of a package index, no path of one machine"
	@! git grep -nIE 'pypi[.]org|pythonhosted[.]|maven[.](org|apache)|repo1[.]|[/]work/|[/]home/|[/]root/'

plants: setup ## known bugs, each planted in a copy, and the test that fails for it; PLANTS="…" picks
	@$(BIN)/python tests/plants.py $(PLANTS)

schema-snapshot: setup ## write migrations/schema.sql anew, after a change of the migrations
	@$(BIN)/python tests/schemasnapshot.py

refusals-table: setup ## write the README's table of refusals anew, after a change of the list
	@$(BIN)/python tests/refusaltable.py

setup: $(VENV)/dev kafka-jars ## what the targets above need; they call it

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, this is $$($(PYTHON) --version 2>&1):" \
		"name another one, make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "setup: an environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# The first is all that the demo needs; the second holds the first.
$(VENV)/embedded: requirements/embedded.lock pyproject.toml $(VENV)/python
	$(call install,embedded)
	@touch $@

$(VENV)/dev: requirements/dev.lock pyproject.toml $(VENV)/python
	$(call install,dev)
	@touch $(VENV)/embedded $@

define install
	@echo "setup: the packages of requirements/$(1).lock"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/$(1).lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
endef

kafka-jars: | $(VENV)/python
	@$(BIN)/python -m loyalty_worker.embedded.fetch

lock: ## pin the packages anew, after a change in pyproject.toml (needs uv on the path)
	$(call pin,runtime,)
	$(call pin,embedded,--extra embedded --group build)
	$(call pin,dev,--extra embedded --group build --group dev)

define pin
	@echo "lock: requirements/$(1).lock"
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links pyproject.toml $(2) -o requirements/$(1).lock
endef

kafka-jars-lock: setup ## list Apache Kafka's jars anew, as Maven resolves them (needs mvn on the path)
	@$(BIN)/python -m loyalty_worker.embedded.lock_jars

clean: ## remove all that these targets made
	rm -rf $(VENV) .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

faults: setup ## ten minutes of faults under traffic, with new seeds, and a table of what came of each
	@PYTHONPATH=tests $(BIN)/python tests/faultsoak.py

bench: setup ## a million entries: the drift check beside bare sums, its memory, posting beside it
	@PYTHONPATH=tests $(BIN)/python -m benchmarks
