# One verb, one line of help: plain `make` prints them.
PYTHON ?= python3
LAB_FLAGS ?=
# Where `make lab` keeps the copies that it opens; `make lab FOLDER=notebooks` opens the originals.
FOLDER ?= my
# The address of this repository on GitHub, for the links of `make site` to Binder and Colab.
REPOSITORY ?=
# The lecture of `make live`: 1 to 4, or single; and any words for `make exam`, known to you alone.
LECTURE ?= 1
SEED ?=
# The versions that are installed; `make CONSTRAINTS= …` lets pip choose.
CONSTRAINTS ?= -c constraints.txt
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help lab lint test test-all run bench weights homework exam slides pdf live site frames clean

help:
	@echo "make lab      install into .venv if need be, and open JupyterLab on your own copies of the notebooks, in my/"
	@echo "make lint     a few seconds: ruff reads all code, notebooks too, and mypy the types of helpers/"
	@echo "make test     install, then run all tests: the helpers, and every notebook against its saved outputs"
	@echo "make test-all the same, a whole run of nbgrader over the homework (0.5 GB), and every notebook in Chromium if there is one"
	@echo "make run      execute all notebooks in place and print seconds, memory, equations, near misses and claims"
	@echo "make bench    measure the speed of what takes long, as ratios"
	@echo "make weights  train again what lies in data/ (about fifteen hours; what is done is not repeated)"
	@echo "make homework installs nbgrader, and writes the lecturer's and the students' copies of the homework into course/"
	@echo "make exam SEED=…  an exam with your own numbers, and its answers, into course/"
	@echo "make slides   a deck for each lecture in slides/, which needs no network"
	@echo "make pdf      the same on paper, a page a slide, and a sheet of all formulas; needs a Chromium"
	@echo "make live LECTURE=2  the notebooks of a lecture in JupyterLab, code folded and figures large"
	@echo "make site     the whole series as a web site in site/, whose sliders move without a kernel and without a network"
	@echo "make frames   draw the pictures anew with which they move there (half an hour; after a widget has changed)"
	@echo "make clean    remove .venv"

lab: .venv/lab.done
	@said="$$($(BIN)/python -m helpers.tools.private_copies "$(FOLDER)")" || exit 1; \
	printf '%s\n' "$$said" | sed '$$d'; \
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 $(LAB_FLAGS) "$$(printf '%s\n' "$$said" | tail -n 1)"

lint: .venv/lint.done
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet --output-format concise .
	$(BIN)/mypy --no-error-summary

# Two processes, which take whole files, since a notebook's cells build on each other. The files come in their order,
# so that the longest, all notebooks in a browser, begins first.
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: .venv/test.done
	$(PYTEST)

test-all: .venv/test.done .venv/teach.done .venv/slides.done .venv/site.done .venv/browser.done
	$(PYTEST) -m "grading or browser or not (grading or browser)"

run: .venv/test.done
	$(BIN)/python tests/run_notebooks.py

bench: .venv/test.done
	$(BIN)/python tests/bench.py

weights: .venv/lab.done
	$(BIN)/python data/make_weights.py
	$(BIN)/python data/make_generators.py
	$(BIN)/python data/make_sweep.py
	$(BIN)/python data/make_long.py
	$(BIN)/python data/make_ladder.py
	$(BIN)/python data/make_turning.py
	$(BIN)/python data/make_ways_out.py
	$(BIN)/python data/make_drawing.py
	$(BIN)/python data/make_importance.py

homework: .venv/teach.done
	$(BIN)/python -m helpers.tools.lecturer_copies course

exam: .venv/lab.done
	$(BIN)/python -m helpers.tools.teaching.exam "$(SEED)"

slides: .venv/slides.done
	$(BIN)/python -m helpers.tools.talks

pdf: .venv/slides.done .venv/browser.done
	$(BIN)/python -m helpers.tools.talks pdf

live: .venv/lab.done
	$(BIN)/python -m helpers.tools.live $(LECTURE) $(LAB_FLAGS)

frames: .venv/test.done
	$(BIN)/python tests/record_frames.py

site: .venv/site.done
	$(BIN)/python -m helpers.tools.site $(REPOSITORY)

clean:
	rm -rf .venv

.venv/lab.done: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e .
	@touch $@

# Everything else that is installed is an extra of pyproject.toml: test, lint, teach, browser, slides, site.
.venv/%.done: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e '.[$*]'
	@touch $@ .venv/lab.done

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed. If it has another name here, say so: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo "Installing into .venv. The first time this takes a few minutes."
	@$(PYTHON) -m venv .venv
