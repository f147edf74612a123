# Two commands are enough: `make demo` runs the main job, `make test` passes the tests. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CITY := build/city
JOURNEYS ?= 200000
ACCOUNTS ?= 84000
SEED ?= 1
TAPS ?=
HOME_DIR ?= .puhui
# The demo's ledger is a sandbox: its password is public. Set your own for anything else.
export PUHUI_KEYSTORE_PASSWORD ?= demo-only

.PHONY: setup demo test check bench sim faults contracts contracts-check clean
.DEFAULT_GOAL := help

help:
	@echo "make demo          run the main job on an invented city day of $(JOURNEYS) journeys"
	@echo "make demo TAPS=F   run it on a file of smart-card taps"
	@echo "make test          all tests, with linters, types, migrations and artifacts"
	@echo "make check         linters and types only"
	@echo "make bench         measure the figures of docs/benchmarks.md"
	@echo "make sim           2,000 simulated histories of 80 steps; make sim SEED=7 prints one of them"
	@echo "make faults        the campaigns of docs/reliability.md: kill -9, lost replies, dead nodes and databases (an hour)"
	@echo "make contracts     compile the contracts with both compilers and write the artifacts"
	@echo "make contracts-check  analyse, cover, prove and fuzz the contracts (minutes; not part of make test)"

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=python3.12 ...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

demo: setup
ifeq ($(TAPS),)
	@test -f $(CITY)/$(SEED)-$(JOURNEYS)/expected.json || $(BIN)/python scripts/make_city.py --out $(CITY)/$(SEED)-$(JOURNEYS) \
		--journeys $(JOURNEYS) --accounts $(ACCOUNTS) --seed $(SEED)
	$(BIN)/puhui demo --city $(CITY)/$(SEED)-$(JOURNEYS) --home $(HOME_DIR)
else
	$(BIN)/puhui demo --taps "$(TAPS)" --home $(HOME_DIR)
endif

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/pytest -n 2 --dist loadgroup

bench: setup
	$(BIN)/python -m scripts.bench
	$(BIN)/python -m scripts.bench_market

sim: setup
ifeq ($(origin SEED),file)
	$(BIN)/python -m tests.sim --histories 2000 --steps 80
else
	$(BIN)/python -m tests.sim --seed $(SEED) --steps 80
endif

faults: setup
	$(BIN)/python -m tests.faults.kill_runs --runs 1000
	$(BIN)/python -m tests.faults.node_runs replies --runs 500
	$(BIN)/python -m tests.faults.node_runs restarts --runs 100
	$(BIN)/python -m tests.faults.node_runs stall --runs 1
	$(BIN)/python -m tests.faults.database_runs commits --runs 200
	$(BIN)/python -m tests.faults.database_runs stop --runs 20

contracts: setup
	$(BIN)/python -m scripts.compile_contracts

contracts-check: setup
	$(BIN)/python -m scripts.check_contracts

clean:
	rm -rf $(VENV) build node_modules
