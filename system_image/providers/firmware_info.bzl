"""FirmwareInfo: the firmware of virtual machines."""

FirmwareInfo = provider(
    doc = "The firmware of virtual machines.",
    fields = {
        "description": "File: its metadata, as JSON; tools/sysimage/measure/firmware.py has the format.",
        "image": "File: what QEMU has as `-bios` or as flash.",
    },
)
