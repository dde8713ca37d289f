"""What flattening an image costs, beside what other tools take for the same image.

    tools/bazel run //tests/bench:flatten -- [--gib N] [--runs N] [--alone]   (default: 1 GiB, 3 runs)

The image has five layers with gzip, made of the files of //system_image:rootfs_sysroot; each layer above the
first replaces and removes some files of the one below. In turn, each run measures

- flatten;
- `umoci unpack` (of the lock) and tar(1) of what it unpacked;
- `crane export`, where there is a crane on PATH, of the same layers;
- bare: the layers through zlib, what comes out through SHA-256, and nothing else.

Says the medians, and the ratios of flatten to each. The exit status is 0 if flatten takes at most half the
time of umoci and tar, at most that of crane, at most twice that of bare, and 128 MiB.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import shutil
import statistics
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench.measure import Cost, measure
from tests.testing import programs
from tests.testing.layouts import LayoutBuilder
from tools.sysimage.core import errors
from tools.sysimage.core.tree import Kind, Tree, file
from tools.sysimage.formats import tar

LAYERS = 5
MOST_MEMORY = 128  # MiB
# Limits of the ratios of flatten's time to that of others.
LIMITS = {"umoci and tar": 0.5, "crane export": 1.0, "bare": 2.0}
PYTHON = (sys.executable, "-m")
ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
_ROOTFS = Path("system_image/rootfs_sysroot.tar")
_UMOCI = Path("tests/programs/umoci")


def layers(size: int) -> Iterator[Tree]:
    """Trees of `size` bytes in all, each about the same."""
    with _ROOTFS.open("rb") as stream:
        source = tar.load(stream, str(_ROOTFS))
        paths = [path for path in source.paths() if source[path].kind in (Kind.FILE, Kind.SYMLINK)]
        at = 0
        below: list[str] = []
        for number in range(LAYERS):
            tree = Tree()
            # Every tenth path of the layer below is replaced, every eleventh hidden.
            for path in below[::10]:
                tree.add(path, file(b"replaced"))
            for path in below[5::11]:
                above, _, name = path.rpartition("/")
                tree.make_parents(path)
                if path not in tree:
                    tree.put(f"{above}/.wh.{name}", file(b""))
            below = []
            left = size // LAYERS
            while left > 0:
                inode = source[paths[at % len(paths)]]
                path = f"layer{number}/{at // len(paths)}/{paths[at % len(paths)]}"
                tree.add(path, inode)
                below.append(path)
                left -= inode.content.size + 512
                at += 1
            yield tree


@contextmanager
def flat_tree(size: int) -> Iterator[Tree]:
    """One tree of `size` bytes; its files can be read until the context ends."""
    with _ROOTFS.open("rb") as stream:
        source = tar.load(stream, str(_ROOTFS))
        paths = [path for path in source.paths() if source[path].kind in (Kind.FILE, Kind.SYMLINK)]
        tree = Tree()
        at = 0
        while size > 0:
            path = paths[at % len(paths)]
            name = f"copy{at // len(paths)}/{path}"
            tree.make_parents(name)
            # Copies, and not further names of one file.
            tree.put(name, replace(source[path]))
            size -= source[path].content.size + 512
            at += 1
        yield tree


def make(folder: Path, size: int) -> Path:
    """An image layout with gzip layers; beside it the same layers as `crane export` takes them."""
    plain = []
    for number, tree in enumerate(layers(size)):
        plain.append(folder / f"{number}.tar")
        with plain[-1].open("wb") as stream:
            tar.write(tree, stream)
    with ThreadPoolExecutor() as pool:
        list(pool.map(_compress, plain))
    builder = LayoutBuilder(folder / "layout")
    diff_ids = [f"sha256:{_digest(path)}" for path in plain]
    blobs = [builder.gzip_layer(path.with_suffix(".gz")) for path in plain]
    for path in plain:
        path.unlink()
    manifest = builder.manifest(blobs, diff_ids, annotations={"org.opencontainers.image.ref.name": "bench"})
    builder.index(manifest)
    _archive(folder / "archive.tar", builder, manifest)
    return builder.root


def _compress(path: Path) -> None:
    with path.open("rb") as source, gzip.open(path.with_suffix(".gz"), "wb", 6) as out:
        shutil.copyfileobj(source, out, 1 << 20)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _archive(path: Path, builder: LayoutBuilder, descriptor: Mapping[str, Any]) -> None:
    """Writes the image as `docker save` does, with compressed layers."""
    manifest = json.loads(builder.path(descriptor["digest"]).read_bytes())
    with tarfile.open(path, "w") as archive:
        names = {"config.json": manifest["config"]["digest"]}
        names |= {f"{number}.tar.gz": layer["digest"] for number, layer in enumerate(manifest["layers"])}
        for name, digest in names.items():
            archive.add(builder.path(digest), name)
        described = [{"Config": "config.json", "RepoTags": ["bench:1"], "Layers": list(names)[1:]}]
        data = json.dumps(described).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))


def bare(layout: Path) -> None:
    """Decompresses the layers of a layout and digests what comes out."""
    for blob in sorted((layout / "blobs/sha256").iterdir()):
        with blob.open("rb") as stream:
            if stream.read(2) != b"\x1f\x8b":
                continue
            stream.seek(0)
            engine = zlib.decompressobj(wbits=31)
            digest = hashlib.sha256()
            while chunk := stream.read(1 << 18):
                digest.update(engine.decompress(chunk))


def commands(folder: Path) -> dict[str, Callable[[], list[Cost]]]:
    """Name → what runs it and says what each of its steps cost."""
    layout = folder / "layout"

    def flatten() -> list[Cost]:
        words: list[str | Path] = ["--layout", layout, "--output", folder / "flat.tar"]
        return [measure([*PYTHON, "tools.sysimage.image.flatten", *words], environ=ENVIRON)]

    def umoci() -> list[Cost]:
        bundle = folder / "bundle"
        rootless = [] if os.geteuid() == 0 else ["--rootless"]
        unpack: list[str | Path] = [
            *programs.argv(_UMOCI.resolve()),
            "unpack",
            *rootless,
            "--image",
            f"{layout}:bench",
            bundle,
        ]
        archive: list[str | Path] = [
            "tar",
            "--create",
            "--file",
            folder / "flat.tar",
            "--directory",
            bundle / "rootfs",
            ".",
        ]
        try:
            return [measure(unpack), measure(archive)]
        finally:
            shutil.rmtree(bundle, ignore_errors=True)

    def crane() -> list[Cost]:
        return [
            measure(["crane", "export", "-", "-"], stdin=folder / "archive.tar", stdout=folder / "flat.tar")
        ]

    def alone() -> list[Cost]:
        return [measure([*PYTHON, "tests.bench.flatten", "--bare", layout], environ=ENVIRON)]

    found = {"flatten": flatten, "umoci and tar": umoci, "bare": alone}
    return found | ({"crane export": crane} if shutil.which("crane") else {})


def main(argv: Sequence[str]) -> int:
    """Makes the image, measures, prints."""
    parser = argparse.ArgumentParser(prog="flatten", description=__doc__)
    parser.add_argument("--gib", type=float, default=1, help="size of the image")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="flatten alone: for images that fill a disk")
    # Each in a process of its own: what a process took before it starts another counts as that one's memory.
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    size = int(options.gib * (1 << 30))
    if options.bare or options.make:
        bare(options.bare) if options.bare else make(options.make, size)
        return 0
    walls: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        measure([*PYTHON, "tests.bench.flatten", "--make", folder, *argv], environ=ENVIRON)
        for _ in range(options.runs):
            for what, command in commands(folder).items():
                if options.alone and what != "flatten":
                    continue
                print(what, file=sys.stderr, flush=True)
                costs = command()
                walls.setdefault(what, []).append(sum(cost.wall for cost in costs))
                memory[what] = max(memory.get(what, 0), *(cost.memory for cost in costs))
    ours = statistics.median(walls["flatten"])
    good = memory["flatten"] <= MOST_MEMORY
    print(f"{'':16}{'wall s':>8}{'MiB':>6}{'ratio':>7}{'limit':>7}")
    for what, times in walls.items():
        wall = statistics.median(times)
        limit = LIMITS.get(what)
        good = good and (limit is None or ours <= limit * wall)
        print(f"{what:16}{wall:8.1f}{memory[what]:6.0f}{ours / wall:7.2f}{limit or '':>7}")
    return 0 if good else 1


if __name__ == "__main__":
    errors.run(main)
