# edge-mm: the commands that people and CI use. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
DATA ?= ../shared/data
.DEFAULT_GOAL := help
.PHONY: help env demo test test-env test-arm64 test-devices faults test-dashboard test-home-assistant test-node-red lint schemas golden bench bench-fusion bench-convert bench-dashboard bundle evaluate convert-env convert-test soak kills wheel clean fuzz bench-outbox

help:  ## show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

env:
	@bash .ci/venv.sh $(VENV) demo $(PYTHON)

demo: env  ## watch real recordings and print the alerts that reach an MQTT subscriber
	@$(VENV)/bin/edge-mm demo

test-env: env
	@bash .ci/system-parts.sh
	@bash .ci/venv.sh $(VENV) demo,test,lint $(PYTHON)
	@$(RUN) -c 'import pyaudio' 2>/dev/null || $(RUN) -m pip install -q --disable-pip-version-check -e '.[mic]' >$(VENV)/mic.log 2>&1 \
	  || echo "edge-mm: PyAudio could not be built (see $(VENV)/mic.log): microphone tests will skip" >&2

test: test-env  ## run the tests (at most 10 minutes)
	@date -u +'edge-mm: tests of %Y-%m-%d %H:%M UTC' >&2
	@$(RUN) -m pytest -n 4 --dist loadfile tests  # many of them wait for something

lint: test-env  ## ruff, mypy --strict, import contracts
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

faults: test-env  ## seconds until each fault of a real part is seen from outside, and over; dated report
	@$(RUN) tests/faults_report.py $(ARGS)

schemas: env  ## rewrite edge_mm/schemas from the payload types (refuses what would break receivers)
	@$(RUN) tests/schemas_written.py

golden: test-env  ## rewrite the expected alerts of the golden recordings (look at the diff before you commit)
	@$(RUN) tests/golden_alerts.py $(DATA)

bench: env  ## CPU and memory of a replay against MediaPipe Face Mesh, side by side; prints a dated report
	@[ -x .venv-bench/bin/python ] || { echo "edge-mm: installing MediaPipe 0.10.14 into .venv-bench (Python 3.11 or 3.12)" >&2; \
	  $(PYTHON) -m venv .venv-bench && .venv-bench/bin/python -m pip install -q --disable-pip-version-check mediapipe==0.10.14; }
	@$(RUN) tests/bench/startup.py
	@$(RUN) tests/bench/replay_vs_face_mesh.py $(ARGS)

convert-env:
	@bash .ci/venv.sh .venv-convert demo,test,convert $(PYTHON)

convert-test: convert-env  ## tests of the host side (installs TensorFlow)
	@.venv-convert/bin/python -m pytest -n 2 --dist loadfile -m convert tests/convert

bundle: convert-env  ## train and package the reference bundles `driver` and `health` from $(DATA) (an hour)
	@.venv-convert/bin/python -m converters.driver --data $(DATA) --work work --out edge_mm/bundles --fixtures tests/golden
	@.venv-convert/bin/python -m converters.health --data $(DATA) --work work --out edge_mm/bundles
	@$(MAKE) --no-print-directory evaluate CARD="--card edge_mm/bundles"

evaluate: convert-env  ## both bundles on people they never saw, through the device's monitor; dated report in work/evaluation
	@for name in driver health; do .venv-convert/bin/edge-mm-convert evaluate $$name --data $(DATA) --out work/evaluation/$$name $(CARD); done

bench-outbox: env  ## transitions a second through the outbox against plain SQLite on this disk; dated report
	@$(RUN) tests/bench/outbox.py $(ARGS)

bench-convert: convert-env  ## bytes, speed, loss and time of the driver bundle's conversion (after `make bundle`); dated report
	@.venv-convert/bin/python tests/bench/conversion.py

bench-fusion: convert-env  ## the attention fusion against concatenation and single senses, people left out; dated report
	@mkdir -p build/fusion && .venv-convert/bin/python -m converters.study --data ../shared/data --work build/fusion \
	  --json build/fusion/study.json --plot build/fusion/study.svg $(ARGS)

test-arm64: env  ## the wheel on emulated aarch64 against this machine (Debian; root, or user namespaces)
	@bash tests/arm64/run.sh

test-node-red: test-env  ## the example flow in a real Node-RED, installed into build/ (needs npm)
	@bash tests/node_red/run.sh

test-devices: test-env  ## our sources on a kernel's own drivers, in a QEMU guest (Debian, x86-64); SUITES="camera serial" for a few
	@bash .ci/venv.sh $(VENV) demo,test,lint,ble,i2c,guest $(PYTHON)
	@bash tests/guest/build.sh
	@$(RUN) tests/guest/boot.py $(SUITES)

test-dashboard: test-env  ## only the dashboard's: headless Chromium, a real broker, a real daemon
	@$(RUN) -m pytest tests/devices/test_dashboard_*.py

bench-dashboard: test-env  ## the page's first paint, alert to DOM, 50 devices at 1 Hz (Debian's chromium, mosquitto); dated report
	@$(RUN) tests/bench/dashboard.py $(ARGS)

test-home-assistant: test-env  ## the device in a real Home Assistant (Python 3.13; installs it once, 600 MB); dated report
	@bash tests/home_assistant/run.sh $(RUN)

soak: test-env  ## 2 h of live input at 8x with faults every few seconds: memory, threads, alerts; ARGS="--seed 7 --minutes 2"
	@PYTHONPATH=tests $(RUN) -m soak $(ARGS)

kills: test-env  ## 500 SIGKILLs of daemon and broker at random moments: transitions lost or doubled; dated report (10 min)
	@PYTHONPATH=tests $(RUN) -m kills $(ARGS)

fuzz: test-env  ## 100,000 bad requests over MQTT to a running daemon; dated report; ARGS="--seed 7 --count 5000"
	@PYTHONPATH=tests $(RUN) tests/fuzz_requests.py $(ARGS)

wheel: test-env  ## build the wheel into dist/
	@$(RUN) -m pip wheel -q --disable-pip-version-check --no-deps -w dist .

clean:  ## remove what was built
	rm -rf .venv .venv-* dist build work reports .mypy_cache .ruff_cache
