# `make help` lists the targets.  Everything goes into .venv and .local of this folder, except for the caches of uv and
# Maven, and Debian's redis-server, which `make test` installs if it is missing and you are root.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
UV := $(BIN)/uv
KAFKA_LIB := deploy/kafka/lib
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## Create .venv with all dependencies (other targets do this automatically)

.PHONY: demo
demo: $(INSTALLED) ## Watch the whole pipeline judge generated chat; no servers.  ARGS="--duration 60"
	@$(BIN)/chatwarden demo $(ARGS)

.PHONY: test
test: $(INSTALLED) kafka redis check ## Install what the tests need (Kafka, Redis), then run every check and every test
	@echo "== tests"
	$(BIN)/python -m pytest $(ARGS)

.PHONY: check
check: $(INSTALLED) ## Lint, types and import contracts; part of `make test`
	@echo "== lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "== types"
	@$(BIN)/mypy
	@echo "== imports"
	@$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(INSTALLED) ## Format the code with ruff
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: kafka
kafka: $(KAFKA_LIB)/.installed ## Download Apache Kafka (54 MB) for the tests; needs Java 17+ and Maven

.PHONY: redis
redis: ## Install redis-server for the tests if it is missing
	@command -v redis-server >/dev/null || deploy/redis/install.sh

.PHONY: lock
lock: $(UV) ## Update the lock files from pyproject.toml
	$(UV) pip compile -q pyproject.toml --all-extras $(LOCK) -o requirements/dev.txt
	$(UV) pip compile -q pyproject.toml --extra worker $(LOCK) -o requirements/worker.txt
	$(UV) pip compile -q pyproject.toml --extra worker --extra workshop $(LOCK) -o requirements/workshop.txt
	$(UV) pip compile -q pyproject.toml --extra strikes $(LOCK) -o requirements/strikes.txt
	$(UV) pip compile -q requirements/build.in $(LOCK) -o requirements/build.txt
LOCK := --universal --generate-hashes --no-emit-index-url --no-header

.PHONY: clean
clean: ## Remove everything that these targets created
	rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks dist $(KAFKA_LIB) deploy/kafka/target
	find schemas model stream -name __pycache__ -exec rm -rf {} +

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; choose one with: make PYTHON=python3.11" >&2; exit 2; }
	@echo "== creating .venv ($$($(PYTHON) --version))"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv \
	  || { echo "This Python lacks venv; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(INSTALLED): $(UV) requirements/dev.txt pyproject.toml
	@echo "== installing the locked dependencies into .venv (6 GB with torch; about a minute from uv's cache, otherwise as fast as your connection)"
	@# Compiled here: where Python may not write byte code, every start would compile its imports again.
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --compile-bytecode --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q schemas model stream
	@touch $@

$(KAFKA_LIB)/.installed: deploy/kafka/pom.xml deploy/kafka/SHA256SUMS
	@deploy/kafka/install.sh
