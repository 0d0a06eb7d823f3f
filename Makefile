# The commands of the record. `make` alone lists them.
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.done
# Tests spread over the cores; each of these processes has servers of its own. PYTEST="..." narrows a run.
PYTEST ?= -n 2 --dist loadfile tests
NODE := $(if $(shell command -v npm 2>/dev/null),,node)
comma := ,

.PHONY: help demo test bench lint assets dev clean
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-8s %s\n", $$1, $$2}'

demo: $(DONE)/assets ## Install everything into .venv and run the demo region (ARGS="--port-offset 1000")
	$(BIN)/imaging-record demo $(ARGS)

test: $(DONE)/dev $(DONE)/assets-dev lint ## Install what the tests need, check the house rules, and run all tests
	sh .ci/system-packages
	$(BIN)/python -m pytest $(PYTEST)

bench: $(DONE)/dev ## Measure speed as ratios to a bare baseline on this machine
	sh .ci/system-packages
	$(BIN)/python -m tests.benchmarks $(ARGS)

lint: $(DONE)/dev ## Check style (ruff), types (mypy --strict) and who imports whom (import-linter)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

assets: $(DONE)/assets ## Install the viewer and the design system only

dev: $(DONE)/dev $(DONE)/assets-dev ## Install all that development needs

clean: ## Remove what was installed and built; data in var/ stays
	rm -rf $(VENV) .assets node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info

$(VENV)/pyvenv.cfg:
	python=$$(sh .ci/python) && "$$python" -m venv $(VENV)

$(DONE)/installed: $(VENV)/pyvenv.cfg setup.cfg pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.$(if $(NODE),[$(NODE)])'
	@mkdir -p $(DONE) && touch $@

$(DONE)/dev: $(VENV)/pyvenv.cfg setup.cfg pyproject.toml
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.[dev$(if $(NODE),$(comma)$(NODE))]'
	@mkdir -p $(DONE) && touch $(DONE)/installed $@

$(DONE)/assets: $(DONE)/installed package-lock.json fhir_server/cli/assets.py
	$(BIN)/imaging-record assets
	@touch $@

$(DONE)/assets-dev: $(DONE)/dev package-lock.json fhir_server/cli/assets.py
	$(BIN)/imaging-record assets --dev
	@touch $(DONE)/assets $@
