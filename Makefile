# The one task list: people, pre-commit and .ci/run call the same names.
#
#   make setup    build .venv from the lock, install what the tests need (GPU=1: onnxruntime-gpu)
#   make demo     mask a real facial video end to end into demo-out/   (INPUT=my.mp4: your own)
#   make test     set up everything and pass the tests
#   make mutants  change the code of de-identification on trial: do the tests notice? (an hour)
#   make check    linters, types, import floors

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
ENGINE := $(if $(filter 1,$(GPU)),gpu,cpu)
STAMP := .venv/.installed-$(ENGINE)
INPUT ?=
# One process a core; all tests of a file in one of them.
PARALLEL ?= --numprocesses auto --dist loadfile
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup system demo test bench mutants check fmt lint types floors lock clean

setup: $(STAMP) system

$(STAMP): requirements/$(ENGINE).txt requirements/dev.txt pyproject.toml
	@echo "setup: building .venv ($(ENGINE))"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(if $(filter gpu,$(ENGINE)),$(PIP) uninstall --yes onnxruntime,$(PIP) uninstall --yes onnxruntime-gpu) 2>/dev/null || true
	@$(PIP) install --require-hashes -r requirements/$(ENGINE).txt
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable . >.venv/install.log 2>&1 || { cat .venv/install.log >&2; exit 1; }
	@rm -f .venv/.installed-*
	@touch $@

system:
	@sh .ci/install-system

demo: $(STAMP)
	@$(BIN)/dmask demo --output demo-out $(if $(INPUT),--input "$(INPUT)")

test: setup
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_ARGS)

bench: $(STAMP)
	@$(BIN)/dmask bench $(if $(INPUT),"$(INPUT)")

# Change the code of de-identification in every small way there is; the tests must notice.
mutants: $(STAMP)
	$(BIN)/mutmut run
	$(BIN)/mutmut results

check: lint types floors

fmt: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

floors: $(STAMP)
	$(BIN)/lint-imports

# Resolve pyproject.toml anew into the lock files.
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header
lock:
	$(COMPILE) --extra cpu --output-file requirements/cpu.txt pyproject.toml
	$(COMPILE) --extra gpu --output-file requirements/gpu.txt pyproject.toml
	$(COMPILE) --extra dev --extra rebuild --all-build-deps --constraint requirements/cpu.txt --output-file requirements/dev.txt pyproject.toml

# Write config/dmask.example.toml anew from the settings and their docstrings.
config/dmask.example.toml: $(STAMP) FORCE
	$(BIN)/dmask config example > $@

FORCE:

clean:
	rm -rf .venv .cache demo-out bench-out build dist *.egg-info
