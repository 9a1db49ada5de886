# make run: start the pipeline. make test: run the tests. Each makes .venv and installs what it needs, once.

PYTHON ?= python3
BIN := .venv/bin
# what some tests drive, as Debian names it; a test whose program is missing skips and says so
PROGRAMS := chromium ffmpeg prometheus xvfb xdotool libgl1 libglib2.0-0 python3-gi gir1.2-gst-rtsp-server-1.0 \
	gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly

.PHONY: run test proofs lint format bench train clean

run: .venv/run
	@PATH="$(CURDIR)/$(BIN):$$PATH" honcho start || [ $$? = 130 ]  # 130: Ctrl-C, as it should be

test: .venv/dev .venv/programs
	$(BIN)/python -m pytest

proofs: .venv/dev .venv/programs  ## the slow ones: minutes, real processes, real time
	$(BIN)/python -m pytest -m slow --timeout 900

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/test_structure.py tests/test_documents.py

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/bench  ## a quarter of an hour on two cores, which have to do nothing else
	$(BIN)/digitcam bench all --write docs

train: .venv/dev
	$(BIN)/python -m training.train --preset blog

clean:
	rm -rf .venv .run

.venv/bin/python:
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }  # a half-made one would be taken for done

.venv/run: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/dev: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ .venv/run

.venv/bench: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --editable '.[dev,bench]'
	@touch $@ .venv/dev .venv/run

.venv/programs: | .venv/bin/python
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $(PROGRAMS) \
		>/dev/null || echo "some programs could not be installed; the tests that need them will say so"; \
	else echo "not root on Debian: tests whose programs are missing skip (see PROGRAMS in the Makefile)"; fi
	@touch $@
