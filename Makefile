# Two commands matter: `make demo` and `make test`. Each builds the environment it needs.
PYTHON ?= python3
VENV   ?= .venv
# The torch to install. The default is what PyPI serves; for a CPU-only machine elsewhere:
#   make demo PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"
TORCH  ?= torch==2.13.0
PIP_FLAGS ?=
BIN = $(VENV)/bin

# As many inputs for all readers and the command line together; the table is printed, and --fuzz-seed N repeats it.
INPUTS ?= 10000

.PHONY: demo test test-all fuzz lint types clean

# torch goes first: with none installed a bare range elsewhere pulls gigabytes of CUDA packages.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q $(PIP_FLAGS) "$(TORCH)"
	$(BIN)/python -m pip install -q $(PIP_FLAGS) -c constraints.txt -e ".[plots,lid]"
	touch $@

$(VENV)/.developed: $(VENV)/.installed
	$(BIN)/python -m pip install -q $(PIP_FLAGS) -c constraints.txt -e ".[dev,plots,lid,fast,retrieval,datasets]"
	touch $@

demo: $(VENV)/.installed
	$(BIN)/anyglot demo

test: $(VENV)/.developed
	$(BIN)/python -m pytest -n auto

test-all: $(VENV)/.developed
	$(BIN)/python -m pytest -n auto -m ''

fuzz: $(VENV)/.developed
	$(BIN)/python -m pytest tests/fuzz -n auto --inputs $(INPUTS)

lint: $(VENV)/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.developed
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
