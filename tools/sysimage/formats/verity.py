"""A file system with its hash tree, as the stage verity makes them and rules hand them on."""

import re
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.errors import ToolError

_ROOT_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class VerityInput:
    """The files of a `VerityInfo`."""

    data: Path
    hash_tree: Path
    root_hash: Path


def read_root_hash(path: Path) -> str:
    """The root hash in a file, 64 hexadecimal digits. Raises ToolError if it has none."""
    text = path.read_text("latin-1").strip()
    if not _ROOT_HASH.fullmatch(text):
        raise ToolError(f"verity: {path}: is no root hash of 64 hexadecimal digits; name a verity_image")
    return text
