# make run    start the dashboard        make run PORT=8600 PYTHON=python3.12
# make test   everything that CI runs
# make format, make clean                see below

PYTHON ?= python3
PORT   ?= 8501

VENV   := .venv
PY     := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts/python.exe,bin/python)
sum     = $(firstword $(shell cat $(1) | cksum))
# The checksum stands in the stamp's name: changed requirements are installed, unchanged ones cost nothing.
RUN    := $(VENV)/.run-$(call sum,requirements.txt)
TEST   := $(VENV)/.test-$(call sum,requirements.txt requirements-dev.txt)
PIP    := $(PY) -m pip install --disable-pip-version-check

.DEFAULT_GOAL := run
.DELETE_ON_ERROR:
.PHONY: run test format clean

run: $(RUN)
	@$(PY) -c "import socket; socket.create_server(('127.0.0.1', $(PORT))).close()" 2>/dev/null || \
	  { echo "Port $(PORT) is taken or not allowed: choose another, as in 'make run PORT=8502'." >&2; exit 1; }
	@echo "OTMF is at http://127.0.0.1:$(PORT) (Ctrl-C stops it)"
	@$(PY) -m streamlit run dashboard/server.py --server.address 127.0.0.1 --server.port $(PORT)

test: $(TEST)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pyright --pythonpath $(PY)
	@command -v chromium || command -v chromium-browser || command -v google-chrome || \
	  echo "Chromium is not installed: the browser tests are skipped."
	$(PY) -m pytest -n 2 --dist loadfile -m "not browser"
	$(PY) -m pytest -m browser  # alone: two browsers on two cores are slower than patience

format: $(TEST)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache

$(RUN): $(PY)
	@echo "Installing requirements.txt into $(VENV) (some minutes the first time)"
	@$(PIP) -r requirements.txt
	@rm -f $(VENV)/.run-* && touch $@

$(TEST): $(PY)
	@echo "Installing requirements-dev.txt into $(VENV) (some minutes the first time)"
	@$(PIP) -r requirements-dev.txt
	@rm -f $(VENV)/.test-* && touch $@

$(PY):
	@command -v $(PYTHON) >/dev/null || \
	  { echo "OTMF needs Python 3.10 or newer, and '$(PYTHON)' is not installed." >&2; exit 1; }
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
	  { echo "OTMF needs Python 3.10 or newer, and $(PYTHON) is `$(PYTHON) -V 2>&1`: name another, as in 'make run PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
