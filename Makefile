# Needs make and python3 (3.11 or later) with venv (on Debian and Ubuntu, `apt-get install python3-venv`).

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test kernels stress fuzz docs docs-servers docs-figures docs-defaults live live-model check bench dist matrix clean help

help:
	@echo "make demo    train a plain network and a spatial transformer; write a figure and the models to runs/demo"
	@echo "make test    run the tests"
	@echo "make stress  run the long tests of threads, processes and cold starts, under each threading layer"
	@echo "make fuzz    run 130,000 random calls and 10,000 damaged files per reader; FUZZ_SEED=n changes the seed"
	@echo "make docs-servers  update docs/servers.md: the output of warmup and doctor, and times of first calls"
	@echo "make docs-figures  draw the figures of docs/transforms.md and docs/registration.md"
	@echo "make docs-defaults DATA=FOLDER  train the defaults and alternatives on MNIST's digits in FOLDER; takes hours, resumes"
	@echo "make docs    build the documentation site in build/docs, with the live page after make live; quicker after make kernels"
	@echo "make live    build the live page into build/live/live, to be served by any web server"
	@echo "make live-model DATA=FOLDER  train the live page's model on MNIST's digits in FOLDER; takes half an hour"
	@echo "make check   check lint, format, types and import contracts"
	@echo "make kernels build a wheel and copy its compiled kernels into this checkout; takes minutes"
	@echo "make bench   the same, then measure against other libraries, write the benchmark pages of docs;"
	@echo "             fails if a ratio or a time misses its mark"
	@echo "make dist    build sdist and wheel into dist, and check them; takes minutes"
	@echo "make matrix  build them, test the wheel under several versions of Python and of the libraries, and write"
	@echo "             docs/compatibility.md; QUICK=1 runs a part of the tests in each"
	@echo "make clean   remove .nox, .venv, runs and the site"

demo: runs/demo/results.txt
	@cat $<

runs/demo/results.txt: .venv/.demo
	$(BIN)/stn-numba demo --out $(@D)

# PYTEST_OPTIONS="-n 2" runs two processes.
test: .venv/.test
	$(BIN)/pytest -q $(PYTEST_OPTIONS)

# TBB is installed outside the environment, since Numba would use it in all tests otherwise.
stress: .venv/.test
	$(BIN)/pip install --quiet --prefix .venv/tbb tbb || echo "tbb cannot be installed: its tests are skipped"
	STN_NUMBA_STRESS=long $(BIN)/pytest -q tests/stress --durations=10

FUZZ_SEED ?= 0
fuzz: .venv/.test
	STN_NUMBA_FUZZ=long STN_NUMBA_FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest -q -rP tests/fuzz --durations=10

docs-servers: .venv/.test
	$(BIN)/python docs/scripts/servers.py

docs-figures: .venv/.demo
	$(BIN)/python docs/scripts/figures.py

docs-defaults: .venv/.test
	$(BIN)/python docs/scripts/defaults.py --data $(DATA)

# -n -W: warnings are errors, as are references and links that lead nowhere. -E: pages are read anew, or old warnings would not
# come again; programs of the gallery run when they change. Nothing is read from the network.
docs: .venv/.docs
	rm -rf docs/reference/generated
	MPLBACKEND=agg $(BIN)/sphinx-build -b html -n -W -E -q docs build/docs
	@echo "build/docs/index.html"

live: .venv/.test
	$(BIN)/python docs/scripts/live_page.py

live-model: .venv/.test
	$(BIN)/python docs/scripts/live_model.py --data $(DATA)

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Compiled kernels are ignored once the sources of the kernels change.
kernels: | .venv/bin/python
	rm -rf build/wheel && mkdir -p build/wheel
	STN_NUMBA_BUILD_KERNELS=1 $(BIN)/pip wheel --quiet --log build/wheel/log --no-deps --wheel-dir build/wheel .
	$(BIN)/python -m zipfile -e build/wheel/*.whl build/wheel/unpacked
	rm -rf stn_numba/prebuilt
	cp -r build/wheel/unpacked/stn_numba/prebuilt stn_numba/ || grep -m 1 "pure wheel" build/wheel/log || true

dist: .venv/.release
	$(BIN)/nox --session build

# Sessions go on after one that failed; the page lists failures.
matrix: .venv/.release
	$(BIN)/nox --session build tests page $(if $(QUICK),-- quick)

bench: kernels .venv/.bench
	$(BIN)/python -m benchmarks

# One stamp file per extra; a changed pyproject.toml reinstalls.
.venv/.demo .venv/.test .venv/.docs .venv/.dev .venv/.release .venv/.bench: .venv/.%: pyproject.toml | .venv/bin/python
	STN_NUMBA_BUILD_KERNELS=0 $(BIN)/pip install --quiet --editable ".[$*]"
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv || { echo "python3 needs its venv module: on Debian, apt-get install python3-venv"; rm -rf .venv; exit 1; }

clean:
	rm -rf .nox .venv runs build/docs docs/auto_gallery docs/reference/generated
