# What there is to do with this project; `make help` lists it. docs/development.md explains the tests.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help build up destroy packages packages-test generate check test unit e2e bench fuzz clean

BINARY   := bin/slipway
DOCUMENT ?= examples/sandbox.yaml
FUZZTIME ?= 30s

# What is compiled without cgo for the binary serves the linters and the end-to-end tests too; the race detector needs cgo.
export CGO_ENABLED := 0

LINT  := go tool -modfile=tools/go.mod golangci-lint
STAGE := scripts/stage

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

build: ## build bin/slipway, one static binary
	@go build -o $(BINARY) ./cmd/slipway

packages:
	@scripts/install-packages run

packages-test:
	@scripts/install-packages run test

up: packages ## install what is missing, build, and bring up DOCUMENT (examples/sandbox.yaml): the main job
	@$(STAGE) "build $(BINARY)" $(MAKE) --no-print-directory build
	@$(BINARY) up -f $(DOCUMENT) --yes
	@$(BINARY) status -f $(DOCUMENT)
	@printf '%s\n' "" \
	  "The cluster is up. To look at it:    $(BINARY) status -f $(DOCUMENT)" \
	  "To log in to a manager:              $(BINARY) ssh -f $(DOCUMENT) manager-1" \
	  "To use its swarm:                    $(BINARY) ssh -f $(DOCUMENT) manager-1 -- sudo docker node ls" \
	  "To take it down again:               make destroy"

destroy: build ## take down what `make up` brought up, the sandbox included
	@$(BINARY) destroy -f $(DOCUMENT) --yes
	@$(BINARY) sandbox stop

generate: ## write what is generated from the source: schema, reference, examples
	@go generate ./...

check: ## lint and check everything that needs no machine, in under 3 minutes
	@$(STAGE) "format" $(LINT) fmt --diff
	@$(STAGE) "lint" $(LINT) run
	@$(STAGE) "generated files" go test ./internal/cluster/internal/gen
	@$(STAGE) "modules" go mod tidy -diff

unit: ## every test that needs no sandbox, with the race detector
	@$(STAGE) "unit tests" env CGO_ENABLED=1 go test -race -shuffle=on -timeout 15m ./...

e2e: build ## the whole system against real engines; needs root
	@$(STAGE) "end-to-end tests" go test -tags e2e -count=1 -timeout 20m -v ./e2e/...

test: packages-test ## install what is missing, then every check and test; CI runs this
	@$(STAGE) "build" $(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory e2e

bench: ## the benchmarks: wall time against the critical path, calls made, memory; docs/benchmarks.md explains them
	@go test -tags bench -run '^TestInfrastructure$$' -count=1 -timeout 20m -v ./e2e/bench

fuzz: ## every fuzz test for FUZZTIME (30s) each
	@scripts/fuzz $(FUZZTIME)

clean: ## remove what was built
	@rm -rf bin
