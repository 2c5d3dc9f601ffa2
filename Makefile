# The commands of this project; `make help` lists them.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do $$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
WORK_DIR ?= training_data
NIGHTLY ?=
SYNTHETIC ?= 1000
MADE := $(if $(filter-out 0,$(SYNTHETIC)),--provider synthetic --target-accepted $(SYNTHETIC),--provider corpus)
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help data data-gemini nightly data-loopback databases semantic r2r test test-all test-r2r bench bench-proof bench-gemini bench-retrieval bench-release bench-synthesis lint lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

data: $(VENV)/.installed databases ## build the databases and the training set, with SYNTHETIC=1000 rows made from graphs; no key
	$(RUN) basicQ_retrieve_pydough.py --provider corpus --work-dir $(WORK_DIR)
	$(RUN) retrieve_pydough.py --provider corpus --work-dir $(WORK_DIR)
	$(RUN) generate_finetuning_data_gemini.py $(MADE) --work-dir $(WORK_DIR)
	$(RUN) merge_schema_data.py --work-dir $(WORK_DIR)
	@echo "the training set is in $(WORK_DIR)/sft/latest: train.jsonl, validation.jsonl, basicq_*.jsonl, manifest.json, report.html"

data-gemini: $(VENV)/.installed databases ## the same, asking Gemini for what has no proven program (needs a key)
	$(RUN) basicQ_retrieve_pydough.py --provider gemini --work-dir $(WORK_DIR)
	$(RUN) retrieve_pydough.py --provider gemini --work-dir $(WORK_DIR)
	$(RUN) generate_finetuning_data_gemini.py --provider gemini --work-dir $(WORK_DIR)
	$(RUN) merge_schema_data.py --work-dir $(WORK_DIR)

nightly: $(VENV)/.installed databases ## the four scripts as cron runs them, with a log and a status file; flags in NIGHTLY="..."
	@$(RUN) -m utils.nightly --work-dir $(WORK_DIR) $(NIGHTLY)

data-loopback: $(VENV)/.installed ## the same against a scripted model on this machine: no key, no cost
	$(RUN) -m tests.loopback.try_it --work-dir $(WORK_DIR)/loopback

databases: $(VENV)/.installed ## build the embedded databases
	@$(RUN) -m utils.databases.build --work-dir $(WORK_DIR)

semantic: $(VENV)/.installed-semantic ## search the manual by meaning too: onnxruntime and a small model, 160 MB

r2r: ## install and start an R2R server of one's own
	retriver/setup_r2r.sh up

test: $(VENV)/.installed-dev ## all tests that fit into a few minutes
	$(RUN) -m pytest -n auto --dist loadfile -m "not slow and not r2r"

test-all: $(VENV)/.installed-dev ## all tests, the slow ones too
	$(RUN) -m pytest -n auto --dist loadfile

test-r2r: $(VENV)/.installed-dev ## install R2R and test against a real server; about two minutes
	retriver/setup_r2r.sh install
	$(RUN) -m pytest -m r2r tests/retriver/test_r2r_real_server.py

lint: $(VENV)/.installed-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: bench-proof bench-gemini bench-retrieval bench-release bench-synthesis ## run all benchmarks; results in benchmarks/results

bench-proof: $(VENV)/.installed-dev databases ## what proof catches, and how fast it is; about an hour
	$(RUN) -m benchmarks.proof

bench-gemini: $(VENV)/.installed-dev databases ## how near the quota, how much overhead, what a kill costs; about 20 minutes
	$(RUN) -m benchmarks.gemini

bench-retrieval: $(VENV)/.installed-dev ## which search finds the section that answers; about a minute
	$(RUN) -m benchmarks.retrieval

bench-release: $(VENV)/.installed-dev ## stage 4 on a million rows beside pandas and datasets, the report in Chromium; about 20 minutes
	$(RUN) -m benchmarks.release

bench-synthesis: $(VENV)/.installed-dev databases ## how fast synthesis is, how its rows differ, how often program and SQL disagree; about an hour
	$(RUN) -m benchmarks.synthesis

lock: $(VENV)/.installed-dev ## resolve requirements*.in into requirements*.txt again
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links requirements-ray.in -o requirements-ray.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links --no-annotate --generate-hashes requirements-semantic.in -o requirements-semantic.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links requirements-r2r.in -o requirements-r2r.txt

clean: ## remove everything that was built
	@[ ! -d training_data/r2r ] || retriver/setup_r2r.sh stop
	rm -rf $(VENV) training_data/databases training_data/stages training_data/sft training_data/cache training_data/r2r

$(VENV)/.python:
	@$(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { echo "error: $(PYTHON) is $$($(PYTHON) -V 2>&1 | head -1); this project needs Python 3.11 or 3.12: name one with make PYTHON=/path/to/python" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: requirements.txt $(VENV)/.python
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-semantic: requirements-semantic.txt $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-semantic.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed-semantic
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@
