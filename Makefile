# Every target does its own set-up (tools/setup), and does it again only when something changed.
# ARGS go to the program behind the target: make demo ARGS="--json", make test ARGS="-k wire".

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:

ARGS ?=
bin := .venv/bin
sources := micstream tests testbed bench chaos rehearsal examples tools

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: ## Everything on this machine: a server, an avatar, your microphone or bundled speech
	@tools/setup demo
	@$(bin)/python -m tools.in_front $(bin)/micstream demo $(ARGS)

test: setup ## Run the tests, on a real livekit-server and a virtual microphone
	@$(bin)/python -m tests $(ARGS)

fuzz: setup ## What comes from outside, spoilt in tens of thousands of ways
	@$(bin)/python -m tests -k fuzz --hypothesis-profile=fuzz --hypothesis-show-statistics $(ARGS)

check: format-check lint types docs test ## All checks, the tests last

format-check: setup
	@$(bin)/ruff format --check $(sources)

lint: setup
	@$(bin)/ruff check $(sources)

types: setup
	@$(bin)/mypy
	@page/node_modules/.bin/tsc --project page

docs: setup ## Check the documentation: its links, and the make targets it names
	@$(bin)/python -m tools.check_docs

format: setup ## Format the code, and mend what the linter can
	@$(bin)/ruff check --fix $(sources)
	@$(bin)/ruff format $(sources)

bench: setup ## Measure: segmentation, delay, cost
	@$(bin)/python -m bench $(ARGS)

chaos: ## Provoke every fault for real: server, network, avatar, microphone, load, signals
	@tools/setup chaos
	@$(bin)/python -m chaos $(ARGS)

rehearsal: setup ## Play a scripted show of ten minutes, and lay all accounts of it beside each other
	@$(bin)/python -m rehearsal $(ARGS)

page: setup ## Build the pages anew, from page/ into their folders static
	@$(bin)/python -m tools.build_page

setup: # what the tests and checks need
	@tools/setup test

lock: ## Write the locks anew from pyproject.toml (ARGS=--upgrade for newest versions)
	@tools/lock $(ARGS)

assets: ## Make the bundled speech anew
	@tools/setup assets
	@$(bin)/python -m tools.make_assets

image-check: ## Play the Dockerfile through without docker (Debian, root)
	@tools/setup demo
	@$(bin)/python -m tools.image_check $(ARGS)

compose-check: ## Run compose.yaml's demo without docker (Debian, root)
	@tools/setup demo
	@$(bin)/python -m tools.compose_check $(ARGS)

clean: ## Remove the virtual environment, caches and build results
	rm -rf .venv build dist out page/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help demo test fuzz check format-check lint types docs format bench chaos rehearsal page setup lock assets image-check compose-check clean
