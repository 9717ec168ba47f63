# Needs Python 3.11 or newer and nothing else. `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install run test faults lint bench dist deps lock clients clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

install: $(READY) ## The locked libraries into .venv, and nothing else
	@echo "Installed. Run: . $(BIN)/activate; waystate --help"

run: $(READY) ## Start the demo: embedded database, simulated WhatsApp and Genesys
	@exec $(BIN)/waystate demo

test: $(READY) ## All tests but the long ones, a process a core
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

faults: $(READY) ## The long tests: kills, outages, full disks; PART=kills for one part of them
	@WAYSTATE_LONG=1 FAULTS_PART=$(PART) $(BIN)/python -m pytest -m "faults or mutants" tests/faults

lint: $(READY) ## Style, types and the layers
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >$(VENV)/layers.txt || { cat $(VENV)/layers.txt; exit 1; }

bench: $(READY) ## Measure against the peers; takes minutes. AGAINST=HEAD~1 measures against a commit
	@$(BIN)/python -m benchmarks$(if $(AGAINST),.against $(AGAINST))

dist: $(READY) ## A wheel to install elsewhere, and the versions that it is tested with, into dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build --target wheel --directory dist
	@cd clients/python && $(abspath $(BIN))/python -m hatchling build --target wheel --directory ../../dist
	@sed -n 's/^\([a-z0-9][^ ]*==.*[^ ]\) *\\$$/\1/p' requirements.lock >dist/constraints.txt && echo dist/constraints.txt

deps: ## RabbitMQ, Redis, PostgreSQL, wrk and Node.js from Debian, for the tests and benchmarks that want them
	@.ci/deps
	@cd clients/typescript && npm ci --silent

lock: $(READY) ## Write requirements.lock again, with the newest versions that fit
	@$(BIN)/pip-compile --quiet --upgrade --extra dev --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
		--no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file $(VENV)/new.lock pyproject.toml
	@{ head -n 1 requirements.lock; cat $(VENV)/new.lock; } >$(VENV)/headed.lock && mv $(VENV)/headed.lock requirements.lock

clients: $(READY) ## Write the OpenAPI document and both clients again, from the operations' rows
	@$(BIN)/python -m tests.test_openapi_documentation
	@$(BIN)/python -m clients.generator
	@cd clients/typescript && npm ci --silent && npm run --silent generate -- --output src/schema.ts >/dev/null

clean: ## Remove caches and build output; .venv and your data stay
	@rm -rf build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Waystate needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; \
		exit 1; }
	@echo "Installing the locked libraries into $(VENV) (once; a minute or two) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --root-user-action ignore --require-hashes -r requirements.lock
	@$(PIP) install --root-user-action ignore --no-deps --no-build-isolation --editable . --editable clients/python
	@touch $@
