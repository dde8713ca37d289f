"""repro: whether two builds of an image give the same bytes; if not, the first stage and path that differ.

The manifest has, in the order of the pipeline, each stage's file of both builds: {"image": LABEL, "stages":
[{"label": …, "first": PATH, "second": PATH}]}. What differs in an early stage differs in all after it, so
only the first is told in full.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import json_manifest
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import run
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.evidence import collect
from tools.sysimage.formats import mtree

_CHUNK = 1 << 20
_SHOWN = 10  # paths


@dataclass(frozen=True, slots=True)
class StageInput:
    """What a target made in each of the builds."""

    label: str
    first: Path
    second: Path
    paths: tuple[str, ...] = ()
    """Where it is laid, if it is a file of the image."""


@dataclass(frozen=True, slots=True)
class ReproInput:
    """What the rule hands over; paths are relative to the runfiles."""

    image: str
    stages: tuple[StageInput, ...]


_EXAMPLES = {
    "bazel test //:guest_repro_test": "builds the image twice, and names the first stage that differs",
}


def main(argv: Sequence[str]) -> int:
    """Prints what differs; returns 1 if anything does."""
    parser = CommandLine("repro", __doc__ or "", _EXAMPLES)
    # The folder that all paths are relative to, and the files of both builds.
    parser.add_argument("--runfiles", type=Path, default=Path(), help=argparse.SUPPRESS)
    parser.given("--manifest", type=Path)
    options = parser.parse_args(argv)
    wanted = json_manifest.read(ReproInput, options.runfiles / options.manifest)
    same = 0
    for given in wanted.stages:
        stage = StageInput(
            given.label, options.runfiles / given.first, options.runfiles / given.second, given.paths
        )
        at = first_difference(stage.first, stage.second)
        if at is None:
            same += 1
            continue
        places = "".join(f" /{path}" for path in stage.paths)
        print(f"{wanted.image}: {stage.label} is the first that differs between two builds:", file=sys.stderr)
        if places:
            print(f"  it is laid at{places}", file=sys.stderr)
        for line in explain(stage, at):
            print(f"  {line}", file=sys.stderr)
        print(
            "make it a function of its inputs: without clock, random numbers, a folder's order, a host's name"
        )
        return 1
    print(f"{wanted.image}: two builds gave the same bytes in {same} stages")
    return 0


def first_difference(first: Path, second: Path) -> int | None:
    """The offset of the first byte that differs, None if there is none."""
    offset = 0
    with first.open("rb") as one, second.open("rb") as other:
        while True:
            left, right = one.read(_CHUNK), other.read(_CHUNK)
            if left != right:
                return offset + _differs_at(left, right)
            if not left:
                return None
            offset += len(left)


def _differs_at(one: bytes, other: bytes) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (x, y) in pairs if x != y), min(len(one), len(other)))


def explain(stage: StageInput, at: int) -> Iterator[str]:
    """Yields lines that say what differs: of a tar the paths, of any other file the bytes around."""
    if ".tar" not in stage.first.name:
        yield f"byte {at}: {_around(stage.first, at)} and {_around(stage.second, at)}"
        return
    with collect.tree_of(stage.first) as one, collect.tree_of(stage.second) as other:
        found = list(paths(one, other))
        yield from found[:_SHOWN]
        if len(found) > _SHOWN:
            yield f"… and {len(found) - _SHOWN} more paths"
        if not found:
            yield f"no path differs, but byte {at} does: the compression, or the order of entries"


def paths(one: Tree, other: Tree) -> Iterator[str]:
    """Yields a line for each path that differs."""
    second = dict(other.walk())
    for path, inode in one.walk():
        match = second.pop(path, None)
        if match is None:
            yield f"/{path}: only in the first"
            continue
        old, new = (mtree.keywords(node) for node in (inode, match))
        if old != new:
            left = " ".join(word for word in old if word not in new)
            right = " ".join(word for word in new if word not in old)
            yield f"/{path}: {left} and {right}{_content(inode, match)}"
    for path in second:
        yield f"/{path}: only in the second"


def _content(one: Inode, other: Inode) -> str:
    if one.kind is not Kind.FILE or other.kind is not Kind.FILE:
        return ""
    left, right = one.read(), other.read()
    if left == right:
        return ""
    at = _differs_at(left, right)
    return f"; from byte {at}: {left[at : at + 40]!r} and {right[at : at + 40]!r}"


def _around(path: Path, at: int) -> str:
    with path.open("rb") as stream:
        stream.seek(max(at - 20, 0))
        return repr(stream.read(60))


if __name__ == "__main__":
    run(main)
