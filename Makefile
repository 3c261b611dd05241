# switchboard: make up, make test; the rest is for those who work on it.

NODES ?= 3

# Warnings of our own code are errors wherever it is tested.
export SWITCHBOARD_STRICT = 1

.PHONY: up lab test fuzz bench format lint setup

up: ## Redis, NODES nodes, nginx and a few agents on loopback, until Ctrl-C
	@NODES=$(NODES) deploy/up

lab: setup ## docker-compose.yml without Docker: each container in namespaces of its own, until Ctrl-C; needs root
	swift build -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked --product switchboard
	SWITCHBOARD_BIN=.build/release/switchboard deploy/lab up --scale node=$(NODES)

test: setup ## everything that can be tested on this machine
	swift build --build-tests
	Tests/run-swift
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/API/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/Conformance/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/RFC6455/run
	Tests/Fuzz/run --seconds 15
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/JavaScript/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/Browser/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/Deploy/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/Lab/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/Webhooks/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/Attacks/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/Security/run
	SWITCHBOARD_BIN="$$(swift build --show-bin-path)/switchboard" Tests/TLS/run
	Benchmarks/selftest

fuzz: setup ## looks on for inputs that break something, an hour for each target; FUZZ='--seconds 60 resp' for others
	Tests/Fuzz/run $(or $(FUZZ),--seconds 3600)

setup:
	@deploy/setup --test

bench: ## CPU and memory per message and per connection, beside the floor
	swift build -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked --product switchboard
	Benchmarks/run $(BENCH)

format: ## rewrites the sources in the project's format
	swift format --in-place --parallel --recursive Package.swift Sources Tests

lint: ## fails on what format would change
	swift format lint --strict --parallel --recursive Package.swift Sources Tests
