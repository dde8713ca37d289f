#!/usr/bin/env bash
# Boots vanilla beside an image of the same packages and configuration that mmdebstrap made, and compares time to the
# orchestrator's ready, by phase, and the guest's memory. mmdebstrap's is booted by stage1, too, and by a script of
# busybox, as it would be without stage1.
#
#   tests/bench/boot_vs_mmdebstrap.sh [RUNS]        (default: 3)
#
# Needs root, mmdebstrap, xz, and a machine with nothing else to do. The exit status is 0 if vanilla is no slower and
# no larger.
set -euo pipefail
cd "$(dirname "$0")/../.."

runs=${1:-3}
architecture=$(dpkg --print-architecture)
work=$(mktemp -d /var/tmp/bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt reads the archive as its own user

# By name, since from a disk cache Bazel brings only what is asked for.
tools/bazel build //system_image:vanilla //system_image:vanilla_overlay //system_image:lean
tools/bazel run //tests/rootfs:reference -- --set vanilla --architecture "$architecture" --work "$work" 2>/dev/null
sh "$work/install.sh"

mkdir "$work/root"
tar -C "$work/root" --numeric-owner --xattrs -xf "$work/real.tar"
# What it needs to run, and nothing that spares it work.
for file in etc/hostname etc/hosts etc/systemd/journald.conf.d etc/systemd/network etc/systemd/system; do
  mkdir -p "$work/root/${file%/*}"
  cp -rT --no-preserve=ownership "system_image/files/$file" "$work/root/$file"
done
rm -r "$work/root/etc/systemd/system/"{modprobe@,systemd-network-generator,systemd-remount-fs}.service.d
rm -r "$work/root/etc/systemd/system/"systemd-{tmpfiles-setup,tmpfiles-setup-dev,udev-trigger}.service.d
rm "$work/root/etc/systemd/journald.conf.d/20-memory.conf"
# The orchestrator, as the image has it.
overlay=bazel-bin/system_image/vanilla_overlay.tar
tar -C "$work/root" --numeric-owner -xf "$overlay" --wildcards 'usr/*'
chroot "$work/root" systemctl --quiet enable orchestrator.service systemd-networkd.service
chroot "$work/root" systemctl --quiet set-default multi-user.target
# Of what guest.toml leaves out, what costs most; logins on consoles; device nodes, and the index of hardware.
for folder in usr/share/doc usr/share/info usr/share/man usr/lib/udev/hwdb.d var/cache var/log dev; do
  find "$work/root/$folder" -mindepth 1 -delete
done
rm -f "$work/root/usr/lib/udev/hwdb.bin" "$work/root/usr/lib/systemd/system-generators/systemd-getty-generator"
rm -rf "$work/root/etc/systemd/system/getty.target.wants"
: >"$work/root/etc/machine-id" # as ours; else it would be a first boot
tar -C "$work/root" --sort=name --numeric-owner --mtime=@0 -cf - . | xz -6 --check=crc32 --threads=2 --block-size=16MiB >"$work/mmdebstrap.tar.xz"

tools/bazel run //tests/bench:boot -- --runs "$runs" "mmdebstrap=$work/mmdebstrap.tar.xz"
