"""The same images through umoci's unpack and through flatten: path by path, where umoci follows layer.md.

umoci runs without privileges: it can't give files away or make nodes, so owners and nodes are not compared.
"""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testing import programs
from tests.testing.layouts import LayoutBuilder
from tests.testing.tars import Entry, entry, hardlink, symlink, tar
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.formats import oci
from tools.sysimage.formats import tar as sysimage_tar
from tools.sysimage.image import flatten

UMOCI = Path.cwd() / "tests/programs/umoci"
VANILLA = Path.cwd() / "system_image/built_vanilla"
NAME = {"org.opencontainers.image.ref.name": "image"}
BELOW = [
    entry("usr/"),
    entry("usr/lib/", mode=0o711),
    entry("usr/lib/a", b"a", mode=0o4755),
    symlink("lib", "usr/lib"),
    entry("d/"),
    entry("d/old", b"old"),
    entry("d/sub/"),
    entry("d/sub/x", b"x"),
    entry("file", b"file"),
    hardlink("one", "file"),
    hardlink("two", "file"),
]
STACKS: dict[str, list[list[Entry]]] = {
    "one layer": [BELOW],
    "whiteouts": [BELOW, [entry(".wh.file"), entry("d/.wh.old")]],
    "a directory that is removed": [BELOW, [entry(".wh.d")]],
    "a directory that is made anew": [BELOW, [entry(".wh.d"), entry("d/"), entry("d/new", b"new")]],
    "an opaque directory": [BELOW, [entry("d/"), entry("d/.wh..wh..opq"), entry("d/new", b"new")]],
    "a file over a directory": [BELOW, [entry("d", b"file")]],
    "a directory over a file": [BELOW, [entry("file/"), entry("file/x", b"x")]],
    "a directory over a link": [BELOW, [entry("lib/"), entry("lib/x", b"x")]],
    "a directory's new mode": [BELOW, [entry("d/", mode=0o1777)]],
    "a path through a link": [BELOW, [entry("lib/b", b"b")]],
    "a link's first name replaced": [BELOW, [entry("file", b"new")]],
    "a link's second name removed": [BELOW, [entry(".wh.one")]],
    "links across layers": [BELOW, [hardlink("three", "file")]],
    "missing parents": [[entry("p/q/r", b"r")]],
    "links that lead out": [[symlink("etc", "/nowhere"), symlink("up", "../../..")], [entry("up/x", b"x")]],
    "names": [[entry("a b", b"1"), entry("a\\b", b"2"), entry("ä" * 120, b"3"), entry("./x//y", b"4")]],
    "four layers": [BELOW, [entry("d/", mode=0o700)], [entry(".wh.d")], [entry("d/again", b"again")]],
}


def unpacked(layout: Path, folder: Path) -> Path:
    """The root that umoci makes of an image."""
    command = [*programs.argv(UMOCI), "unpack", "--rootless", "--image", f"{layout}:image", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "rootfs"


def content(path: Path, mode: int) -> bytes:
    """What is in a file, also where its mode keeps its owner out (etc/gshadow), as root reads it anyway."""
    if mode & stat.S_IRUSR:
        return path.read_bytes()
    path.chmod(mode | stat.S_IRUSR)
    try:
        return path.read_bytes()
    finally:
        path.chmod(mode)  # the file's other names have it, too


def found(root: Path) -> dict[str, tuple[object, ...]]:
    """Path → type, mode, and what is in it; hard links have the same number."""
    inodes: dict[int, int] = {}
    paths: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if path.is_symlink():
            paths[name] = (Kind.SYMLINK, str(path.readlink()))
        elif path.is_dir():
            paths[name] = (Kind.DIRECTORY, mode)
        else:
            number = inodes.setdefault(status.st_ino, len(inodes))
            paths[name] = (Kind.FILE, mode, content(path, mode), number)
    return paths


def flattened(layout: Path, output: Path) -> dict[str, tuple[object, ...]]:
    """The same of what flatten makes."""
    flatten.flatten(layout, oci.Platform(), output)
    inodes: dict[Inode, int] = {}
    paths: dict[str, tuple[object, ...]] = {}
    with output.open("rb") as stream:
        tree = sysimage_tar.load(stream, str(output))
        entries = sorted(list(tree.walk())[1:], key=lambda item: Path(item[0]))
        for path, inode in entries:
            if inode.kind is Kind.SYMLINK:
                paths[path] = (Kind.SYMLINK, inode.target)
            elif inode.kind is Kind.DIRECTORY:
                paths[path] = (Kind.DIRECTORY, inode.mode)
            else:
                number = inodes.setdefault(inode, len(inodes))
                paths[path] = (Kind.FILE, inode.mode, inode.read(), number)
    return paths


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "bundle"
    yield folder
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("name", STACKS)
def test_flatten_makes_of_an_image_what_umoci_unpacks(
    tmp_path: Path, bundle: Path, name: str, compression: str
) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    image = builder.image([tar(*layer) for layer in STACKS[name]], compression=compression)
    layout = builder.index({**image, "annotations": NAME})
    assert flattened(layout, tmp_path / "flat.tar") == found(unpacked(layout, bundle))


def test_flatten_makes_of_the_vanilla_base_what_umoci_unpacks(tmp_path: Path, bundle: Path) -> None:
    layout = tmp_path / "layout"
    layout.mkdir()
    for name in ("blobs", "oci-layout"):
        (layout / name).symlink_to(VANILLA / name)
    index = json.loads((VANILLA / "index.json").read_text())
    index["manifests"][0]["annotations"] = NAME
    (layout / "index.json").write_text(json.dumps(index))
    ours, theirs = flattened(layout, tmp_path / "flat.tar"), found(unpacked(layout, bundle))
    assert len(ours) > 2000
    differences = {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)}
    assert not differences
