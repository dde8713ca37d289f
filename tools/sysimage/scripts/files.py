"""What a shell sees of the world: the files that the caller gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class FileType(Enum):
    """The type of a file; the value is the letter that `test` has for it."""

    FILE = "f"
    DIRECTORY = "d"
    SYMLINK = "L"
    CHARACTER = "c"
    BLOCK = "b"
    FIFO = "p"
    SOCKET = "S"


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a file. `identity` is equal for two names of one file; `mtime` is in nanoseconds."""

    kind: FileType
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    identity: object


class OpenContent(Protocol):
    """The bytes of an open file. They stay when its name is removed."""

    def read(self, offset: int, size: int) -> bytes:
        """Returns at most `size` bytes from `offset`; none at the end."""

    def write(self, offset: int, data: bytes) -> None:
        """Writes at an offset; what lies between the end and it is filled with zeros."""

    def size(self) -> int:
        """Returns how many bytes there are."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a file is opened, as open(2) has it. `mode` is that of a new file, after the umask."""

    read: bool
    write: bool
    create: bool = False
    exclusive: bool = False
    truncate: bool = False
    mode: int = 0o644


class FileSystem(Protocol):
    """A tree of files. Paths are absolute, as text of the world (UTF-8 with surrogate escapes)."""

    def open(self, path: str, access: Access) -> OpenContent:
        """Opens a file. Raises OSError with its errno."""

    def status(self, path: str, follow: bool) -> Status | None:
        """Returns what is known of a file, or of what a symbolic link leads to; None if there is none."""

    def names(self, path: str) -> Sequence[str]:
        """Returns the names in a directory, without `.` and `..`. Raises OSError."""

    def real_path(self, path: str) -> str:
        """Returns a path without symbolic links. Raises OSError."""
