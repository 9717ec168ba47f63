# Needs Python 3.11 or newer and nothing else. `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
READY := $(VENV)/.ready
EXTRA := $(VENV)/.extra
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate --no-emit-options \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host
# Of the second file, the libraries that the first has not.
WITHOUT := awk '/^[a-z0-9]/ { new = FNR < NR && !($$1 in had); if (FNR == NR) had[$$1] } new && !/^\#/'

.DEFAULT_GOAL := help
.PHONY: help install develop run test faults lint bench dist deps lock clients clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

install: $(READY) ## The locked libraries that Waystate runs with, into .venv
	@echo "Installed. Run: . $(BIN)/activate; waystate --help"

develop: $(EXTRA) ## Also those that its tests and checks are made with
	@echo "Installed. Run: . $(BIN)/activate; pytest tests/unit"

run: $(READY) ## Start the demo: embedded database, simulated WhatsApp and Genesys
	@exec $(BIN)/waystate demo

test: $(EXTRA) ## All tests but the long ones, a process a core
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

faults: $(EXTRA) ## The long tests: kills, outages, full disks; PART=kills for one part of them
	@WAYSTATE_LONG=1 FAULTS_PART=$(PART) $(BIN)/python -m pytest -m "faults or mutants" tests/faults

lint: $(EXTRA) ## Style, types and the layers
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >$(VENV)/layers.txt || { cat $(VENV)/layers.txt; exit 1; }

bench: $(EXTRA) ## Measure against the peers; takes minutes. AGAINST=HEAD~1 measures against a commit
	@$(BIN)/python -m benchmarks$(if $(AGAINST),.against $(AGAINST))

dist: $(READY) ## A wheel to install elsewhere, and the versions that it is tested with, into dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build --target wheel --directory dist
	@cd clients/python && $(abspath $(BIN))/python -m hatchling build --target wheel --directory ../../dist
	@sed -n 's/^\([a-z0-9][^ ]*==.*[^ ]\) *\\$$/\1/p' requirements.lock >dist/constraints.txt && echo dist/constraints.txt

deps: ## RabbitMQ, Redis, PostgreSQL, wrk and Node.js from Debian, for the tests and benchmarks that want them
	@.ci/deps
	@cd clients/typescript && npm ci --silent

lock: $(EXTRA) ## Write all locks again, with the newest versions that fit
	@$(LOCK) --upgrade --build-deps-for wheel --build-deps-for editable --output-file $(VENV)/new.lock pyproject.toml
	@$(LOCK) --upgrade --extra dev --constraint $(VENV)/new.lock --output-file $(VENV)/all.lock pyproject.toml
	@{ head -n 1 requirements.lock; cat $(VENV)/new.lock; } >$(VENV)/headed.lock && mv $(VENV)/headed.lock requirements.lock
	@{ head -n 1 requirements-extra.lock; $(WITHOUT) $(VENV)/new.lock $(VENV)/all.lock; } >$(VENV)/headed.lock
	@mv $(VENV)/headed.lock requirements-extra.lock
	@cd clients/typescript && npm update --package-lock-only --silent
	@$(BIN)/python -c 'import json, pathlib; file = pathlib.Path("clients/typescript/package-lock.json"); \
		lock = json.loads(file.read_text()); [each.pop("funding", None) for each in lock["packages"].values()]; \
		file.write_text(json.dumps(lock, indent=2) + "\n")'

clients: $(EXTRA) ## Write the OpenAPI document and both clients again, from the operations' rows
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

$(EXTRA): requirements-extra.lock $(READY)
	@echo "Installing what tests and checks are made with into $(VENV) (once; a minute) ..." >&2
	@$(PIP) install --root-user-action ignore --require-hashes -r requirements.lock -r requirements-extra.lock
	@touch $@
