# A fresh machine needs two commands: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
BEGAN  := $(shell date +%s)

PYTEST  := $(BIN)/python -m pytest --durations=15 $(MEASURE)
ENGINE  := -p no:pytest-qt tests/test_house.py tests/test_words.py tests/core
WINDOW  := tests/app
PACKAGE := -p no:pytest-qt tests/package
SCRIPTS := -p no:pytest-qt tests/scripts
VERSION := $(shell sed -n 's/^SECATEUR = "\(.*\)"/\1/p' core/system/versions.py)
# Of `make fuzz`; another seed draws other inputs.
SECONDS ?= 60
SEED    ?= 0
# Keeps the output of parallel targets apart, if make supports it.
APART   := $(if $(filter output-sync,$(.FEATURES)),--output-sync)

.PHONY: setup run test test-scripts quick quick-engine quick-window measure fuzz lint compat bench screenshots bundle bundle-test bundle-tarball appimage dist docs clean

setup: $(STAMP)

# The version is in versions.py: what is installed must have it.
$(STAMP): pyproject.toml core/system/versions.py scripts/system-libs.sh
	@sh scripts/system-libs.sh
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing torch and the other libraries into $(VENV): several gigabytes, which takes minutes."
	$(BIN)/python -m pip install --editable '.[dev]'
	@touch $@

run: setup
	@$(BIN)/python scripts/run_demo.py

# Separate processes: tests of the engine run without Qt, tests of the window without torch. Lint and
# fuzz take one core each, and run together. The packaged program is built and tested last, if there
# is enough time: tests/package/switch.py.
test: setup
	@$(MAKE) --jobs 2 $(APART) lint fuzz
	$(PYTEST) -n 2 --dist worksteal $(ENGINE)
	$(PYTEST) -n 2 --dist loadfile $(WINDOW)
	SECATEUR_TESTS_BEGAN=$(BEGAN) $(PYTEST) -n 2 --dist worksteal $(PACKAGE)

# Every script and benchmark that the documents name, to its end.
test-scripts: setup
	$(PYTEST) $(SCRIPTS)

# Mutated and hostile files, for so many seconds: tests/fuzz. Faults are kept in fuzz-found.
fuzz: setup
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) --seed $(SEED)

# Lint and all tests that are not slow, two at a time.
quick: setup
	@$(MAKE) --jobs 2 --keep-going $(APART) quick-engine quick-window lint

quick-engine: setup
	$(PYTEST) -q -m 'not slow' $(ENGINE) tests/package

quick-window: setup
	$(PYTEST) -q -m 'not slow' $(WINDOW)

# Measures every test and writes tests/slow.txt; best on an idle machine.
measure:
	$(MAKE) test MEASURE=--measure

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The ends of the range of libraries, in folders of their own: .venv-compat, removed afterwards.
compat: setup
	$(BIN)/python scripts/compat.py

bench: setup
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.window

screenshots: setup
	$(BIN)/python scripts/screenshots.py
	$(BIN)/python scripts/moving_picture.py
	$(BIN)/secateur demo -o demo-output
	QT_QPA_PLATFORM=offscreen $(BIN)/python scripts/demo_pictures.py demo-output --docs

# The packaged program, in dist/secateur: docs/packaging.md.
bundle: setup
	@PYTHON=$(PYTHON) sh scripts/system-libs.sh bundle
	QT_QPA_PLATFORM=offscreen $(BIN)/pyinstaller --noconfirm --log-level WARN build.spec
	$(BIN)/python -m scripts.bundle.sizes dist/secateur

# Builds it, moves it away from the source and the tools, and runs the demo there.
bundle-test: bundle
	$(BIN)/python -m scripts.bundle.check dist/secateur --version $$($(BIN)/secateur --version | cut -d' ' -f2)

bundle-tarball: bundle
	$(BIN)/python -m scripts.bundle.tarball dist/secateur dist

# The same as one file that runs as it is; with the runtime of the AppImage project.
APPIMAGE_RUNTIME ?= runtime-$(shell uname -m)
appimage: bundle
	$(BIN)/python -m scripts.bundle.appimage dist/secateur dist --runtime $(APPIMAGE_RUNTIME)

# The sdist, and the wheel built from it, in dist: docs/install.md.
dist: setup
	rm -rf secateur.egg-info dist/secateur-*.whl
	$(BIN)/python -m build --no-isolation --quiet
	$(BIN)/python -m twine check --strict dist/secateur-$(VERSION)-py3-none-any.whl dist/secateur-$(VERSION).tar.gz

# The documents as a site, in site: `python -m http.server --directory site` shows it, with search.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

clean:
	rm -rf build dist site demo-output fuzz-found .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
