# Everything here needs only Python 3.11 or newer and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test slow check format install results analysis trainings headline robustness cost scale long faults grid packing precision bench models clean

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

RUNS := runs/fashion_mnist_lenet5
PAIR := $(RUNS)/lif-seed0 $(RUNS)/qif-seed0
FOUND := docs/results/analysis

analysis: $(READY) ## Write docs/results/analysis and paper.md (after make results and make trainings).
	$(BIN)/python -m experiments.energy $(PAIR) --out $(FOUND)/energy.json
	$(BIN)/python -m experiments.windows $(PAIR) --out $(FOUND)/windows.json
	$(BIN)/python -m experiments.temporal $(PAIR) --out $(FOUND)/temporal.json
	$(BIN)/python -m experiments.figures $(PAIR) --out $(FOUND)/figures
	$(BIN)/python -m experiments.landscape $(PAIR) --out $(FOUND)/landscape.json
	$(BIN)/python -m experiments.latency --largest-batch 8 --out $(FOUND)/latency.json
	$(BIN)/python -m experiments.latency --work training --batches 2 --out $(FOUND)/latency_training.json
	$(BIN)/python -m experiments.tabulate runs/steps $(RUNS) --title 'Time steps and neurons that use them' --out $(FOUND)/steps_table.json
	$(BIN)/python -m experiments.tabulate runs/windows --title 'Surrogate windows' --out $(FOUND)/window_table.json
	$(BIN)/python -m experiments.report $(PAIR) --out $(FOUND)/report.html
	$(BIN)/python -m experiments.ledger

TRAIN := -m experiments.compare fashion_mnist_lenet5 --seeds 3 --neurons
WINDOWS := analytic centred unit_area empirical

trainings: $(READY) ## Train what make analysis compares (hours).
	$(BIN)/python -m experiments.learning_rates fashion_mnist_lenet5 --neurons qif lif euler_qif --workdir runs/rates --out $(FOUND)/learning_rates.json
	$(BIN)/python $(TRAIN) qif --timesteps 1 --workdir runs/steps/one
	$(BIN)/python $(TRAIN) qif --qif.u-c 0.2 --workdir runs/steps/critical
	$(BIN)/python $(TRAIN) qif --qif.u-c 0.2 --qif.a 1.0 --workdir runs/steps/sharp
	$(BIN)/python $(TRAIN) qif --model-options learned true --workdir runs/steps/learned
	$(BIN)/python $(TRAIN) euler_qif --workdir runs/steps/euler
	for window in $(WINDOWS); do $(BIN)/python $(TRAIN) qif --epochs 5 --window $$window --workdir runs/windows/$$window || exit 1; \
	$(BIN)/python $(TRAIN) qif --epochs 5 --window $$window --model-options fc_norm tdbn --workdir runs/windows/$$window-tdbn || exit 1; \
	$(BIN)/python $(TRAIN) qif --epochs 5 --window $$window --model-options fc_norm tdbn --learning-rate 5e-3 --workdir runs/windows/$$window-tdbn-5e-3 || exit 1; done
	$(BIN)/python $(TRAIN) lif --epochs 5 --workdir runs/windows/lif
	$(BIN)/python $(TRAIN) lif --epochs 5 --model-options fc_norm tdbn --workdir runs/windows/lif-tdbn
	$(BIN)/python $(TRAIN) lif --epochs 5 --model-options fc_norm tdbn --learning-rate 5e-3 --workdir runs/windows/lif-tdbn-5e-3

WEIGHTS := docs/results/weights/cifar10_resnet19_narrow_qif_centred

headline: $(READY) ## Train the narrow ResNet-19 and VGGSNN (many hours) and write their pages.
	$(BIN)/python -m experiments.headline cifar10_resnet19_narrow
	$(BIN)/python -m experiments.headline cifar10_dvs_sim_vggsnn
	test -d $(WEIGHTS) || $(BIN)/python -m experiments.export runs/headline/cifar10_resnet19_narrow/qif-centred-seed0 --out $(WEIGHTS)

ROBUST := docs/results/robustness
LENET := -m experiments.sweep fashion_mnist_lenet5
LIF := --neuron lif --workdir $(ROBUST)/lif
QIF := --neuron qif --workdir $(ROBUST)/qif
LIF_CELLS := beta=0.2:1.0:0.2 u_th=0.2:1.0:0.2
QIF_CELLS := u_c=0.2:1.0:0.2 u_th=0.2:1.0:0.2
GESTURE := -m experiments.sweep nmnist_dvs_gesture_net
COMPARE := $(BIN)/python -m experiments.robustness

