# git-vaultmesh: `make` builds, `make help` prints the targets.

PREFIX ?= $(HOME)/.local
export CGO_ENABLED ?= 0
GO     ?= go
BUILD  := -trimpath -ldflags="-s -w"
FUZZTIME ?= 30s

build: ## build both commands into bin/
	@$(GO) build $(BUILD) -o bin/ ./cmd/...

dist: ## build both commands for linux on amd64 into dist/, the same bytes from the same Go
	@mkdir -p dist
	@for command in git-vaultmesh git-remembrancer; do \
		GOOS=linux GOARCH=amd64 GOAMD64=v1 GOTOOLCHAIN=local GOWORK=off $(GO) build $(BUILD) -buildvcs=false -o "dist/$$command-linux-amd64" "./cmd/$$command" || exit 1; \
	done

help: ## print the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 12

install: build ## put both commands and the manual under PREFIX (~/.local)
	@set -e; mkdir -p "$(PREFIX)/bin"; prefix=$$(cd "$(PREFIX)" && pwd); \
	cp bin/git-vaultmesh bin/git-remembrancer "$$prefix/bin/"; \
	echo "installed git-vaultmesh and git-remembrancer in $$prefix/bin"; \
	"$$prefix/bin/git-vaultmesh" help --install-man --dir "$$prefix/share/man/man1"; \
	case ":$$PATH:" in *":$$prefix/bin:"*) ;; *) \
		echo "$$prefix/bin is not on PATH; add this line to your shell's start file:"; \
		echo "  export PATH=\"$$prefix/bin:\$$PATH\"";; esac

test: ## run all tests; needs Go, git and make
	@$(GO) test $(TESTFLAGS) ./... $(TESTARGS)

demo: build ## show the main job on a scratch clone of this repository
	@sh docs/demo.sh "$(CURDIR)/bin"

test-spawn: ## install what the products of templates need, make every one, and test it; SHORT=1 for a minute of it
	@bash .ci/spawn

check: ## formatting, vet, staticcheck, race, tests with coverage; needs every tool
	@sh .ci/check

bench: ## time our commands beside git's, medians and ratios
	@$(GO) run ./internal/bench

endurance: ## run scripts in their long forms, and many simulations, which take minutes
	@TEST_TOOLS=required $(GO) test -count=1 -timeout 30m ./internal/cli -args -long
	@$(GO) test -count=1 -timeout 30m ./ledger -run 'Simulation|Union' -args -simulation 3000 -rapid.checks 10000
	@$(GO) test -count=1 -timeout 60m ./internal/federation -args -simulation 50 -simulation.every 1 -rapid.checks 1000

pins: ## check that the templates pin what their versions come to; needs npm and the network
	@$(GO) test ./templates/testdata/pins
	@$(GO) run ./templates/testdata/pins -check

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

clean: ## remove what was built
	@rm -rf bin coverage dist

.PHONY: help build dist install test demo test-spawn check bench endurance fuzz pins clean
