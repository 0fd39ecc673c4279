#!/bin/sh
# Runs inside the image's root at the end of its build: what the overlay's files cannot say.
set -eu

kernel=$(cd /lib/modules && echo *)

# A compressed module is decompressed, and a signed one verified, each time it is loaded.
python3 - "/lib/modules/$kernel" <<'PYTHON'
import lzma, pathlib, struct, sys

MAGIC = b"~Module signature appended~\n"
for path in pathlib.Path(sys.argv[1]).rglob("*.ko*"):
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
        path.unlink()
        path = path.with_suffix("")
    if data.endswith(MAGIC):
        end = len(data) - len(MAGIC)
        (signature,) = struct.unpack(">I", data[end - 4 : end])
        data = data[: end - 12 - signature]
    path.write_bytes(data)
PYTHON
depmod "$kernel"

# The initial RAM disk, uncompressed for the same reason.
initrd=$(mktemp -d)
mkdir -p "$initrd/bin" "$initrd/lib/modules/$kernel"
cp /root/image/initrd/init "$initrd/init"
chmod 755 "$initrd/init"
cp /bin/busybox "$initrd/bin/"
sed 's/#.*//' /root/image/initrd/modules.txt | xargs -n 1 modprobe -S "$kernel" --show-depends | sed -n 's/^insmod \([^ ]*\).*/\1/p' |
  sort -u | while read -r module; do
  mkdir -p "$initrd${module%/*}"
  cp "$module" "$initrd$module"
done
cp "/lib/modules/$kernel"/modules.builtin* "/lib/modules/$kernel/modules.order" "$initrd/lib/modules/$kernel/"
depmod -b "$initrd" "$kernel"
(cd "$initrd" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) > /boot/initrd.img
rm -rf "$initrd"
ln -sf "vmlinuz-$kernel" /boot/vmlinuz

# cloud-init does not start without a CA in the bundle.
grep -q BEGIN /etc/ssl/certs/ca-certificates.crt

# Python compiles on import what has no .pyc yet.
python3 -m compileall -q /usr/lib/python3 /usr/lib/python3.* || true

systemctl enable systemd-networkd.service
systemctl mask \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty@tty1.service cloud-init-hotplugd.socket cloud-init-hotplugd.service \
  dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-pstore.service \
  modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service \
  modprobe@fuse.service modprobe@loop.service \
  ldconfig.service systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-sysusers.service \
  systemd-update-done.service systemd-journal-flush.service systemd-network-generator.service \
  systemd-networkd-persistent-storage.service systemd-random-seed.service systemd-udev-load-credentials.service \
  systemd-ask-password-console.path systemd-ask-password-wall.path
mkdir -p /etc/systemd/system-generators
for generator in debug gpt-auto hibernate-resume rc-local run ssh system-update sysv tpm2; do
  ln -s /dev/null "/etc/systemd/system-generators/systemd-$generator-generator"
done

# Every guest gets its own: an empty machine-id is filled at boot, host keys come with the seed.
: > /etc/machine-id
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
rm -rf /var/log/journal
echo localhost > /etc/hostname
# No name server: an empty list means 127.0.0.1, which refuses at once instead of letting every look-up time out.
echo '# no name server in an air-gapped lab' > /etc/resolv.conf
