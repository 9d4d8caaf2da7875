#!/usr/bin/env bash
# make test-arm64: the wheel on aarch64 (emulated) against the same wheel on this machine.
# In: a Debian or Ubuntu machine, the environment .venv. Out: a dated report, exit status 0 (the same), 1 (a difference)
# or 69 (something is missing; it says what). Keeps what can be kept in .arm64/. Not here: the comparison (prove.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
store=$PWD/.arm64 run=$PWD/.venv/bin/python here=tests/arm64
suite=bookworm python=3.11   # Debian 12, which is also Raspberry Pi OS of the boards' generation, and its Python
packages=python3-minimal,libpython3-stdlib,libstdc++6,libc6,zlib1g,ca-certificates
platforms=(manylinux_2_28_aarch64 manylinux_2_27_aarch64 manylinux_2_17_aarch64 manylinux2014_aarch64)
log=$store/build.log
say() { printf 'edge-mm: %s\n' "$*" >&2; }
give_up() { say "$@"; exit 69; }
key_of() { sha256sum | cut -c1-16; }
holds() { [ "$(cat "$store/$1.key" 2>/dev/null)" = "$2" ]; }   # what .arm64/$1 was made from
step() { say "[$1/5] $2 ($SECONDS s so far)"; }

[ "$(uname -s)" = Linux ] || give_up "test-arm64 runs on Linux only: it binds files over /proc and /sys"
[ -x "$run" ] || give_up "there is no .venv here: make env"
mkdir -p "$store"
echo '*' >"$store/.gitignore"
: >"$log"

step 1 "the emulator and mmdebstrap"
PATH=$PATH:/usr/sbin:/sbin
missing=()
emulator() { command -v qemu-aarch64-static || command -v qemu-aarch64; }
emulator >/dev/null || missing+=(qemu-user-static)
command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
command -v unshare >/dev/null || missing+=(util-linux)
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
if [ ${#missing[@]} -gt 0 ]; then
  wanted="sudo apt install --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null || give_up "${missing[*]} missing, and there is no apt here: install them with this system's packages"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || give_up "${missing[*]} missing, and apt may not be used without a password: $wanted"
    as_root=(sudo -n)
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
    "apt-get update -qq && apt-get install -y -qq --no-install-recommends ${missing[*]}" >>"$log" 2>&1 ||
    give_up "apt could not install ${missing[*]} (see $log): $wanted"
fi
# A mount namespace of our own: root has it, others where the kernel lets users make namespaces.
space=(unshare -m)
[ "$(id -u)" -eq 0 ] || space=(unshare -rm)
"${space[@]}" sh -c 'mount --bind /dev/null /proc/cpuinfo' 2>>"$log" ||
  give_up "'${space[*]}' may not bind a file over /proc/cpuinfo here (a container without --privileged, or user" \
    "namespaces switched off; the system's words are in $log): run it as root, or in a container with --privileged"

step 2 "Debian 12 for arm64 (about 12 s and 80 MB, once)"
key=$(echo "$suite $packages" | key_of)
if ! holds root "$key"; then
  rm -rf "$store/root" "$store/root.key" "$store/root.new"
  # This system's own Debian mirrors, whatever form its sources are in; elsewhere (Ubuntu) the one that the variable
  # names, or mmdebstrap's default.
  mirrors=()
  # shellcheck disable=SC2016
  while read -r line; do mirrors+=("$line"); done < <(
    apt-get indextargets --format 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
      'Created-By: Packages' 'Origin: Debian' 2>>"$log" | grep -E " $suite(-updates|-security)? main\$" | sort -u)
  [ ${#mirrors[@]} -gt 0 ] || { [ -z "${DEBIAN_MIRROR:-}" ] || mirrors=("$DEBIAN_MIRROR"); }
  # Nothing of the userland is run while it is made. In the namespace there is one user only, so apt must not change its own.
  "${space[@]}" mmdebstrap --mode=root --aptopt='APT::Sandbox::User "root"' \
    --arch=arm64 --variant=extract --format=directory --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$store/root.new" "${mirrors[@]}" >>"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    give_up "mmdebstrap could not build the userland (see $log); where the mirror is the reason: DEBIAN_MIRROR=URL make test-arm64"
  }
  [ -x "$store/root.new/usr/bin/python$python" ] || give_up "the userland has no python$python (see $log)"
  # The emulator looks into the userland first, so these must not be there: the bound ones are meant.
  rm -rf "$store/root.new/proc" "$store/root.new/sys" "$store/root.new/tmp"
  mv "$store/root.new" "$store/root"
  echo "$key" >"$store/root.key"
fi

step 3 "the wheel"
rm -rf "$store/wheel" "$store/code"
"$run" -m pip wheel -q --disable-pip-version-check --no-deps -w "$store/wheel" . >>"$log" 2>&1 ||
  give_up "the wheel could not be built (see $log)"
"$run" -m zipfile -e "$store"/wheel/edge_mm-*.whl "$store/code"

step 4 "its aarch64 dependencies, from wheels alone (about 10 s and 220 MB, once)"
sed -n 's/^Requires-Dist: //p' "$store"/code/edge_mm-*.dist-info/METADATA | grep -v 'extra ==' >"$store/requirements.txt"
# The versions that this machine runs, so that what differs is the architecture; another Python may need others.
: >"$store/constraints.txt"
if [ "$("$run" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = "$python" ]; then
  "$run" -m pip freeze --disable-pip-version-check 2>>"$log" | grep -E '^[A-Za-z0-9._-]+==' >"$store/constraints.txt" || true
fi
key=$(cat "$store/requirements.txt" "$store/constraints.txt" <(echo "$python ${platforms[*]}") | key_of)
if ! holds site "$key"; then
  rm -rf "$store/site" "$store/site.key" "$store/site.new"
  "$run" -m pip install -q --disable-pip-version-check --no-input --target "$store/site.new" --only-binary=:all: \
    --python-version "$python" --implementation cp --abi "cp${python/./}" --abi abi3 --abi none \
    "${platforms[@]/#/--platform=}" -r "$store/requirements.txt" -c "$store/constraints.txt" >>"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    give_up "pip could not install the aarch64 wheels (see $log)"
  }
  mv "$store/site.new" "$store/site"
  echo "$key" >"$store/site.key"
fi

step 5 "check, self-tests and a replay on both"
bash $here/fake_board.sh "$store/board"
exec "$run" $here/prove.py --code "$store/code" --reports reports -- \
  "${space[@]}" bash "$PWD/$here/board.sh" "$(emulator)" "$store" "$python"
