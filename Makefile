# aclog. `make` alone lists what there is to make.
.DEFAULT_GOAL := help
.PHONY: help build check check-lint check-rest test run matrix matrix-full certs certs-issue certs-renew certs-revoke certs-list certs-check generate bench bench-peers durability-model disk-faults faults crash powercut crash-states damage clean
.DELETE_ON_ERROR:

BIN := node_modules/.bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# npm ci runs only when the lockfile differs from the one that was installed.
.make/installed: package-lock.json package.json
	@node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' || { echo "aclog needs Node 20.19 or later (found: $$(node --version 2>&1 | head -n 1))" >&2; exit 1; }
	@mkdir -p .make
	@if ! cmp -s package-lock.json .make/installed-lock || [ ! -d node_modules ]; then npm ci --no-audit --no-fund --ignore-scripts >&2 && cp package-lock.json .make/installed-lock; fi
	@touch $@

build: .make/installed ## install and compile
	@$(BIN)/tsc -b

check: build ## lint, format, types, and that the generated code is current
	@$(MAKE) --no-print-directory -j 2 check-lint check-rest

# As long as all the rest together.
check-lint: build
	@$(BIN)/eslint .

check-rest: build
	@rm -rf .make/generated && scripts/generate.sh .make/generated
	@diff -r .make/generated src/wire/generated || { echo "src/wire/generated is not what proto/ gives: run make generate" >&2; exit 1; }
	@$(BIN)/tsc -p tsconfig.test.json
	@$(BIN)/prettier --check --log-level warn .
	@$(BIN)/buf lint

test: check ## everything CI runs: install, build, check, all tests
	@mkdir -p .make
	@$(BIN)/vitest run --reporter=default --reporter=json --outputFile.json=.make/test-report.json

certs: build ## make a CA, a server and example client certificates in ./certs
	@./aclog certs init

certs-issue: build ## make one more client's certificate (NAME=acme/shipping CERTS="--days 90")
	@./aclog certs issue $(NAME) $(CERTS)

certs-renew: build ## make a certificate anew, or all that end within 30 days (NAME=acme/billing CERTS="--revoke-old")
	@./aclog certs renew $(or $(NAME),--expiring-within 30) $(CERTS)

certs-revoke: build ## revoke somebody's certificates; without NAME, write the revocation lists anew (NAME=acme/billing CERTS="--reason keyCompromise")
	@./aclog certs $(if $(NAME),revoke $(NAME),crl) $(CERTS)

certs-list: build ## what was issued, until when, and what is revoked (CERTS="--expiring-within 30")
	@./aclog certs list $(CERTS)

certs-check: build ## whether a certificate will be of use here (FILE=certs/server.crt CERTS="--host log.example")
	@./aclog certs check $(or $(FILE),certs/server.crt) --ca certs/ca.crt --crl certs $(CERTS)

generate: .make/installed ## write the types of proto/ to src/wire/generated
	@scripts/generate.sh

run: build ## make certificates if there are none, and serve on 127.0.0.1:8400
	@[ -f certs/ca.crt ] || ./aclog certs init
	@exec node bin/aclog.cjs serve

matrix: build ## try on the wire what policy/matrix.csv states, and who gets in with what; make certificates if there are none
	@[ -f certs/ca.crt ] || ./aclog certs init
	@./aclog matrix --pairs $(MATRIX)

matrix-full: build ## the same with every combination of credential, method, topic and moment, which takes long (MATRIX="--html matrix.html")
	@[ -f certs/ca.crt ] || ./aclog certs init
	@./aclog matrix --full $(MATRIX)

bench: build ## measure it beside a bare grpc-js server (BENCH="--seconds 1 --json")
	@node bench/run.mjs $(BENCH)

bench-peers: build ## the same, beside NATS JetStream, Redis Streams and etcd too
	@bench/peers/install.sh
	@node bench/run.mjs --peers $(BENCH)

durability-model: build ## 100,000 random histories of crashes and failing disks; what each rule of the log keeps away (HISTORIES=, SEED=)
	@HISTORIES=$${HISTORIES:-100000} SEED=$${SEED:-1} $(BIN)/vitest run test/durability-model --reporter=dot

disk-faults: build ## fail every N-th call of the engine on its disk, in process: all N of what make test tries a few of
	@ACLOG_DISK_FAULTS=all $(BIN)/vitest run test/log/disk-faults.test.ts test/activation/crash.test.ts

faults: build ## every system call of the store fails, is cut short or is the last one (test/faults/README.md)
	@test/faults/install.sh
	@FAULTS="$(or $(FAULTS),all)" $(BIN)/vitest run test/faults/$(if $(FAULTS),faults.test.ts,) --disable-console-intercept

crash: build ## kill the server again and again, and look for what is lost (CRASH="--cycles 20 --seed 7")
	@node test/campaigns/crash.mjs $(CRASH)

powercut: build ## the same with the power of its disk, as root
	@node test/campaigns/powercut.mjs $(CRASH)

crash-states: build ## recover every state that a crash may leave, 20,000 at least (ACLOG_CRASH_STATES, ACLOG_CRASH_SEED)
	@ACLOG_CRASH_STATES=$${ACLOG_CRASH_STATES:-20000} $(BIN)/vitest run test/log/crash-states.test.ts --disable-console-intercept

damage: build ## every bit and every tail of a small journal and a small segment, every file lost, swapped, old or something else
	@ACLOG_DAMAGE=all $(BIN)/vitest run test/log/damaged-files.test.ts test/log/damage.test.ts

clean: ## remove what was built and installed; certificates and data stay
	@rm -rf dist node_modules bench/peers/node_modules .make coverage
