# Peercafe: `make run` starts a region, `make test` the tests, `make check` reads the code, `make clean` removes
# what the three made. Paths with spaces work: nothing here depends on where the checkout lies.
PORT ?= 8080
DATA ?= .peercafe
ENGINES ?=
TESTS ?=
# Two processes with engines of their own, a file to whichever is free: half the waiting on two cores (three: no quicker).
IN_TWO := -n 2 --dist loadfile --no-loadscope-reorder

export PORT DATA
# Where this is set, each start and each of the tests' many processes would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run federation test test-faults test-abuse test-unlinkability bench bench-long check clean setup setup-dev

help:
	@sed -n 's/^\([a-z -]*\):.*## /  make \1	/p' Makefile

run: setup ## Start a region (PORT, DATA)
	@exec .venv/bin/peercafe serve all --port "$$PORT" --data "$$DATA"

federation: setup ## Start two regions with one forum (PORT and PORT+1, DATA)
	@exec .venv/bin/peercafe federation run --port "$$PORT" --data "$$DATA"

test: setup-dev ## Run the tests (ENGINES=docker|embedded, TESTS=paths)
	@ENGINES="$(ENGINES)" .venv/bin/python -m pytest $(or $(TESTS),tests $(IN_TWO))

test-faults test-abuse: setup-dev ## Kills, cuts and floods; forged, hostile and raced requests
	@ENGINES="$(ENGINES)" .venv/bin/python -m pytest tests/$(@:test-%=%)

test-unlinkability: setup-dev ## Half a year of 29 people, copied and attacked (RATES=write renews the table)
	@ENGINES="$(ENGINES)" .venv/bin/python -m pytest -s tests/unlinkability

bench: setup-dev ## Speed as ratios against the raw libraries, twenty minutes (PARTS=names)
	@.venv/bin/python -m benchmarks $(PARTS)

bench-long: setup-dev ## The large ones: half a million rows, a million posts
	@.venv/bin/python -m benchmarks --long $(PARTS)

check: setup-dev ## Format, rules, types, layers
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

clean: ## Remove what was built; DATA stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: .venv/locked-run

setup-dev: .venv/locked-dev

# The environment is made anew from the lock, and only when the lock has changed.
.venv/locked-run: requirements/run.txt
	@sh deploy/setup.sh run

.venv/locked-dev: requirements/dev.txt requirements/run.txt
	@sh deploy/setup.sh dev
