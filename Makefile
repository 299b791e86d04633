# You need only make and Python 3.11 to 3.14. `make` alone lists the targets.
# PYTHON: the Python to use; by default the one that made .venv, or python3 the first time
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MYPY := $(BIN)/mypy

# Without compiled files, every process would recompile everything that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

help:  ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

call: $(READY)  ## Place the demonstration call and show it as it happens.
	@scripts/run $(BIN)/python -m devtools call

talk: $(READY)  ## Talk to the line from your browser.
	@scripts/run $(BIN)/python -m devtools talk

stack: $(READY)  ## Run the deployables on this machine until Ctrl-C.
	@scripts/run $(BIN)/python -m devtools stack

# It needs only Python's standard library and gcloud.
deploy:  ## Deploy the line to Google Cloud, step by step; --dry-run only shows what it would do.
	+@$(or $(PYTHON),python3) -m deploy $(if $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),--dry-run)

conformance: $(READY)  ## Compare the stand-ins with the real services (needs keys).
	@scripts/run $(BIN)/python -m devtools conformance

# COVERAGE=1 measures coverage, as CI does; the tests then take about 50 % more CPU time.
test: $(READY)  ## Check types and style, then run the tests (or TESTS=…); COVERAGE=1 measures coverage.
	@$(MAKE) --no-print-directory lint
	@rm -f .coverage .coverage.*
	$(BIN)/python $(if $(COVERAGE),-m coverage run) -m pytest -m "not real_time" --numprocesses 4 \
		--dist loadfile --no-loadscope-reorder $(TESTS)
	$(if $(COVERAGE),$(BIN)/python -m coverage combine --quiet && $(BIN)/python -m coverage report)

test-real-time: $(READY)  ## Run the tests that need real time, one by one, on an idle machine.
	$(BIN)/python -m pytest -m real_time $(TESTS)

bench: $(READY)  ## Benchmark against a bare relay and pipecat (Linux, two cores).
	@$(BIN)/python -m benchmarks

# Not part of `make test`, because it downloads third-party software.
peers: $(READY)  ## Let third-party clients talk to the stand-ins (1.1 GB the first time; Node 20).
	@$(BIN)/python -m peers

# SECONDS: how long to fuzz each target
SECONDS ?= 60
fuzz: $(READY)  ## Fuzz both codecs and the webhook (a minute each).
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement tests/fuzz/requirements.txt
	@for target in twilio gemini webhook; do \
		echo "$$target:"; \
		PYTHONPATH=functions/incoming_call $(BIN)/python -m tests.fuzz $$target --seconds $(SECONDS) || exit 1; \
	done

# Its packages aren't in requirements.txt, because only people who build the docs need them.
docs: $(READY)  ## Build the documentation into out/docs, and check its links.
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement scripts/docs-requirements.txt
	@$(BIN)/zensical build --strict

lint: $(READY)  ## Check types (mypy strict) and style (ruff).
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(MYPY) shared/ringdown services/console services/stream_handler functions/incoming_call cli/ringdown_cli deploy devtools simulators benchmarks peers tests
	$(MYPY) terraform/scripts/twilio_number.py terraform/scripts/firestore.py scripts/pin_extras.py
	@for function in functions/agent_edited/ functions/call_ended/ functions/caller_page/ functions/tools/*/; do \
		echo "$(MYPY) $$function"; \
		MYPYPATH=$$function $(MYPY) $$function || exit 1; \
	done

format: $(READY)  ## Format the code.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(READY)  ## Update all lock files, with hashes.
	@PYTHON=$(BIN)/python scripts/lock

clean:  ## Remove everything that make created.
	rm -rf $(VENV) .venv-deploy .venv-livekit .venv-pipecat peers/javascript/node_modules terraform/.build out *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

$(READY):
	@PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/setup

.PHONY: $(READY) help call talk stack deploy conformance test test-real-time bench peers fuzz lint format lock clean
