# Everything a person or CI does here. `make` lists it.

VENV   ?= .venv
PYTHON ?= python3
ARGS   ?=
# Tests wait more than they compute: two processes, each with servers and clusters of its own, have room on two cores.
WORKERS ?= 2
BIN    := $(VENV)/bin
TORCH  := $(shell grep '^torch==' constraints/cpu.txt)
MEMBERS := core presets plugins/provisioner_karpenter plugins/runtime_hf[serve] plugins/runtime_vllm plugins/tuning_qlora[train]
PYPROJECTS := pyproject.toml $(wildcard core/pyproject.toml presets/pyproject.toml plugins/*/pyproject.toml)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Threads that wait sleep: tests run servers and trainers beside each other, and spinning threads would starve them.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test test-long lint bench demo-model karpenter-client clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.workspace ## Install every package of this repository into .venv

quickstart: $(VENV)/.workspace ## Tune the demo model on 24 new facts and serve it; ARGS=--exit ends there
	@$(BIN)/llmwright delete quickstart --ignore-not-found
	@rm -rf examples/quickstart-adapter
	$(BIN)/llmwright run examples/quickstart.yaml $(ARGS)

test: $(VENV)/.dev lint ## All tests but the longest
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not gpu" $(ARGS)

test-long: $(VENV)/.dev ## The longest tests too: all kills of the crash tests
	$(BIN)/python -m pytest -m "slow and not gpu" $(ARGS)

lint: $(VENV)/.dev ## Style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## Every benchmark against its rival
	$(BIN)/python -m benchmarks $(ARGS)

demo-model: $(VENV)/.workspace ## Make the demo model again from its seeded script
	cd presets && ../$(BIN)/python -m demo_model $(ARGS)

karpenter-client: $(VENV)/.dev ## Generate the client of Karpenter's API again (Java); ARGS='--document FILE'
	$(BIN)/python plugins/provisioner_karpenter/client/generate.py $(ARGS)

clean: ## Remove what these targets made
	rm -rf $(VENV) build dist

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

# Without an NVIDIA GPU the CPU build of torch: from pip's own indexes where they have it, else from PyTorch's.
$(VENV)/.torch: constraints/cpu.txt | $(BIN)/pip
	@command -v nvidia-smi >/dev/null || $(BIN)/pip install -q '$(TORCH)+cpu' 2>/dev/null \
		|| $(BIN)/pip install -q '$(TORCH)+cpu' --index-url https://download.pytorch.org/whl/cpu \
		|| echo 'no CPU build of torch to be had: the default build follows, with CUDA packages'
	@touch $@

$(VENV)/.workspace: $(PYPROJECTS) $(VENV)/.torch
	$(BIN)/pip install -q $(foreach member,$(MEMBERS),-e '$(member)')
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.workspace
	$(BIN)/pip install -q -U 'pip>=25.1'
	$(BIN)/pip install -q --group dev
	@touch $@
