#!/bin/sh
# Runs inside the image's root at the end of its build: what packages cannot be told by a file.
set -eu

kernel=$(cd /lib/modules && echo *)
ln -sf "vmlinuz-$kernel" /boot/vmlinuz
ln -sf "initrd.img-$kernel" /boot/initrd.img

# Python compiles on import what has no .pyc yet, and cannot keep it where the root is still read-only.
python3 -m compileall -q /usr/lib/python3 /usr/lib/python3.* || true

systemctl enable systemd-networkd.service
systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer getty@tty1.service

# Every guest gets its own: an empty machine-id is filled at boot, host keys come with the seed.
: > /etc/machine-id
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
rm -rf /var/log/journal
echo localhost > /etc/hostname
