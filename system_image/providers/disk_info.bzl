"""DiskInfo: a disk that boots."""

DiskInfo = provider(
    doc = "A disk that boots by EFI.",
    fields = {
        "files": "dict: format that was asked for, such as `qcow2` → list of Files: the disk, and its SHA-256 in the format of sha256sum(1).",
        "raw": "File: the disk, byte by byte.",
        "root_hash": "File: root hash of its file system; None if it has none.",
        "uki": "File: the unified kernel image that is on it.",
    },
)
