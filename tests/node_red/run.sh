#!/bin/bash
# The example flow in a real Node-RED, which is installed into build/ (npm, 120 MB); prints a dated line.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
place=$here/build/node-red
if ! command -v npm >/dev/null; then echo "not here: npm is missing (apt install npm)"; exit 0; fi
if [ ! -f "$place/node_modules/node-red/red.js" ]; then
  mkdir -p "$place"
  (cd "$place" && npm install --silent --no-fund --no-audit node-red@4)
fi
echo "edge-mm: Node-RED $(node -p "require('$place/node_modules/node-red/package.json').version"), $(date -u +'%Y-%m-%d %H:%M UTC')"
cd "$here"
NODE_RED=$place PYTHONPATH=tests "$here/.venv/bin/python" -m pytest -q tests/node_red/prove.py
