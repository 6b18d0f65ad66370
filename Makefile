# `make book` builds the site, `make test` tests everything; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ENV := $(VENV)/.installed
SITE := _build/html
BUILT := _build/.built
EXECUTED := $(patsubst chapters/%.ipynb,_build/executed/%,$(wildcard chapters/*.ipynb))
PAGES := $(wildcard chapters/*.ipynb chapters/*.md)
HWLIB := $(shell find hwlib -type f -not -name '*.pyc')
SOURCES := _config.yml _toc.yml $(wildcard chapters/* formulas/*.json) $(HWLIB) \
           $(shell find site_ext course -type f -not -name '*.pyc')
AXE := tests/vendor/axe-core
JSEP := site_ext/static/jsep
FONTS := site_ext/static/fonts
DEJAVU = $(wildcard $(VENV)/lib/python*/site-packages/matplotlib/mpl-data/fonts/ttf)
KIT := _build/.course
NBGRADER := _build/nbgrader
# `make test` leaves out what is long and rarely tells, such as the thousands of rewrites of formulas
# in the ledger: `make execute` has tried them since a formula changed.
SLOW := -m "not slow"
LEDGER := --ignore=chapters/ledger.ipynb

# The same sums in the same order on every run.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export PYTHONHASHSEED := 0
# Machine code of the tests is compiled once; the name of the folder changes with its source.
export NUMBA_CACHE_DIR := $(CURDIR)/_build/numba/$(shell cat hwlib/*.py hwlib/scale/*.py | cksum | tr ' ' -)
# An environment that happens to be active is not the book's: IPython warns of it.
unexport VIRTUAL_ENV
# What Python and pytest have compiled is kept for the next run.
unexport PYTHONDONTWRITEBYTECODE

# Of `make bench`: the same number for all libraries, and the kernel that NumPy's BLAS chooses.
# The passes take turns, and the fastest round counts, so that a disturbance hits nobody alone.
THREADS ?= 2
BENCH = env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE -u NUMBA_CACHE_DIR $(BIN)/python

.PHONY: help book zip pdf epub course practice bench-site test test-all test-units test-notebooks test-portable \
        nbgrader bench bench-check serve execute lint format lock vendor clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

$(ENV): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

$(BUILT): $(ENV) $(SOURCES)
	@rm -rf $(SITE) _build/.doctrees
	$(BIN)/jupyter-book build -n -W --keep-going --quiet .
	@for page in $(basename $(notdir $(PAGES))); do \
	  test -s $(SITE)/chapters/$$page.html || { echo "page $$page was not built"; exit 1; }; done
	@touch $@

book: $(BUILT)  ## build the site and print where to open it
	@echo "The book is built. Open $(SITE)/index.html in a browser."

$(KIT): $(ENV) $(SOURCES) pyproject.toml
	$(BIN)/python -m course _build/course
	@touch $@

course: $(KIT)  ## write the kit for a class into _build/course: notebooks, homework, rubric, graders

test: $(BUILT) $(KIT) test-units test-notebooks  ## run the tests: units, notebooks, built pages

test-all: SLOW :=
test-all: LEDGER :=
test-all: test  ## run all tests, those too that are long and rarely tell

test-units: $(BUILT) $(KIT)  ## run the unit tests and the checks of notebooks and pages
	$(BIN)/python -m pytest -q -n 3 --dist worksteal $(SLOW)

test-notebooks: $(ENV)  ## run the notebooks again and compare what they print and draw
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --nbval --nbval-current-env $(LEDGER) chapters

test-portable: $(ENV)  ## the same with AVX-512 switched off, as on an older processor
	OPENBLAS_CORETYPE=Haswell NPY_DISABLE_CPU_FEATURES="$$($(BIN)/python site_ext/avx512.py)" \
	  $(MAKE) test-notebooks LEDGER=

zip: $(BUILT)  ## put the site into one archive to hand out, the same bytes for the same site
	@$(BIN)/python -m site_ext.archive $(SITE) _build/gradients-by-hand.zip
	@echo "The archive is _build/gradients-by-hand.zip; unpack it and open index.html in a browser."

nbgrader: $(NBGRADER)/.installed  ## install nbgrader in an environment of its own, for the tests

$(NBGRADER)/.installed: pyproject.toml
	$(PYTHON) -m venv $(NBGRADER)
	$(NBGRADER)/bin/python -m pip install --quiet --editable ".[nbgrader]"
	@touch $@

practice: $(ENV)  ## write a practice sheet to print, answers apart: SEED=7 TOPICS=mask,step COUNT=3
	@test -n "$(SEED)" || { echo "Choose a seed: make practice SEED=7"; exit 1; }
	@$(BIN)/python -m site_ext.practice.sheet $(SEED) _build/practice-$(SEED).html \
	  $(if $(TOPICS),--topics $(TOPICS)) $(if $(COUNT),--count $(COUNT))
	@echo "The sheet is _build/practice-$(SEED).html; open it in a browser and print it."

pdf: $(BUILT)  ## print the book as one PDF, without solutions (SOLUTIONS=1 appends them)
	@$(BIN)/python -m editions.pdf $(if $(SOLUTIONS),--solutions)

epub: $(BUILT)  ## write the book as an EPUB, solutions last
	@$(BIN)/python -m editions.epub

bench: export OMP_NUM_THREADS := $(THREADS)
bench: export OPENBLAS_NUM_THREADS := $(THREADS)
bench: $(ENV)  ## time hwlib beside other libraries, and store the tables that the book shows
	@$(BIN)/python -c 'import pytest_benchmark' 2>/dev/null || \
	  { echo 'Install what it compares with: $(BIN)/python -m pip install -e ".[bench]"'; exit 1; }
	@mkdir -p _build
	for pass in 1 2 3; do $(BENCH) -m pytest -q -o addopts= -rs benchmarks -o filterwarnings=default \
	  --benchmark-json=_build/speed-$$pass.json --benchmark-warmup=on --benchmark-max-time=0.3 \
	  --benchmark-columns=min,median,rounds || exit 1; done
	$(BENCH) -m benchmarks.report _build/speed-1.json _build/speed-2.json _build/speed-3.json
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BENCH) -m benchmarks.machine

bench-check: $(ENV)  ## run wrong and right gradients through hwlib's check and four others
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BENCH) -m benchmarks.wrong_gradients

serve: $(BUILT)  ## build the site and serve it on this machine
	$(BIN)/python -m http.server --directory $(SITE) --bind 127.0.0.1 8000

bench-site: $(BUILT)  ## weigh and time the site beside the stock theme (MATHJAX=folder draws its formulas)
	$(BIN)/python benchmarks/site.py $(SITE) $(MATHJAX)

# The numbers of the equations, as hwlib tells them. The file keeps its time if none has changed.
hwlib/equations.json: $(PAGES) _toc.yml site_ext/numbering.py | $(ENV)
	@$(BIN)/python -m site_ext.numbering

execute: $(EXECUTED)  ## run every notebook that may have changed and store its outputs
	$(BIN)/python -m formulas
	$(BIN)/python -m site_ext.figures chapters/intro.ipynb intro-figure site_ext/static/overview.svg
	$(BIN)/python -m site_ext.answer_data
	$(BIN)/python -m site_ext.practice

_build/executed/%: chapters/%.ipynb $(ENV) site_ext/execute.py $(HWLIB)
	$(BIN)/python site_ext/execute.py $<
	@mkdir -p $(@D) && touch $@

# The ledger reads the formulas of the chapters, and the first page the totals of the ledger.
_build/executed/ledger: $(wildcard formulas/*) chapters/gradient_checks.ipynb \
                        $(wildcard chapters/hinge_*.ipynb chapters/network_*.ipynb chapters/beyond_*.ipynb)
_build/executed/ledger: _build/executed/.inline
# What the inline formulas of a page are, in its own running example.
_build/executed/.inline: $(filter-out chapters/ledger.ipynb,$(PAGES)) $(wildcard tests/prose/*.py) | $(ENV)
	$(BIN)/python -m tests.prose --store
	@mkdir -p $(@D) && touch $@
# The chapter on scale shows what was measured.
_build/executed/beyond_scale: $(filter-out benchmarks/wrong_gradients.csv,$(wildcard benchmarks/*.csv))
# And the one on checks what they say of wrong gradients.
_build/executed/beyond_checks: benchmarks/wrong_gradients.csv
_build/executed/intro: _build/executed/ledger
# The page for teaching measures how long the others take.
_build/executed/teaching: $(filter-out %/teaching.ipynb %/ledger.ipynb %/intro.ipynb,$(wildcard chapters/*.ipynb))

lint: $(ENV)  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(ENV)  ## rewrite code in the book's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --no-config --no-header --no-annotate --no-emit-package hwlib --upgrade \
	  --output-file requirements.lock

vendor: $(ENV)  ## renew axe-core of the tests, jsep of the answer boxes, and the fonts (needs npm)
	rm -rf _build/npm && mkdir -p _build/npm/axe-core _build/npm/jsep _build/npm/font
	for name in axe-core jsep; do (cd _build/npm/$$name && npm pack --silent $$name && tar -xzf *.tgz); done
	cp $(addprefix _build/npm/axe-core/package/,axe.min.js LICENSE LICENSE-3RD-PARTY.txt) $(AXE)
	cp _build/npm/jsep/package/LICENSE $(JSEP)
	cp _build/npm/jsep/package/dist/iife/jsep.iife.min.js $(JSEP)/jsep.js
	for script in $(AXE)/axe.min.js $(JSEP)/jsep.js; do \
	  version=$$(sed -n '/"version":/{s/.*: "\(.*\)".*/\1/p;q}' \
	    _build/npm/$$(basename $$(dirname $$script))/package/package.json); \
	  sum=$$(sha256sum $$script | cut -d' ' -f1); \
	  sed -i "s/^Version .*/Version $$version, SHA-256 of \`$$(basename $$script)\` $$sum/" \
	    $$(dirname $$script)/README.md; \
	done
	cd _build/npm/font && npm pack --silent @fontsource/noto-sans-math && tar -xzf *.tgz
	cp _build/npm/font/package/LICENSE $(FONTS)/OFL.txt
	$(BIN)/pyftsubset _build/npm/font/package/files/noto-sans-math-latin-400-normal.woff2 \
	  --text-file=$(FONTS)/characters.txt --flavor=woff2 --layout-features='' --no-hinting \
	  --notdef-outline --name-IDs=0,1,2,3,4,5,6,13,14 --output-file=$(FONTS)/noto-sans-math.woff2
	for font in DejaVuSans:dejavu-sans DejaVuSansMono:dejavu-sans-mono; do $(BIN)/pyftsubset $(DEJAVU)/$${font%:*}.ttf \
	  --unicodes-file=$(FONTS)/text.txt --flavor=woff2 --layout-features='' --no-hinting \
	  --drop-tables+=FFTM --output-file=$(FONTS)/$${font#*:}.woff2; done
	cp $(DEJAVU)/LICENSE_DEJAVU $(FONTS)
	$(BIN)/python -c "from fontTools.ttLib import TTFont; font = TTFont('$(FONTS)/noto-sans-math.woff2'); \
	  math = font['MATH'].table.MathConstants; math.FractionRuleThickness.Value = 56; \
	  math.ScriptPercentScaleDown, math.ScriptScriptPercentScaleDown = 76, 64; \
	  font.save('$(FONTS)/noto-sans-math.woff2')"

clean:  ## remove what was built, and the environment
	rm -rf _build $(VENV) *.egg-info build
