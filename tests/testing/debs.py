"""Builds .debs for tests: deb(5) archives in memory, from a few words a package."""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link in a package."""

    target: str


@dataclass(frozen=True, slots=True)
class Hard:
    """A hard link in a package to a path that comes before it."""

    target: str


@dataclass(frozen=True, slots=True)
class File:
    """A file in a package with more than its content."""

    data: str | bytes = ""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory in a package; those that are only on the way to something need no mention."""

    mode: int = 0o755


type Node = str | bytes | Link | Hard | File | Folder


@dataclass(frozen=True, slots=True)
class Deb:
    """A package to be built: path → node, control fields, and the files of control.tar."""

    name: str
    paths: Mapping[str, Node] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    control: Mapping[str, str] = field(default_factory=dict)  # "postinst", "conffiles", "triggers", …
    version: str = "1.0-1"
    architecture: str = "amd64"
    md5sums: bool = True
    compressed: bool = True  # control.tar

    def data(self) -> bytes:
        """data.tar, uncompressed; paths as they are given, with their folders before them."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            known = {"."}
            _add(archive, "./", Folder())
            for path, node in self.paths.items():
                parts = path.split("/")
                for depth in range(1, len(parts)):
                    folder = "/".join(parts[:depth])
                    if folder and folder not in known and folder not in self.paths:
                        known.add(folder)
                        _add(archive, f"./{folder}/", Folder())
                _add(archive, path if path.startswith(("/", "..")) else f"./{path}", node)
        return out.getvalue()

    def build(self) -> bytes:
        """The .deb."""
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "Nobody <nobody@mirror.example>",
            "Description": "a package for tests",
            **self.fields,
        }
        control: dict[str, str] = {"control": "".join(f"{key}: {value}\n" for key, value in fields.items())}
        if self.md5sums:
            files = {
                path: _bytes(node)
                for path, node in self.paths.items()
                if isinstance(node, str | bytes | File)
            }
            control["md5sums"] = "".join(
                f"{hashlib.md5(data).hexdigest()}  {path}\n" for path, data in files.items()
            )
        control |= self.control
        out = io.BytesIO()
        ending = ".xz" if self.compressed else ""
        with tarfile.open(
            fileobj=out, mode="w:xz" if self.compressed else "w", format=tarfile.GNU_FORMAT
        ) as archive:
            for name, text in control.items():
                _add(archive, f"./{name}", File(text))
        members = [
            ("debian-binary", b"2.0\n"),
            (f"control.tar{ending}", out.getvalue()),
            ("data.tar", self.data()),
        ]
        return b"!<arch>\n" + b"".join(_member(name, data) for name, data in members)

    def write(self, folder: Path) -> Path:
        """Writes the .deb into a folder; returns its path."""
        path = folder / f"{self.name}_{self.version}_{self.architecture}.deb"
        path.write_bytes(self.build())
        return path

    def load(self, folder: Path) -> Package:
        """The package as the stages see it."""
        return dpkg.load(self.write(folder))


def _member(name: str, data: bytes) -> bytes:
    return (
        f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        + data
        + b"\n" * (len(data) % 2)
    )


def _bytes(node: Node) -> bytes:
    data = node.data if isinstance(node, File) else node
    return (
        data.encode("utf-8", "surrogateescape")
        if isinstance(data, str)
        else data
        if isinstance(data, bytes)
        else b""
    )


def _add(archive: tarfile.TarFile, name: str, node: Node) -> None:
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    if isinstance(node, Folder):
        info.type, info.mode = tarfile.DIRTYPE, node.mode
    elif isinstance(node, Link):
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, node.target, 0o777
    elif isinstance(node, Hard):
        info.type, info.linkname = tarfile.LNKTYPE, f"./{node.target}"
    elif isinstance(node, File):
        info.mode, info.uid, info.gid = node.mode, node.uid, node.gid
    data = _bytes(node)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))
