# Everything here needs only Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test slow check format install results scale long faults models clean

help: ## Show the targets.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(READY) ## Make the virtual environment and install everything into it.

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qifjax needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(READY) ## Train QIF and LIF on real digits and compare them, in minutes.
	$(BIN)/python -m experiments.compare digits_lenet5 --seeds 2 --workdir runs/demo

test: $(READY) ## Run the fast tests.
	$(BIN)/python -m pytest -n 2 --dist loadfile

slow: $(READY) ## Run the tests that take long.
	$(BIN)/python -m pytest -m slow

check: $(READY) ## Check format, lint and types, then run the fast tests.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(MAKE) test

format: $(READY) ## Format the code and mend what lint can.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

results: $(READY) ## Reproduce docs/results from real data (needs Fashion-MNIST).
	$(BIN)/python -m experiments.compare fashion_mnist_lenet5 --seeds 3 --report docs/results/fashion_mnist_lenet5.md

scale: $(READY) ## Compare jit, pmap and mesh; tabulate memory (needs CIFAR-10).
	$(BIN)/python -m benchmarks.parallel_agreement
	$(BIN)/python -m benchmarks.memory_use

long: $(READY) ## Train for 1,000 epochs; writes docs/results/long_run.json and .png.
	$(BIN)/python -m benchmarks.long_run

faults: $(READY) ## Plant faults into real runs and write docs/results/reliability.md.
	$(BIN)/python -m experiments.faults --out docs/results/reliability.md

MODELS := docs/results/models
NETWORKS := lenet5 resnet19 vgg11 meta_spikeformer dvs_gesture_net vggsnn resnet34
RUNS := $(foreach network,$(NETWORKS),$(MODELS)/$(network)-qif.json $(MODELS)/$(network)-lif.json)

models: $(READY) $(RUNS) ## Let every network learn a batch by heart (hours) and write docs/results/models.md.
	$(BIN)/python -m experiments.models_table $(MODELS)

# Behind 77 populations the running statistics need some steps of their own.
LEARN = $(if $(findstring meta,$*),--steps 60 --learning-rate 3e-3 --settle 30,--steps 100)

# A network that does not learn is a result too.
$(MODELS)/%.json:
	-$(BIN)/python -m experiments.memorise $(subst -, --neuron ,$*) $(LEARN) --out $@

clean: ## Remove the virtual environment and caches, but no run and no data.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
