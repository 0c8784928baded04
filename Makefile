PYTHON ?= python3
BIN := .venv/bin

.PHONY: lock
lock: ## Write the lock files again, from pyproject.toml
	$(BIN)/uv pip compile -q pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url --no-header -o requirements/dev.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra worker --universal --generate-hashes --no-emit-index-url --no-header -o requirements/worker.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra worker --extra workshop --universal --generate-hashes --no-emit-index-url --no-header -o requirements/workshop.txt
	$(BIN)/uv pip compile -q pyproject.toml --extra strikes --universal --generate-hashes --no-emit-index-url --no-header -o requirements/strikes.txt
