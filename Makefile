# Every target does its own set-up: nothing needs an activated environment. `make help` lists them.
PYTHON ?= python3
PROFILE ?= laptop
PORT ?= 8000
NOTEBOOKS ?=

BIN := .venv/bin
# Two processes of one thread beat one of two; PyTorch would take every core for each of them.
JOBS ?= 2
export OMP_NUM_THREADS ?= 1
# One run for all, in this order: long files first and many short ones last, so that no process waits for another at the end.
TESTED := notebooks tests/book tests/notebooks tests/browser tests/unit

.DEFAULT_GOAL := help
.PHONY: help book pdf test smoke execute sync colab students slides nbgrader serve fast-mkl bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 10

book: .venv/.book-ready  ## execute what is stale and build the pages, warnings being errors
	$(BIN)/python book/tools/chapters.py sync
	$(BIN)/python book/tools/colab.py
	$(BIN)/python book/tools/students.py
	$(BIN)/python book/tools/plans.py
	$(BIN)/python book/tools/chapters.py execute --stale
	$(BIN)/jupyter-book build . -W -n --keep-going --all --quiet
	@touch _build/html/.nojekyll
	@echo "The book is built. Open $(CURDIR)/_build/html/index.html in a browser, or call: make serve"

pdf: book .venv/.browser-ready  ## print the whole book into one PDF, _build/double-backpropagation.pdf (needs Chromium)
	$(BIN)/python book/tools/pdf.py

test: .venv/.test-ready  ## run everything that .ci/run runs
	$(BIN)/ruff check lib tests benchmarks book/tools notebooks/*.ipynb
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder --nbval-lax --nbval-cell-timeout 600 $(TESTED)

smoke: .venv/.test-ready  ## run every notebook at the smoke profile from an empty store of records
	$(BIN)/python -m pytest tests/notebooks --every-notebook

execute: .venv/.book-ready  ## run the notebooks at PROFILE=laptop (in place) or another (into _build/executed); NOTEBOOKS="01 03" for some
	$(BIN)/python book/tools/chapters.py execute --profile $(PROFILE) $(NOTEBOOKS)

sync: .venv/.book-ready  ## bring each notebook and its .md twin in step, the newer one winning
	$(BIN)/python book/tools/chapters.py sync

colab: .venv/.book-ready  ## write the copies that Colab opens into colab/
	$(BIN)/python book/tools/colab.py

students: .venv/.book-ready  ## write the students' copies of the chapters into course/, and the tables of the teachers' page
	$(BIN)/python book/tools/students.py
	$(BIN)/python book/tools/plans.py

slides: .venv/.book-ready  ## make a deck of slides of each chapter, _build/slides, which needs no network
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[slides]"
	$(BIN)/python book/tools/slides.py

nbgrader: .venv/.teaching-ready  ## write the chapters as nbgrader assignments into _build/nbgrader
	$(BIN)/python book/tools/nbgrader_variant.py

serve: book  ## build, then serve the pages on http://127.0.0.1:PORT
	$(BIN)/python -m http.server -d _build/html $(PORT) --bind 127.0.0.1

fast-mkl: .venv/mkl_on_amd.so  ## on AMD processors with AVX-512: build what makes matrix products faster, and say how to use it
	@echo 'export LD_PRELOAD=$(CURDIR)/$<'

.venv/mkl_on_amd.so: benchmarks/mkl_on_amd.c
	grep -q avx512f /proc/cpuinfo || { echo "this processor has no AVX-512" >&2; exit 1; }
	mkdir -p $(@D) && $(CC) -shared -fPIC -O2 -o $@ $<

bench: .venv/.test-ready  ## measure the cost of penalties, trainings and attacks, on a quiet machine
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/autoencoders.py
	$(BIN)/python benchmarks/auddc.py
	$(BIN)/python benchmarks/ensemble.py

clean:  ## remove what was built; the environment, the records and the stored outputs stay
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.book-ready: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[book]"
	@touch $@

# Other projects' attacks are compared with ours where they can be had; their tests are skipped, with the reason, where not.
# Of CleverHans only the PyTorch part is used, which needs none of its declared requirements.
.venv/.test-ready: .venv/.book-ready .venv/.browser-ready
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[book,test,cluster]"
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[peers]" \
	  && $(BIN)/python -m pip install --quiet -c constraints.txt --no-deps cleverhans \
	  || echo "Other projects' attacks could not be installed: the tests that compare ours with them are skipped."
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[slides]" \
	  || echo "reveal.js could not be installed: the tests of the slides are skipped."
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[teaching]" \
	  || echo "nbgrader could not be installed: the test that autogrades with it is skipped."
	@touch $@

.venv/.teaching-ready: .venv/.book-ready
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[teaching]"
	@touch $@

# A browser for the tests of the pages and for the PDF: the system's Chromium, else Playwright's own. Both are left out, with a
# line that says so, where neither can be had; so a machine without a network can still run all the rest.
.venv/.browser-ready: .venv/.book-ready
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[browser]" \
	  && { PYTHONPATH=book/tools $(BIN)/python -c "import chromium, sys; sys.exit(bool(chromium.missing()))" \
	       || timeout 600 $(BIN)/python -m playwright install --only-shell chromium; } \
	  || echo "No browser could be installed: its tests are skipped, and there is no PDF."
	@touch $@
