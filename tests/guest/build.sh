#!/usr/bin/env bash
# make test-devices, first half: what the guest boots from, in build/guest (git-ignored).
# In: Debian (or a container of it), x86-64. Out: build/guest/{vmlinuz,initrd.gz,modules/}; exit status 69 where something
# is missing, with a sentence that says what. Downloads Debian's kernel once (70 MB). Not here: booting (boot.py).
set -euo pipefail
cd "$(dirname "$0")/../.."
here=tests/guest store=$PWD/build/guest
log=$store/build.log
say() { printf 'edge-mm: %s\n' "$*" >&2; }
give_up() { say "$@"; exit 69; }
PATH=$PATH:/usr/sbin:/sbin

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
  give_up "test-devices runs on x86-64 Linux only: the guest runs this machine's own Python, so it must be of its kind"
mkdir -p "$store"
: >"$log"

packages=()
command -v qemu-system-x86_64 >/dev/null || packages+=(qemu-system-x86)
# The one in the path may be linked dynamically; in the guest's first file system there are no libraries.
[ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1 || packages+=(busybox-static)
command -v modprobe >/dev/null || packages+=(kmod)
command -v xz >/dev/null || packages+=(xz-utils)
command -v dbus-daemon >/dev/null || packages+=(dbus)
[ -x /usr/libexec/bluetooth/bluetoothd ] || [ -x /usr/lib/bluetooth/bluetoothd ] || packages+=(bluez)
command -v aplay >/dev/null || packages+=(alsa-utils)
command -v i2cdetect >/dev/null || packages+=(i2c-tools)
[ -x /lib/systemd/systemd ] || packages+=(systemd)
if [ ${#packages[@]} -gt 0 ]; then
  wanted="sudo apt install --no-install-recommends ${packages[*]}"
  command -v apt-get >/dev/null || give_up "${packages[*]} missing, and there is no apt here: install them with this system's packages"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || give_up "${packages[*]} missing, and apt may not be used without a password: $wanted"
    as_root=(sudo -n)
  fi
  say "installing ${packages[*]} from Debian (about a quarter of a minute, once)"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c \
    "apt-get update -qq && apt-get install -y -qq --no-install-recommends ${packages[*]}" >>"$log" 2>&1 ||
    give_up "apt could not install ${packages[*]} (see $log): $wanted"
fi

# What is there is kept, also when Debian has a newer kernel: rm -r build/guest fetches that.
key=$(cat $here/modules.txt $here/init.sh $here/build.sh | sha256sum | cut -c1-16)
[ "$(cat "$store/key" 2>/dev/null)" = "$key" ] && exit 0
rm -f "$store/key"

if ! compgen -G "$store/linux-image-*.deb" >/dev/null; then
  package=$(apt-cache depends linux-image-amd64 2>>"$log" | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
  [ -n "$package" ] || give_up "apt knows no linux-image-amd64 here (not Debian, or apt-get update was never run):" \
    "run this on Debian 12, or in a container of it"
  say "fetching $package from Debian (70 MB, once)"
  (cd "$store" && apt-get download "$package") >>"$log" 2>&1 || give_up "apt could not download $package (see $log)"
fi
say "making the guest's kernel and first file system"
rm -rf "$store/kernel" "$store/modules" "$store/first"
dpkg-deb -x "$store"/linux-image-*.deb "$store/kernel" >>"$log" 2>&1 || {
  rm -f "$store"/linux-image-*.deb
  give_up "the kernel's package was damaged and is deleted: run it again"
}
[ -d "$store/kernel/lib/modules" ] || ln -s usr/lib "$store/kernel/lib"   # Debian 13 and later
version=$(ls "$store/kernel/lib/modules")
find -L "$store/kernel/lib/modules" -name '*.ko.xz' -print0 | xargs -0 -r -P 2 -n 64 xz -d
depmod -b "$store/kernel" "$version" >>"$log" 2>&1

mkdir -p "$store/modules/$version" "$store"/first/{bin,sbin,proc,sys,dev,host,out,layer,root,lib/modules}
sed 's/#.*//' $here/modules.txt | while read -r name; do
  [ -n "$name" ] || continue
  modprobe -S "$version" -d "$store/kernel" --show-depends "$name" 2>>"$log" ||
    give_up "this kernel ($version) has no module $name (see $log)"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
  inside=${file#*"/lib/modules/$version/"}
  install -D -m 644 "$file" "$store/modules/$version/$inside"
done
cp "$store/kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$store/modules/$version/"
mkdir -p "$store/depmod/lib" && ln -sfn ../../modules "$store/depmod/lib/modules"
depmod -b "$store/depmod" "$version" >>"$log" 2>&1

cp -r "$store/modules/$version" "$store/first/lib/modules/"
cp /bin/busybox "$store/first/bin/busybox"
ln -s /bin/busybox "$store/first/sbin/modprobe"
install -m 755 $here/init.sh "$store/first/init"
(cd "$store/first" && find . | busybox cpio -o -H newc 2>>"$log" | gzip -1) >"$store/initrd.gz"
cp "$store/kernel/boot/vmlinuz-$version" "$store/vmlinuz"
rm -rf "$store/kernel" "$store/first" "$store/depmod"   # 400 MB; the package is kept
echo "$key" >"$store/key"
