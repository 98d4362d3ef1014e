# Every target makes its own environment in .venv when there is none.
PYTHON ?= python3
BIN := .venv/bin
# One process trains at a time; waiting threads must not spin against the others.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test slow check mutation clean

demo: .venv/ready
	$(BIN)/s2dnas run resnet20 digits --config configs/demo.toml --out runs/demo

# One process per core, each with one thread.
test: .venv/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

slow: .venv/ready
	$(BIN)/python -m pytest -m slow

# How many small faults the tests notice, on a sample, with those that they do not: some minutes per package.
mutation: .venv/ready
	PYTHONPATH=tests $(BIN)/python -m mutation.score $(MUTATION)

MUTATION ?= --sample 150

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src benchmarks examples
	$(BIN)/python -m pytest tests/test_structure.py

# Plain `torch` is a CUDA build of several gigabytes on some platforms: keep one that is already there.
.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q $(TORCH)
	$(BIN)/python -m pip install -q -e '.[all]' --group dev
	touch $@

TORCH ?= torch==2.13.0

clean:
	rm -rf .venv runs
