# make demo : the whole path, from Python 3.11+ and make to verdicts and a map
# make test : all tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
THREADS ?= 1
export OMP_NUM_THREADS := $(THREADS)

.PHONY: help install format check check-static test smoke demo weights bench fuzz clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

install: $(STAMP)  ## make .venv with the exact versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.version_info >= (3, 11) or \
		sys.exit("groove needs Python 3.11 or newer, got " + v + "; choose one with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

format: $(STAMP)  ## format the code and fix lint
	$(BIN)/ruff check --fix groove tests
	$(BIN)/ruff format groove tests

check-static: $(STAMP)
	$(BIN)/ruff check groove tests
	$(BIN)/ruff format --check groove tests
	$(BIN)/mypy

check: check-static  ## lint, format, types, and the fast tests
	$(BIN)/python -m pytest -m "not slow"

test: $(STAMP)  ## all tests
	$(BIN)/python -m pytest

smoke: $(STAMP)  ## from preparation to verdict on 12 generated songs, about a minute
	$(BIN)/python -m groove.train experiment=a data.generated.songs=12 data.generated.root=outputs/smoke/library \
		data.store=outputs/smoke/store pretrain.root=outputs/smoke/pretrained hydra.run.dir=outputs/smoke/a \
		pretrain.epochs=2 experiment.warmup_epochs=1 experiment.epochs=2 trainer.threads=$(THREADS)

demo: $(STAMP)  ## generate a library, pretrain, run experiments baseline, a, b, c; compare, recommend, draw a map
	$(BIN)/python -m groove.train -m experiment=baseline,a,b,c hydra.sweep.dir=outputs/demo trainer.threads=$(THREADS)
	$(BIN)/python -m groove.report runs=outputs/demo out=outputs/demo
	$(BIN)/python -m groove.recommend run=outputs/demo/3_c chart="Crimson Harbor [Hard]" k=5 out=outputs/demo/answers.csv
	$(BIN)/python -m groove.explore run=outputs/demo/3_c out=outputs/demo/explore.html

weights: $(STAMP)  ## train the model in the box (run=builtin) again, on generated songs
	$(BIN)/python -m groove.train experiment=builtin hydra.run.dir=outputs/weights trainer.threads=$(THREADS)
	$(BIN)/python -m groove.export run=outputs/weights out=groove/builtin what=[model]

fuzz: $(STAMP)  ## an hour of random files and settings, far more than the tests draw
	EXAMPLES=20000 $(BIN)/python -m pytest --hypothesis-profile=long --hypothesis-show-statistics \
		tests/config/test_fuzz_config.py tests/charts/simfile/test_fuzz_simfiles.py \
		tests/charts/simfile/test_slow_reading.py tests/io/test_decoding.py

bench: $(STAMP)  ## speed and memory, as ratios to baselines measured in the same run
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only -q

clean:  ## remove all of outputs/ (runs, store, pretrained classifiers too) and caches; keep .venv
	find outputs -mindepth 1 ! -name .gitkeep -delete
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks build *.egg-info
