#!/usr/bin/env bash
# fake_board.sh FOLDER: writes what a Raspberry Pi 4 says of its processor: FOLDER/cpuinfo and FOLDER/cpu/.
# XNNPACK asks /proc/cpuinfo and /sys/devices/system/cpu which processor it runs on. Under emulation these are this
# machine's: with an x86 /sys the process crashes, with none XNNPACK is silently left out. Only what is asked for stands
# here: four Cortex-A72 (implementer 0x41, part 0xd08, revision r0p3) of 0.6 to 1.8 GHz without the ARMv8.2 extensions.
set -euo pipefail
folder=$1 cores=4
rm -rf "$folder"
mkdir -p "$folder/cpu"
last=$((cores - 1))
for file in possible present online; do echo "0-$last" >"$folder/cpu/$file"; done
echo "$last" >"$folder/cpu/kernel_max"
for ((core = 0; core < cores; core++)); do
  cat >>"$folder/cpuinfo" <<CORE
processor	: $core
BogoMIPS	: 108.00
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3

CORE
  one=$folder/cpu/cpu$core
  mkdir -p "$one/topology" "$one/cpufreq"
  echo "$core" >"$one/topology/core_id"
  echo 0 >"$one/topology/physical_package_id"
  echo "0-$last" >"$one/topology/core_siblings_list"
  echo 600000 >"$one/cpufreq/cpuinfo_min_freq"
  echo 1800000 >"$one/cpufreq/cpuinfo_max_freq"
done
echo 'Model		: Raspberry Pi 4 Model B Rev 1.4' >>"$folder/cpuinfo"
