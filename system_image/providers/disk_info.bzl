"""DiskInfo: a disk that boots."""

DiskInfo = provider(
    doc = "A disk that boots by EFI.",
    fields = {
        "raw": "File: the disk, byte by byte.",
        "uki": "File: the unified kernel image that is on it.",
    },
)
