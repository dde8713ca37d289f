"""FirmwareInfo: the firmware of virtual machines."""

FirmwareInfo = provider(
    doc = "The firmware of virtual machines.",
    fields = {
        "description": "File: what it says of itself, as JSON; tools/sysimage/measure/firmware.py says how.",
        "image": "File: what QEMU has as `-bios` or as flash.",
    },
)
