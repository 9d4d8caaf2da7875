#!/usr/bin/env bash
# board.sh EMULATOR STORE PYTHON ARGUMENTS...: runs the emulated Python with these arguments. In a mount namespace of its own only
# (`unshare -m`): it binds the fake board over this machine's processor, for this process and its children alone.
set -euo pipefail
emulator=$1 store=$2 python=$3
shift 3
mount --bind "$store/board/cpu" /sys/devices/system/cpu
mount --bind "$store/board/cpuinfo" /proc/cpuinfo
export QEMU_CPU=cortex-a72 PYTHONHOME=$store/root/usr PYTHONPATH=$store/code:$store/site PYTHONDONTWRITEBYTECODE=1
exec "$emulator" -L "$store/root" "$store/root/usr/bin/python$python" "$@"
