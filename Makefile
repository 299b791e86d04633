# Python 3.11 to 3.14 and make are all that is needed. `make` alone lists the targets.
# PYTHON: which Python; by default the one that made .venv, and python3 the first time
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MYPY := $(BIN)/mypy

# Without compiled files every process would compile again all that it imports.
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

# Python's standard library and gcloud are all that it needs.
deploy:  ## Deploy the line to Google Cloud, step by step; --dry-run shows it all and changes nothing.
	+@$(or $(PYTHON),python3) -m deploy $(if $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),--dry-run)

conformance: $(READY)  ## Compare the stand-ins with the real services, given keys.
	@scripts/run $(BIN)/python -m devtools conformance

# COVERAGE=1: as CI does. The tests then need about half as much processor time again.
test: $(READY)  ## Check types and style, then run the tests (or TESTS=…); COVERAGE=1 measures them.
	@$(MAKE) --no-print-directory lint
	@rm -f .coverage .coverage.*
	$(BIN)/python $(if $(COVERAGE),-m coverage run) -m pytest -m "not real_time" --numprocesses 4 \
		--dist loadfile --no-loadscope-reorder $(TESTS)
	$(if $(COVERAGE),$(BIN)/python -m coverage combine --quiet && $(BIN)/python -m coverage report)

test-real-time: $(READY)  ## Run the tests that need real time, one by one; leave the machine alone.
	$(BIN)/python -m pytest -m real_time $(TESTS)

bench: $(READY)  ## Measure everything beside a bare relay and pipecat (Linux, two cores).
	@$(BIN)/python -m benchmarks

# Not part of `make test`: it downloads what others wrote.
peers: $(READY)  ## Have clients that others wrote talk to the stand-ins (1.1 GB the first time; Node 20).
	@$(BIN)/python -m peers

# SECONDS: of each target
SECONDS ?= 60
fuzz: $(READY)  ## Feed both codecs and the webhook bytes that break them (a minute each).
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement tests/fuzz/requirements.txt
	@for target in twilio gemini webhook; do \
		echo "$$target:"; \
		PYTHONPATH=functions/incoming_call $(BIN)/python -m tests.fuzz $$target --seconds $(SECONDS) || exit 1; \
	done

# Not in requirements.txt: only those who build the pages need it.
docs: $(READY)  ## Build the documentation into out/docs, and check its links.
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement scripts/docs-requirements.txt
	@$(BIN)/zensical build --strict

lint: $(READY)  ## Types (mypy strict) and style (ruff).
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(MYPY) shared/ringdown services/console services/stream_handler functions/incoming_call cli/ringdown_cli deploy devtools simulators benchmarks peers tests
	$(MYPY) terraform/scripts/twilio_number.py terraform/scripts/firestore.py scripts/pin_extras.py
	@for function in functions/agent_edited/ functions/call_ended/ functions/caller_page/ functions/tools/*/; do \
		echo "$(MYPY) $$function"; \
		MYPYPATH=$$function $(MYPY) $$function || exit 1; \
	done

format: $(READY)  ## Put the code into shape.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(READY)  ## Resolve every requirements.in again, with hashes.
	@PYTHON=$(BIN)/python scripts/lock

clean:  ## Remove what was made here.
	rm -rf $(VENV) .venv-deploy .venv-livekit .venv-pipecat peers/javascript/node_modules terraform/.build out *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

$(READY):
	@PYTHON="$(PYTHON)" VENV="$(VENV)" scripts/setup

.PHONY: $(READY) help call talk stack deploy conformance test test-real-time bench peers fuzz lint format lock clean
