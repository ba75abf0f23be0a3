# What people run. Everything that is made lies in .kaqiao/ and bin/.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO    ?= go
HOME_ := .kaqiao
TOOL  := $(GO) tool -modfile=.ci/tools.mod

.PHONY: help build keys up demo test race lint generate fresh bench bench-call bench-banks bench-isolation clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' Makefile

build: ## the three programs, into bin/
	@mkdir -p bin
	@echo "building bin/gateway bin/mockbanks bin/loadtest (the first time takes a minute or two) …"
	@CGO_ENABLED=1 $(GO) build -trimpath -o bin/ ./gateway ./mockbanks ./loadtest

keys: build ## both sides' development keys, into .kaqiao/keys; what is there stays
	@bin/mockbanks keys --out $(HOME_)/keys

up: keys ## farm and gateway until Ctrl-C
	@bin/loadtest up

demo: keys ## bind a card of each tier step by step, then 20 s of load and the table
	@bin/loadtest up --then demo

test: ## all tests
	@$(GO) test ./...

race: ## all tests under the race detector
	@$(GO) test -race ./...

lint: ## formatting, vet, arrows and the rest
	@out=$$(gofmt -l gateway mockbanks profiles loadtest); if [ -n "$$out" ]; then echo "gofmt would change: $$out"; exit 1; fi
	@$(GO) vet ./...
	@$(TOOL) golangci-lint run ./...

generate: ## what is generated: the API's types and client
	@$(GO) generate ./gateway/...

fresh: generate ## fails where what is generated is not what is committed
	@git diff --exit-code -- gateway

bench: bench-call bench-banks bench-isolation ## each benchmark prints its floor beside its result
	@$(GO) test -run '^$$' -bench . -benchmem ./profiles/... ./gateway/... ./mockbanks/...

bench-call: ## what a call costs through the gateway, and how much it adds, beside the floor; a minute
	@$(GO) test -run '^$$' -bench '^BenchmarkCall$$' -benchtime 1x -v ./loadtest/e2e

bench-banks: ## what a call and both programs' memory cost with 4,000 banks beside 16; a minute
	@$(GO) test -run '^$$' -bench '^BenchmarkManyBanks$$' -benchtime 1x -v ./loadtest/e2e

bench-isolation: ## what all other banks feel of one of each protocol that hangs, at half of the knee; eight minutes
	@$(GO) test -run '^$$' -bench '^BenchmarkIsolation$$' -benchtime 1x -timeout 30m -v ./loadtest/e2e

clean: ## bin/ and .kaqiao/, keys and data included
	@rm -rf bin $(HOME_)