robustness: $(READY) ## Train the paper's study of the neurons' parameters (a day on two cores).
	$(BIN)/python $(LENET) $(LIF) --grid '$(LIF_CELLS)' --out $(ROBUST)/lif.json
	$(BIN)/python $(LENET) $(QIF) --grid 'a=0.2:1.0:0.2 $(QIF_CELLS)' --out $(ROBUST)/qif.json
	$(COMPARE) $(ROBUST)/lif.json $(ROBUST)/qif.json
	$(BIN)/python $(LENET) $(LIF) --learning-rate 1e-2 --grid '$(LIF_CELLS)' --out $(ROBUST)/lif_rates.json
	$(BIN)/python $(LENET) $(QIF) --learning-rate 5e-3 --grid 'a=0.2:0.4:0.2 $(QIF_CELLS)' --out $(ROBUST)/qif_rates.json
	$(COMPARE) $(ROBUST)/lif_rates.json $(ROBUST)/qif_rates.json --title 'Robustness, each neuron at its better learning rate' --out docs/results/robustness_rates.json
	$(BIN)/python $(LENET) $(LIF) --seeds 3 --grid '$(LIF_CELLS)' --out $(ROBUST)/lif_seeds.json
	$(BIN)/python $(LENET) $(QIF) --seeds 3 --grid 'a=0.2:0.4:0.2 $(QIF_CELLS)' --out $(ROBUST)/qif_seeds.json
	$(COMPARE) $(ROBUST)/lif_seeds.json $(ROBUST)/qif_seeds.json --title 'Robustness over three seeds' --out docs/results/robustness_seeds.json
	$(BIN)/python $(GESTURE) --neuron lif --grid 'beta=0.2:1.0:0.4 u_th=0.2:1.0:0.4' --workdir $(ROBUST)/gesture_lif --out $(ROBUST)/gesture_lif.json
	$(BIN)/python $(GESTURE) --neuron qif --grid 'a=0.2:0.4:0.2 u_c=0.2:1.0:0.4 u_th=0.2:1.0:0.4' --workdir $(ROBUST)/gesture_qif --out $(ROBUST)/gesture_qif.json
	$(COMPARE) $(ROBUST)/gesture_lif.json $(ROBUST)/gesture_qif.json --title 'Robustness of DVSGestureNet, half width, on N-MNIST' --out docs/results/robustness_gesture.json

cost: $(READY) ## Measure how a training step's cost grows with T and batch.
	$(BIN)/python -m benchmarks.cost

scale: $(READY) ## Compare jit, pmap and mesh; tabulate memory (needs CIFAR-10).
	$(BIN)/python -m benchmarks.parallel_agreement
	$(BIN)/python -m benchmarks.memory_use

long: $(READY) ## Train for 1,000 epochs; writes docs/results/long_run.json and .png.
	$(BIN)/python -m benchmarks.long_run

faults: $(READY) ## Plant faults into real runs and write docs/results/reliability.md.
	$(BIN)/python -m experiments.faults --out docs/results/reliability.md

grid: $(READY) ## Compare a grid with its cells one by one; writes docs/results/grid.json.
	$(BIN)/python -m benchmarks.grid

packing: $(READY) ## Cut runs into pieces and measure what shortened states cost.
	$(BIN)/python -m benchmarks.packing

SHORT_RUN := runs/fashion_mnist_resnet19_narrow-qif-seed0
$(SHORT_RUN)/result.json: | $(READY)
	$(BIN)/python -m experiments.train cifar10_resnet19 --name fashion_mnist_resnet19_narrow --dataset fashion_mnist --augment none --model-options width_multiplier 0.0625 --window centred --clip-norm 1 --epochs 2

DECIDED := $(addprefix runs/precision/,vgg11 vggsnn dvs_gesture_net resnet19 resnet34 meta_spikeformer)
TRAINED_dvs_gesture_net := --resize 32 --epochs 20
TRAINED_resnet19 := --epochs 20
TRAINED_resnet34 := --epochs 60
# The slowest of them is trained at a part of its width.
TRAINED_meta_spikeformer := --epochs 20 --timesteps 1 --model-options width_multiplier 0.25 strides 1,2,2,2,1

runs/precision/%/result.json: | $(READY)
	$(BIN)/python -m experiments.train digits_networks --model $* $(TRAINED_$*) --workdir runs/precision/$*

precision: $(SHORT_RUN)/result.json $(addsuffix /result.json,$(DECIDED)) ## Train seven networks (hours) and compare predictions in float32 and bfloat16.
	$(BIN)/python -m benchmarks.precision $(DECIDED) --out docs/results/precision_networks.json
	$(BIN)/python -m benchmarks.precision docs/results/weights/cifar10_resnet19_narrow_qif_centred $(SHORT_RUN) --out docs/results/precision_resnet19.json

bench: $(READY) ## Compare with other libraries at the same work (hours); writes docs/results/peers.md.
	$(BIN)/python -m benchmarks.peers

MODELS := docs/results/models
NETWORKS := lenet5 resnet19 vgg11 meta_spikeformer dvs_gesture_net vggsnn resnet34
MEMORISED := $(foreach network,$(NETWORKS),$(MODELS)/$(network)-qif.json $(MODELS)/$(network)-lif.json)
# Gradients of deep QIF networks grow with depth unless the window is centred.
MEMORISED += $(foreach network,meta_spikeformer resnet34,$(MODELS)/$(network)-qif-centred.json)

STARTS := docs/results/starts.json

$(STARTS): | $(READY)
	$(BIN)/python -m experiments.starts --out $@

models: $(READY) $(MEMORISED) $(STARTS) ## Let every network learn a batch by heart (hours) and write docs/results/models.md.
	$(BIN)/python -m experiments.models_table $(MODELS)
	$(BIN)/python -m experiments.gradient_gain --out docs/results/gradient_gain.json

# Behind 77 populations the running statistics need some steps of their own.
LEARN = $(if $(findstring meta,$*),--steps 60 --learning-rate 3e-3 --settle 30,--steps 100)

# The name of a result is NETWORK-NEURON or NETWORK-NEURON-WINDOW.
PARTS = $(subst -, ,$*)

# A network that does not learn is a result too.
$(MODELS)/%.json:
	-$(BIN)/python -m experiments.memorise $(word 1,$(PARTS)) --neuron $(word 2,$(PARTS)) $(LEARN) $(addprefix --window ,$(word 3,$(PARTS))) --out $@

clean: ## Remove the virtual environment and caches, but no run and no data.
	rm -rf $(VENV) .jax_cache .pytest_cache .mypy_cache .ruff_cache
