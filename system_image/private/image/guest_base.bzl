"""The configuration of a confidential guest, for the images of this repository."""

_FILES = [
    "etc/hostname",
    "etc/hosts",
    "etc/systemd/journald.conf.d/10-guest.conf",
    "etc/systemd/network/10-mac.link",
    "etc/systemd/network/enx42000a00020f.network",
    "etc/systemd/network/enx620000020015.network",
    "etc/systemd/system/console-getty.service.d/10-debug.conf",
    "etc/systemd/system/getty@.service.d/10-debug.conf",
    "etc/systemd/system/orchestrator.service",
    "etc/systemd/system/serial-getty@.service.d/10-debug.conf",
]

# Path in the image → label.
GUEST_FILES = {path: Label("//system_image:files/" + path) for path in _FILES}

# What a guest never reads: it costs memory, and time to measure and unpack.
GUEST_EXCLUDE = [
    "usr/share/doc/**",
    "usr/share/info/**",
    "usr/share/man/**",
    "usr/lib/udev/hwdb.d/**",
    "var/cache/**",
    "var/log/**",
]
