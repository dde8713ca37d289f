"""What a manifest says of files, links and unit states for an image: `content_manifest` of the rules."""

from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.errors import ToolError


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInput:
    """A file to lay into the image."""

    path: str
    source: Path
    mode: str = "0644"  # octal
    uid: int = 0
    gid: int = 0
    replace: bool = False  # whether it may replace a file that is there

    def bits(self, where: str) -> int:
        """The mode as a number. Raises ToolError if it is none; `where` is the manifest, for the message."""
        mode = self.mode
        if not mode or set(mode) - set("01234567") or int(mode, 8) > 0o7777:
            raise ToolError(
                f"{where}: {self.path!r}: mode {mode!r} is not octal up to 7777; write for instance 0644"
            )
        return int(mode, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymlinkInput:
    """A symbolic link to make in the image."""

    path: str
    target: str
    replace: bool = False  # as of a file


@dataclass(frozen=True, slots=True)
class ServicesInput:
    """Units, by what is done to them."""

    disable: tuple[str, ...] = ()
    enable: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    unmask: tuple[str, ...] = ()
