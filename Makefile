# `make` alone lists the targets. Needs Python 3.11 to 3.13, make and git; everything else is installed
# into .venv from the locked requirements.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
BIN := .venv/bin
# Tests and benchmarks use the embedded figures, not the network.
test test-long test-oldest bench scale: export CROSSINGS_SOURCE := figures
# Tests start hundreds of processes, which would each compile the code again.
test test-long test-oldest: export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Print this help
	@echo 'make TARGET, where TARGET is one of:'
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' Makefile \
		| while IFS='|' read -r name text; do printf '  %-12s %s\n' "$$name" "$$text"; done
	@echo 'To choose the interpreter: PYTHON=python3.12 make run. Settings (CROSSINGS_*): docs/operations.md.'

.PHONY: run
run: install ## Install, fit the models if needed, and serve on http://127.0.0.1:8000 (CROSSINGS_PORT)
	@exec $(BIN)/crossings run

.PHONY: install
install: ## Create .venv and install the service's dependencies
	@scripts/prepare run

.PHONY: install-dev
install-dev: ## Install the dependencies of tests and lint too
	@scripts/prepare dev

.PHONY: install-test
install-test: ## Install the dependencies of tests and lint, and the browser of the page tests
	@scripts/prepare test

.PHONY: test
test: install-test style ## Lint, and run all tests except the long ones
	@$(MAKE) -j2 types pytest # the type checker uses only one core

.PHONY: pytest
pytest: ## Run these tests alone, with what is installed
	@MAKEFLAGS= MAKELEVEL= $(BIN)/python -m pytest # for those that run make

.PHONY: test-long
test-long: install-dev ## Run all tests, including the long fault tests
	@$(BIN)/python -m pytest -m '' --hypothesis-profile long

.PHONY: test-oldest
test-oldest: ## Run the tests with the oldest dependencies that pyproject.toml allows
	@scripts/test-oldest

.PHONY: bench
bench: ## Score our forecasters and the peers on 77 past dates (10 minutes; ARGS="--quick")
	@scripts/bench $(ARGS)

.PHONY: scale
scale: install-dev ## Measure how cost grows with the number of series, on Dask (ARGS="--quick")
	@$(BIN)/python -m bench.scale $(ARGS)

.PHONY: mutate
mutate: install-dev ## Run mutation tests (ARGS="--sample 40")
	@scripts/mutate $(ARGS)

.PHONY: lint
lint: style types ## Check style, types and the Dockerfile

.PHONY: style
style: install-dev ## Check style and the Dockerfile
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo 'make format would change the files above'; exit 1; }
	@$(BIN)/hadolint Dockerfile

.PHONY: types
types: install-dev ## Check types
	@$(BIN)/mypy

.PHONY: format
format: install-dev ## Format the code
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

.PHONY: lock
lock: ## Update the locked requirements files
	@scripts/lock

.PHONY: sbom
sbom: ## Write the image's bill of materials to var/sbom.json
	@scripts/sbom

.PHONY: audit
audit: ## Check the image's packages for known vulnerabilities
	@scripts/audit

.PHONY: clean
clean: ## Remove everything built; keep var/ and models/fitted/
	@rm -rf .venv .venv-* build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find forecast service tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
