# Sekisho: every command a person or CI needs. GNU make and Python 3.11+ are enough; `make` alone lists the targets.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Wheels with known hashes only: nothing is built from source, nothing unpinned is fetched.
LOCKED := install --require-hashes --only-binary :all:
EDITABLE := install --no-deps --no-build-isolation --editable .
FUZZ_EXAMPLES ?= 2000
FUZZ_SECONDS ?= 120
KILLS ?= 500
REMOTE_KILLS ?= 100
DOCKER ?= docker
VERSION = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
# One process for each core, a file of tests at a time in each. ARGS come after it: `-n 0` runs them in one.
PARALLEL := -n auto --dist loadfile
# A shell in which Python may keep no bytecode (many containers have it so) would compile every test and every module
# anew in every process of the tests.
unexport PYTHONDONTWRITEBYTECODE
# What is compiled (pyproject.toml) is tested as it was before: the same tests, on the wheel's modules.
COMPILED := build/compiled
COMPILED_TESTS := tests/meta/test_compiled.py tests/unit/sql tests/unit/pgwire tests/property/test_sql_tree.py \
	tests/property/test_pgwire_bytes.py tests/property/test_pgwire_copy.py tests/property/test_pgwire_session.py \
	tests/fuzz/test_sql_mutants.py tests/fuzz/test_sql_wording.py tests/unit/test_understand.py \
	tests/unit/links/test_apart.py tests/unit/audit/test_chain.py tests/unit/audit/test_ready.py tests/unit/test_authorize.py \
	tests/unit/test_reuse.py tests/unit/test_counts.py tests/unit/test_search_path.py tests/unit/audit/test_hashing.py \
	tests/unit/links/test_connection.py tests/unit/links/test_server.py tests/unit/doors/test_pg_ticket.py \
	tests/unit/doors/test_pg_express.py tests/unit/doors/test_pg_turn.py

.DEFAULT_GOAL := help
.PHONY: help demo test lint types fuzz properties bench crash compiled wheel test-compiled majors peer-suites image image-tree sbom figure tools lock proto clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and none was found: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "==> $(VENV): a virtual environment with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "The modules venv and ensurepip are missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.demo: pyproject.toml requirements/demo.txt | $(BIN)/python
	@echo "==> installing Sekisho and what the demo needs, each package by its pinned hash"
	@$(PIP) $(LOCKED) -r requirements/demo.txt
	@$(PIP) $(EDITABLE)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.demo
	@echo "==> installing what the tests need, each package by its pinned hash"
	@$(PIP) $(LOCKED) -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.demo ## play the story on a real PostgreSQL and stay up (ONCE=1: play and end)
	@$(BIN)/sekisho demo $(if $(filter-out 0,$(ONCE)),--once)

test: lint types ## lint, types and all tests
	@echo "==> tests"
	@$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

lint: $(VENV)/.dev ## ruff: rules and format
	@echo "==> lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict on gateway/
	@echo "==> types"
	@$(BIN)/mypy

fuzz: $(VENV)/.dev ## property tests at length (FUZZ_EXAMPLES=2000 each), then bytes bred by coverage (FUZZ_SECONDS=120)
	@echo "==> property tests, $(FUZZ_EXAMPLES) examples each"
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest tests/property tests/fuzz --hypothesis-profile=fuzz --timeout=1800 $(ARGS)
	@mkdir -p build/fuzz
	@if $(PIP) $(LOCKED) -r requirements/fuzz.txt; then \
		echo "==> bytes bred by coverage, $(FUZZ_SECONDS) s; what breaks something is left in build/fuzz"; \
		$(BIN)/python -m tests.fuzz.atheris_wire -max_total_time=$(FUZZ_SECONDS) -max_len=2000 -artifact_prefix=build/fuzz/ \
			-verbosity=0 -print_final_stats=1 build/fuzz/corpus; \
	else echo "SKIPPED: bytes bred by coverage, as there is no wheel of atheris for this Python on this platform" >&2; fi

