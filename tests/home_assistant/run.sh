#!/usr/bin/env bash
# The device in a real Home Assistant: tests/home_assistant/run.sh PYTHON_WITH_EDGE_MM; writes reports/home-assistant-DATE.md.
# Installs Home Assistant 2025.4.4 into .venv-ha, once (a few minutes, 600 MB); Python 3.13 is needed.
set -euo pipefail
cd "$(dirname "$0")/../.."
run=$PWD/$1 version=2025.4.4
python=
for one in python3.13 "$HOME"/.pyenv/versions/3.13*/bin/python3.13; do
  if "$one" -c '' 2>/dev/null; then python=$one; break; fi
done
if ! .venv-ha/bin/python -c 'import homeassistant, paho.mqtt, hass_frontend' 2>/dev/null; then
  [ -n "$python" ] || { echo "edge-mm: skipped: Home Assistant $version needs Python 3.13, which is not here" >&2; exit 0; }
  echo "edge-mm: installing Home Assistant $version into .venv-ha" >&2
  "$python" -m venv --clear .venv-ha
  pip() { nice .venv-ha/bin/python -m pip "$@" -q --disable-pip-version-check; }
  pip install --no-deps "homeassistant==$version"
  # With its own constraints only: others that pip would choose do not fit together.
  constraints=$(echo .venv-ha/lib/python3.13/site-packages/homeassistant/package_constraints.txt)
  cp "$constraints" .venv-ha/constraints.txt
  pip install -c .venv-ha/constraints.txt "homeassistant==$version" "$(grep '^home-assistant-frontend' .venv-ha/constraints.txt)" paho-mqtt==2.1.0
fi
mkdir -p reports
report=reports/home-assistant-$(date -u +%Y-%m-%d-%H%M).md
status=0
PYTHONPATH=$PWD:$PWD/tests:$PWD/tests/home_assistant "$run" -m pytest -v tests/home_assistant/prove.py >reports/home-assistant.log 2>&1 || status=$?
{
  echo "# The device in Home Assistant $version, $(date -u '+%Y-%m-%d %H:%M') UTC"
  echo
  [ $status = 0 ] && echo "All of it holds." || echo "**Something does not hold (pytest ended with $status).**"
  echo
  echo '```'; tail -n 25 reports/home-assistant.log; echo '```'
} | tee "$report"
exit $status
