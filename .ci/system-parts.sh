#!/usr/bin/env bash
# What the tests need from Debian: a broker, PortAudio, a sound server, an RTSP server, systemd-analyze, libfaketime,
# Chromium, a compiler. Installs them when it may use apt (root, or sudo without a password); otherwise says so, and the tests that
# need them skip with a reason.
set -uo pipefail
say() { printf 'edge-mm: %s\n' "$*" >&2; }
packages=()
PATH=$PATH:/usr/sbin
command -v mosquitto >/dev/null || packages+=(mosquitto)
[ -n "$(compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1")" ] || packages+=(faketime)
[ -n "$(compgen -G "/usr/lib/*/girepository-1.0/GstRtspServer-1.0.typelib")" ] ||
  packages+=(gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly python3-gi)
command -v pulseaudio >/dev/null || packages+=(pulseaudio pulseaudio-utils libasound2-plugins)
command -v systemd-analyze >/dev/null || packages+=(systemd)
[ -e /usr/include/portaudio.h ] || packages+=(portaudio19-dev gcc python3-dev)
command -v chromium >/dev/null || packages+=(chromium)
[ ${#packages[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then say "no apt here: tests that need ${packages[*]} will skip"; exit 0; fi
run=()
if [ "$(id -u)" -ne 0 ]; then
  if sudo -n true 2>/dev/null; then run=(sudo -n); else
    say "may not use apt: tests that need ${packages[*]} will skip; to run them: sudo apt install ${packages[*]}"; exit 0
  fi
fi
say "installing ${packages[*]} from Debian (about half a minute, once)"
install() {
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && apt-get install -y -qq --no-install-recommends $1" \
    >/tmp/edge-mm-apt.log 2>&1
}
# Where there is no chromium in apt (Ubuntu has a snap), the rest must come all the same.
install "${packages[*]}" || install "${packages[*]/chromium/}" ||
  say "apt could not install them (see /tmp/edge-mm-apt.log): the tests that need them will skip"
exit 0
