"""Images for stage1, and what it unpacks of them."""

import hashlib
import io
import lzma
import os
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterable
from compression import zstd
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.testing.tars import Entry, tar
from tools.sysimage.formats.xz import XzStream

BLOCK = 64 << 10  # bytes of tar in an independently compressed piece
LIMIT = 20  # seconds
_CHECKED: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """How the program ended."""

    status: int
    said: str
    refused: str


def program() -> tuple[str, ...]:
    """The command that starts stage1's program."""
    return (str(Path(os.environ["IMAGE_INIT"]).absolute()),)


def own(*entries: Entry) -> list[Entry]:
    """The entries with owners that anybody can give them."""
    for info, _ in entries:
        info.uid, info.gid = os.getuid(), os.getgid()
    return list(entries)


def xz(data: bytes, block: int = BLOCK) -> bytes:
    """One stream with sizes in the headers of its blocks, which decodes in parallel."""
    stream, out = XzStream(), io.BytesIO()
    out.write(stream.head())
    for piece in _pieces(data, block):
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 23}]
        packed = lzma.compress(piece, lzma.FORMAT_RAW, filters=filters)
        before, after = stream.block(len(packed), len(piece), zlib.crc32(piece))
        out.write(before + packed + after)
    out.write(stream.tail())
    return out.getvalue()


def zst(data: bytes, block: int = BLOCK) -> bytes:
    """Frames, and a frame that decoders skip."""
    frames = b"".join(zstd.compress(piece, options=_CHECKED) for piece in _pieces(data, block))
    return frames + (0x184D2A5E).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"table"


def _pieces(data: bytes, block: int) -> Iterable[bytes]:
    return (data[at : at + block] for at in range(0, len(data), block))


def unsized_frame(data: bytes) -> bytes:
    """A frame that does not say its size, with a check."""
    packer = zstd.ZstdCompressor(options=_CHECKED)
    return packer.compress(data) + packer.flush()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "xz": xz,
    # As xz(1) compresses a pipe: one block, without its size, and the check of xz's default.
    "xz -6": lzma.compress,
    "zst": zst,
    # As zstd(1) compresses a pipe: the frame does not say its size.
    "zstd -": unsized_frame,
}


def unpack(folder: Path, image: bytes, *options: str, more: bytes = b"", sha256: bool = True) -> Unpacked:
    """Unpacks an image, which a disk has before `more`, into `folder`, which has to be there."""
    disk = folder.parent / "disk"
    disk.write_bytes(image + more)
    digest = ("--sha256", hashlib.sha256(image).hexdigest()) if sha256 else ()
    command = [*program(), "--disk", str(disk), "--into", str(folder), *digest]
    done = subprocess.run(
        [*command, "--size", str(len(image)), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    return Unpacked(done.returncode, done.stdout.decode("ascii"), done.stderr.decode("utf-8", "replace"))


def load(folder: Path) -> Unpacked:
    """Loads the modules of a folder. Those of a test are none: they are not there."""
    done = subprocess.run(
        [*program(), "--modules", str(folder)], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    return Unpacked(done.returncode, done.stdout, done.stderr)


type State = tuple[object, ...]


def snapshot(root: Path) -> dict[str, State]:
    """All that an image says of its paths, by path."""
    found: dict[str, State] = {}
    inodes: dict[int, str] = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        name = str(path.relative_to(root))
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        xattrs = {key: os.getxattr(path, key, follow_symlinks=False) for key in _xattrs(path)}
        first = inodes.setdefault(status.st_ino, name)
        found[name] = (
            *(oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, first),
            *(content, xattrs),
        )
    return found


def _xattrs(path: Path) -> list[str]:
    return [key for key in os.listxattr(path, follow_symlinks=False) if key.startswith("user.")]


def sample(format: Literal[0, 1, 2] = tarfile.PAX_FORMAT, *, owned: bool = True) -> bytes:
    """A tar of each kind of path that an ordinary user can make."""
    long = "very/" + "long/" * 40 + "n" * 140
    entries: list[Entry] = []

    def add(
        name: str,
        data: bytes = b"",
        kind: bytes = tarfile.REGTYPE,
        mode: int = 0o644,
        link: str = "",
        time: float = 1_000_000_000,
    ) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname, info.size, info.mtime = kind, mode, link, len(data), time
        entries.append((info, data))

    def folder(name: str, mode: int, time: float) -> None:
        add(name, b"", tarfile.DIRTYPE, mode, "", time)

    folder(".", 0o751, 7)
    folder("usr", 0o755, 123456789)
    folder("usr/closed", 0o555, 5)
    for size in (0, 1, 511, 512, 513, 300_000):
        add(f"usr/closed/{size}", bytes(range(256)) * (size // 256) + b"x" * (size % 256), mode=0o400)
    add("usr/su", b"#!", mode=0o4755)
    add("usr/sg", b"#!", mode=0o2711, time=0)
    folder("tmp", 0o1777, 99)
    folder("mail", 0o2775, 98)
    if format != tarfile.USTAR_FORMAT:
        parts = long.split("/")
        for end in range(1, len(parts)):
            folder("/".join(parts[:end]), 0o755, end)
        add(long, b"deep")
        add("link-to-long", b"", tarfile.SYMTYPE, 0o777, "target/" * 30)
        add("hard-to-long", b"", tarfile.LNKTYPE, 0o644, long)
    if format == tarfile.PAX_FORMAT:
        add("fraction", b"", time=1234567890.25)
    add("absolute", b"", tarfile.SYMTYPE, 0o777, "/usr/su", 44)
    add("dangling", b"", tarfile.SYMTYPE, 0o777, "nowhere")
    add("hard", b"", tarfile.LNKTYPE, 0o644, "usr/su")
    add("pipe", b"", tarfile.FIFOTYPE, 0o620)
    if owned:
        own(*entries)
    return tar(*entries, format=format)
