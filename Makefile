# make run: start the pipeline. make test: run the tests. Each makes .venv and installs what it needs, once.
# For sh, also that of Git for Windows. Without make: pip install -e . in a virtual environment, then honcho start.

PYTHON ?= python3
# .venv/bin, on Windows .venv/Scripts
BIN := $(shell $(PYTHON) -c "import os; print(os.path.join('.venv', 'Scripts' if os.name == 'nt' else 'bin').replace(os.sep, '/'))")
# programs that some tests need, by their names in Debian; a test skips if its program is missing
PROGRAMS := chromium ffmpeg prometheus xvfb xdotool libgl1 libglib2.0-0 python3-gi gir1.2-gst-rtsp-server-1.0 \
	gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly

.PHONY: run test proofs lint format bench chaos soak hosts fuzz mutants train checksums lock sbom images containers cluster clean

run: .venv/run
	@$(BIN)/digitcam config >/dev/null  # a wrong setting is one sentence, before six processes start
	@PATH="$(CURDIR)/$(BIN):$$PATH" honcho start || [ $$? = 130 ]  # 130: Ctrl-C

test: .venv/dev .venv/programs
	$(BIN)/python -m pytest -n 2 --dist loadfile  # most tests of processes wait

proofs: .venv/dev .venv/programs  ## the slow tests: minutes, real processes, real time
	$(BIN)/python -m pytest -m slow --timeout 900

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/test_structure.py tests/test_documents.py
	@$(BIN)/python -m tests.audit constraints/bench.txt
	@if command -v npm >/dev/null; then cd services/display/web && \
		npm install --silent --no-package-lock --no-audit --no-fund && npm run --silent lint; \
	else echo "npm is not installed: the JavaScript is not checked"; fi

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/bench  ## under half an hour on two cores that are idle otherwise
	$(BIN)/digitcam bench all --write docs

chaos: .venv/bench  ## 35 minutes: about 300 faults, and 40 films of which each picture must be read exactly once
	$(BIN)/digitcam chaos --seconds 1200 --write docs
	$(BIN)/digitcam chaos --only "EVERY_FRAME ledger" --seconds 3600 --write docs

soak: .venv/bench  ## two hours: does any process grow?
	$(BIN)/digitcam soak --seconds 7200 --write docs

hosts: .venv/dev  ## two minutes, as root on Linux: five hosts in namespaces, links that are cut, a queue that moves
	$(BIN)/python -m tests.hosts

fuzz: .venv/bench  ## a million hostile inputs: messages, requests, JPEGs, networks, state files; a quarter of an hour
	$(BIN)/python -m tests.fuzz --write docs
	@$(BIN)/pip install --quiet 'atheris>=3' 2>/dev/null || echo "atheris does not install here: no coverage-guided inputs"
	@! $(BIN)/python -c "import atheris" 2>/dev/null || $(BIN)/python -m tests.fuzz.coverage

mutants: .venv/dev  ## half an hour: how many small mistakes in the core do the tests notice?
	$(BIN)/python -m tests.mutants --write docs

train: .venv/dev
	$(BIN)/python -m training.train --preset blog

checksums: .venv/run  ## after weights in models/ were replaced by hand; training writes them itself
	$(BIN)/python -m training.checksums

lock: .venv/dev  ## the newest versions that pyproject.toml allows, each with the hashes of its files
	$(call pin,run,)
	$(call pin,dev,--extra dev)
	$(call pin,bench,--extra dev --extra bench)
	$(call pin,gpu,--extra gpu)
	sed -n 's/^opencv-python==\([^ ]*\).*/opencv-python-headless==\1/p' constraints/run.txt | \
		$(BIN)/uv pip compile $(PIN) --no-deps --output-file constraints/headless.txt -

PIN := --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header --no-annotate
pin = echo 'setuptools>=77' | $(BIN)/uv pip compile $(PIN) $(2) --output-file constraints/$(1).txt pyproject.toml -

sbom: .venv/dev  ## what a release contains: build/digitcam.cdx.json, in the format of CycloneDX
	@mkdir -p build
	$(BIN)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible --output-file build/digitcam.cdx.json \
		constraints/run.txt

REVISION = $(shell git rev-parse HEAD 2>/dev/null)
images:  ## for docker/compose.yaml and docker/kubernetes, without and with torch
	$(call image,runtime,)
	$(call image,gpu,-gpu)

VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
image = $(shell docker info >/dev/null 2>&1 && echo docker || echo podman) build --file docker/Dockerfile --target $(1) --tag localhost/digitcam:$(VERSION)$(2) \
	--label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.revision=$(REVISION) .

containers: .venv/dev  ## ten minutes: builds the runtime image and runs it under podman, kills containers; as root
	@$(BIN)/pip install --quiet 'podman-compose>=1.3'
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m tests.containers

cluster: .venv/dev  ## after make containers, as root on Debian: a node vanishes under a real Kubernetes
	tests/containers/build_kubernetes.sh build/kubernetes
	$(BIN)/python -m tests.containers.cluster build/kubernetes

clean:
	rm -rf .venv .run build

CHECK_VERSION := import sys; sys.version_info >= (3, 11) or sys.exit('digitcam needs Python 3.11 or newer, and $(PYTHON) is \
%d.%d: run make with PYTHON=python3.12, or another that you have.' % sys.version_info[:2])

.venv/made:
	@$(PYTHON) -c "$(CHECK_VERSION)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }  # a broken environment would count as made
	@touch $@

comma := ,
# what constraints/ names, and nothing else; PINNED= installs the newest that pyproject.toml allows
PINNED := yes
install = $(if $(PINNED),$(BIN)/pip install --quiet --require-hashes --requirement constraints/$(1).txt && \
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .,$(BIN)/pip install --quiet --editable '.$(2)')

.venv/run: pyproject.toml constraints/run.txt | .venv/made
	$(call install,run,)
	@touch $@

.venv/dev: pyproject.toml constraints/dev.txt | .venv/made
	$(call install,dev,[dev])
	@touch $@ .venv/run

.venv/bench: pyproject.toml constraints/bench.txt | .venv/made
	$(call install,bench,[dev$(comma)bench])
	@touch $@ .venv/dev .venv/run

.venv/programs: | .venv/made
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(PROGRAMS) \
		>/dev/null || echo "some programs could not be installed; the tests that need them skip"; \
	else echo "not root on Debian: tests whose programs are missing skip (see PROGRAMS in the Makefile)"; fi
	@touch $@
