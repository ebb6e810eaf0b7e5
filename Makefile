# The developer's commands; each is one line around CMake. `make` alone lists them.
JOBS         ?= $(shell nproc)
FUZZ_SECONDS ?= 60
C_FILES       = tools/c-files

help:
	@echo 'make check   unit tests with ASan and UBSan (under a minute, no root, no network)'
	@echo 'make test    every test        make run    the demo'
	@echo 'make fmt     format the C      make lint   clang-tidy, cppcheck, shellcheck, eslint, format'
	@echo 'make tsan    the tests in which threads meet, with ThreadSanitizer'
	@echo 'make fuzz    each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make faults  faults in the running service, all of them (an hour): killed at every commit point, bad disks, clocks, peers'
	@echo 'make coverage  which lines the corpora and the unit tests reach'
	@echo 'make bench   all benchmarks (10 minutes; QUICK=1: 2); bench-PART for one folder of bench/'
	@echo 'make soak    a day of 10,000 devices in 100 minutes (HOURS, DEVICES, SPEED: docs/soak.md)'
	@echo 'make size    bytes of the device module: code, constants, RAM, stack, messages'
	@echo 'make screenshots  pictures of every page of the portal, into build/screenshots'
	@echo 'make deb     the Debian packages, into build/packages'
	@echo 'make figures measure the device module and write docs/figures.md; hub-figures: the hub, docs/hub-figures.md'

check:
	@cmake --preset asan >/dev/null
	@cmake --build build/asan -j $(JOBS) -- --no-print-directory -s
	@ctest --preset asan -L unit -j $$((2 * $(JOBS))) --progress # half of the time they wait

run test:
	@./$@

fmt:
	@$(C_FILES) | xargs -0 clang-format -i

lint: fmt-check
	@tools/lint

fmt-check:
	@$(C_FILES) | xargs -0 clang-format --dry-run -Werror

tsan:
	@cmake --preset tsan >/dev/null
	@cmake --build build/tsan -j $(JOBS) --target thread_tests -- --no-print-directory -s
	@ctest --preset tsan -L threads -j $(JOBS) --progress

fuzz:
	@tools/fuzz $(FUZZ_SECONDS)

faults:
	@cmake --preset asan >/dev/null
	@cmake --build build/asan -j $(JOBS) -- --no-print-directory -s
	@VEDETTE_FAULTS_ALL=1 ctest --preset asan -L faults --verbose

coverage:
	@tools/coverage

bench: $(patsubst bench/%/run,bench-%,$(wildcard bench/*/run))
	@tools/bench report

bench-%:
	@tools/bench $(if $(QUICK),--quick) $*

soak:
	@cmake --preset release >/dev/null
	@cmake --build build/release -j $(JOBS) --target vedette bench_soak_fleet soak_clock bench_hub_registry -- --no-print-directory -s
	@bench/soak/soak build/soak build/release

size:
	@tools/bench size

figures: size bench-device
	@tools/figures write

hub-figures: bench-hub
	@tools/hub-figures

screenshots:
	@cmake --preset release >/dev/null
	@cmake --build build/release -j $(JOBS) --target vedette portal -- --no-print-directory -s
	@tools/screenshots

deb:
	@tools/deb build/packages

clean:
	rm -rf build/release build/asan build/tsan build/fuzz build/coverage build/bench build/size build/soak build/packages

.PHONY: help check run test tsan fmt fmt-check lint fuzz faults coverage bench size figures hub-figures screenshots deb clean
