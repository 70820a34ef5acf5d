# Needs python3 (3.11 or later) with venv, and make. Without make, run the commands of a target by hand; where venv is
# missing (Debian, Ubuntu), `apt-get install python3-venv` brings it.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test kernels stress fuzz docs-servers check bench clean help

help:
	@echo "make demo    train a plain network and a spatial transformer, write the figure and the models to runs/demo"
	@echo "make test    run the tests"
	@echo "make stress  threads, processes and cold starts, the long form, under each threading layer"
	@echo "make fuzz    130,000 random calls, 10,000 damaged files a reader; FUZZ_SEED=n for others"
	@echo "make docs-servers  write the output of warmup and doctor, and times of first calls, into docs/servers.md"
	@echo "make check   lint, types and import contracts"
	@echo "make kernels build the wheel, and use its compiled kernels in this checkout too; some minutes"
	@echo "make bench   the same, then measure against other libraries, write docs/benchmarks.md and docs/training-benchmarks.md;"
	@echo "             fails if a ratio or a time misses its mark"
	@echo "make clean   remove .venv and runs"

demo: runs/demo/results.txt
	@cat $<

runs/demo/results.txt: .venv/.demo
	$(BIN)/stn-numba demo --out $(@D)

# With PYTEST_OPTIONS="-n 2" in two processes.
test: .venv/.test
	$(BIN)/pytest -q $(PYTEST_OPTIONS)

# TBB lies beside the environment, not in it: what is installed in it, Numba would use everywhere.
stress: .venv/.test
	$(BIN)/pip install --quiet --prefix .venv/tbb tbb || echo "tbb is not to be had: its tests are skipped"
	STN_NUMBA_STRESS=long $(BIN)/pytest -q tests/stress --durations=10

FUZZ_SEED ?= 0
fuzz: .venv/.test
	STN_NUMBA_FUZZ=long STN_NUMBA_FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest -q -rP tests/fuzz --durations=10

docs-servers: .venv/.test
	$(BIN)/python docs/servers.py

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A checkout has no library of kernels of its own. One whose sources have changed since is not used.
kernels: | .venv/bin/python
	rm -rf build/wheel && mkdir -p build/wheel
	STN_NUMBA_BUILD_KERNELS=1 $(BIN)/pip wheel --quiet --log build/wheel/log --no-deps --wheel-dir build/wheel .
	$(BIN)/python -m zipfile -e build/wheel/*.whl build/wheel/unpacked
	rm -rf stn_numba/prebuilt
	cp -r build/wheel/unpacked/stn_numba/prebuilt stn_numba/ || grep -m 1 "pure one" build/wheel/log || true

bench: kernels .venv/.bench
	$(BIN)/python -m benchmarks

# One stamp for each set of extras; a changed pyproject.toml installs anew.
.venv/.demo .venv/.test .venv/.dev .venv/.bench: .venv/.%: pyproject.toml | .venv/bin/python
	STN_NUMBA_BUILD_KERNELS=0 $(BIN)/pip install --quiet --editable ".[$*]"
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv || { echo "python3 needs its venv module: on Debian, apt-get install python3-venv"; rm -rf .venv; exit 1; }

clean:
	rm -rf .venv runs
