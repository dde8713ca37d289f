"""The cache of indexes between runs."""

import errno
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from tools.sysimage.debian.fetch import Progress, save


class Cache:
    """Compressed indexes by their SHA-256, in the user's cache folder; it may be removed at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> Cache:
        """The cache below XDG_CACHE_HOME, or ~/.cache (XDG Base Directory Specification)."""
        base = environ.get("XDG_CACHE_HOME", "")
        # The specification has relative paths ignored.
        root = Path(base) if base.startswith("/") else Path("~/.cache").expanduser()
        return cls(root / "rules_system_image" / "indexes")

    def find(self, sha256: str) -> Path | None:
        """The file with this digest if it is there and whole; a damaged one is removed."""
        path = self.folder / sha256
        try:
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() == sha256:
                    path.touch()
                    return path
        except FileNotFoundError:
            return None
        path.unlink(missing_ok=True)
        return None

    def store(self, stream: BinaryIO, sha256: str, size: int, progress: Progress) -> Path:
        """Reads `stream` into the cache. Raises ToolError if its size or its SHA-256 is not the given."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            return save(stream, self.folder / sha256, sha256, size, named="the Release", progress=progress)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                # Who reads the message wants the folder.
                error.filename = str(self.folder)
            raise

    def prune(self, keep: int) -> None:
        """Removes all but the `keep` files that were used last."""
        files = [path for path in self.folder.glob("*") if path.is_file()]
        files.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[keep:]:
            path.unlink(missing_ok=True)
