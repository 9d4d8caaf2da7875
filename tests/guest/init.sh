#!/bin/busybox sh
# The guest's first process: the host's whole file system, read-only, under an overlay in memory; then one suite in it.
# In: /out/plan.sh (BUILD, MODE, CLOCK; written by boot.py). Out: what guest.sh writes to /out. Not here: the suite's devices.
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
ip link set lo up
for module in virtio_pci virtio_rng 9pnet_virtio 9p overlay; do modprobe $module; done

give_up() { echo "init: $*"; poweroff -f; }
share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$2" "$1" "/$1"; }
share host ro,cache=loose || give_up "the host's file system cannot be mounted"
share out rw,cache=none || give_up "the folder for the results cannot be mounted"
. /out/plan.sh

mount -t tmpfs layer /layer
mkdir -p /layer/upper /layer/work /layer/root
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work overlay /layer/root || give_up "no overlay"
root=/layer/root
for folder in dev proc sys; do mkdir -p "$root/$folder"; mount -o rbind "/$folder" "$root/$folder"; done
mkdir -p "$root/run" "$root/lib/modules" "$root/out"
mount -t tmpfs run "$root/run"
mkdir -p "$root/run/tmp"
mount -o bind "/host$BUILD/modules" "$root/lib/modules"
mount -o bind /out "$root/out"

if [ "$MODE" = systemd ]; then
  # None of the host's own disks and services; a machine of its own.
  rm -f "$root/.dockerenv"   # else systemd believes that it is in a container, and ignores the kernel's command line
  : >"$root/etc/fstab"
  echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
  begins=guest.service
  if [ -n "$CLOCK" ]; then
    # A board without a clock chip, with the service and nothing else to start. systemd would set the clock to the day
    # on which it was built, or to this file's.
    begins="guest.service multi-user.target"
    rm -rf "$root"/etc/rc?.d "$root/etc/systemd/system/multi-user.target.wants" \
      "$root/usr/lib/systemd/system/multi-user.target.wants"
    ip link set lo down
    date -s "$CLOCK"
    touch "$root/usr/lib/clock-epoch"
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /bin/sh /out/prepare.sh || give_up "the service cannot be installed"
  fi
  mkdir -p "$root/run/systemd/system"
  cat >"$root/run/systemd/system/guest.service" <<UNIT
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/sh /out/guest.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
ExecStopPost=/bin/systemctl poweroff --force --force
UNIT
  # What the host has set up concerns the host; and whatever lies in its /tmp would be deleted, a file at a time.
  for unit in tmpfiles-setup tmpfiles-clean binfmt modules-load timesyncd update-utmp random-seed \
    udev-trigger udevd sysusers journal-flush; do
    ln -s /dev/null "$root/run/systemd/system/systemd-$unit.service"
  done
  for unit in automount mount; do
    ln -s /dev/null "$root/run/systemd/system/proc-sys-fs-binfmt_misc.$unit"
  done
  printf '[Unit]\nRequires=%s\n' "$begins" >"$root/run/systemd/system/guest.target"
  exec switch_root -c /dev/ttyS0 "$root" /lib/systemd/systemd --unit=guest.target
  give_up "systemd cannot be started"
fi
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /bin/sh /out/guest.sh
poweroff -f
