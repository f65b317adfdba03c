# `make` alone prints what there is. Needs Python 3.11 to 3.13, make and git; all else it installs
# into .venv from the locked requirements.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
BIN := .venv/bin
# What tests and measures asks nobody.
test test-long test-oldest bench scale: export CROSSINGS_SOURCE := figures

.PHONY: help
help: ## Print this help
	@echo 'make TARGET, where TARGET is one of:'
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' Makefile \
		| while IFS='|' read -r name text; do printf '  %-12s %s\n' "$$name" "$$text"; done
	@echo 'PYTHON=python3.12 make run chooses the interpreter; settings are CROSSINGS_* (docs/operations.md).'

.PHONY: run
run: install ## Install, fit what is not current, and serve on http://127.0.0.1:8000 (CROSSINGS_PORT)
	@exec $(BIN)/crossings run

.PHONY: install
install: ## Make .venv and install what the service needs
	@scripts/prepare run

.PHONY: install-dev
install-dev: ## The same, and what tests and lint need
	@scripts/prepare dev

.PHONY: test
test: lint ## Lint, then run every test but the long ones
	@scripts/browser
	@$(BIN)/python -m pytest

.PHONY: test-long
test-long: install-dev ## Run every test, the long forms of fault tests among them
	@$(BIN)/python -m pytest -m '' --hypothesis-profile long --no-loadscope-reorder

.PHONY: test-oldest
test-oldest: ## Run the tests with the oldest versions that pyproject.toml allows
	@scripts/test-oldest

.PHONY: bench
bench: ## Score our forecasters and the peers on 77 past days (10 minutes; ARGS="--quick")
	@scripts/bench $(ARGS)

.PHONY: scale
scale: install-dev ## Measure how the cost grows with the series, on Dask (ARGS="--quick")
	@$(BIN)/python -m bench.scale $(ARGS)

.PHONY: mutate
mutate: install-dev ## Change the code a place at a time and see whether a test fails (ARGS="--sample 40")
	@scripts/mutate $(ARGS)

.PHONY: lint
lint: install-dev ## Check style, types and the Dockerfile
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo 'make format would change the files above'; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/hadolint Dockerfile

.PHONY: format
format: install-dev ## Put the code into its one format
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

.PHONY: lock
lock: ## Resolve the dependencies anew into the requirements files
	@scripts/lock

.PHONY: sbom
sbom: ## Write the bill of materials of the image to var/sbom.json
	@scripts/sbom

.PHONY: audit
audit: ## Look up known vulnerabilities of what the image is made of
	@scripts/audit

.PHONY: clean
clean: ## Remove all that was built; var/ and models/fitted/ stay
	@rm -rf .venv .venv-* build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find forecast service tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