bench: $(VENV)/.dev ## figures: direct, through a pooler, through the gateway (compiled, where there is a C compiler)
	@lacking=$$($(BIN)/python tools/hatch_build.py 2>&1) || { echo "==> $$lacking: the gateway is not compiled"; \
		exec $(BIN)/python -m tests.bench $(ARGS); }; \
	$(MAKE) --no-print-directory compiled && SEKISHO_COMPILED=$(abspath $(COMPILED)) $(BIN)/python -m tests.bench $(ARGS)

majors: $(VENV)/.dev ## the corpus and housekeeping on PostgreSQL 13 to 18, what asks a server on 16 (make tools fetches them)
	@echo "==> tests on further majors"
	@$(BIN)/python -m pytest -n auto --dist worksteal -m majors $(ARGS)

properties: $(VENV)/.dev ## the property tests with more of the same examples than make test takes
	@echo "==> property tests"
	@$(BIN)/python -m pytest $(PARALLEL) -m "hypothesis and not majors" --hypothesis-profile=gate $(ARGS)

compiled: $(VENV)/.dev ## the modules that mypyc compiles, into build/, for tests and figures
	@echo "==> compiling"
	@rm -rf $(COMPILED) build/wheel
	@SEKISHO_COMPILE=1 $(PIP) wheel --no-deps --no-build-isolation --wheel-dir build/wheel .
	@$(PIP) install --no-deps --no-index --target $(COMPILED) build/wheel/*.whl

wheel: $(VENV)/.dev ## build the wheel into dist/, compiled where there is a C compiler
	@rm -f dist/sekisho-*.whl
	@lacking=$$($(BIN)/python tools/hatch_build.py 2>&1) && compile=1 || { \
		compile=0; echo "==> $$lacking: the wheel will be pure Python, slower and otherwise the same"; }; \
	SEKISHO_COMPILE=$$compile $(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

test-compiled: $(VENV)/.dev ## the tests of what mypyc compiles, on the compiled modules
	@$(BIN)/python tools/hatch_build.py
	@$(MAKE) --no-print-directory compiled
	@echo "==> tests"
	@SEKISHO_COMPILED=$(COMPILED) $(BIN)/python -m pytest $(PARALLEL) -o pythonpath="$(COMPILED) ." $(COMPILED_TESTS) $(ARGS)

image: ## the image sekisho:VERSION, by docker or what DOCKER= names (podman, buildah)
	@$(DOCKER) build --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) --tag sekisho:$(VERSION) .

image-tree: $(BIN)/python ## what the image holds, into build/image/, without Docker: the same script
	@rm -rf build/image
	@mkdir -p build
	@PYTHON=$(abspath $(BIN))/python tools/image/install.sh $(abspath build)/image

sbom: image-tree ## the list of what the image holds (CycloneDX), into dist/
	@mkdir -p dist
	@cp build/image/sbom.cdx.json dist/sekisho-$(VERSION).cdx.json
	@ls dist/*.cdx.json

figure: $(VENV)/.dev ## README's picture of a run's figures, from a run of four minutes and a real Prometheus
	@$(BIN)/python -m tools.figure.play

crash: $(VENV)/.dev ## kill -9 at KILLS=500 random moments under load, and what the record says then; then REMOTE_KILLS=100, where statements wait for a log server
	@$(BIN)/python -m tests.crash --kills $(KILLS) --remote $(REMOTE_KILLS) $(ARGS)

peer-suites: $(VENV)/.dev ## drivers' own test-suites, through the gateway and directly
	@$(BIN)/python -m tests.peers $(ARGS)

tools: ## build or find the optional tools, into .tools/
	@tools/build.sh

lock: $(BIN)/python ## pin all dependencies anew, with hashes
	@tools/lock.sh $(BIN)/python

proto: $(VENV)/.dev ## generate the gRPC code from proto/
	@$(BIN)/python proto/generate.py

clean: ## remove what make made
	rm -rf $(VENV) .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
