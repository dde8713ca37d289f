"""image_facts: all that is known of an image, in one file, from its tarball, its lock and its packages."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import run
from tools.sysimage.core.tree import Kind
from tools.sysimage.evidence import collect, facts
from tools.sysimage.formats import tar


@dataclass(frozen=True, slots=True)
class LayerInput:
    """A tar that became part of the image, and the label of the target that made it."""

    label: str
    tar: Path


@dataclass(frozen=True, slots=True)
class ImageFactsInput:
    """What the rule hands over."""

    contents: Path
    image: Path
    labels: Mapping[str, str]
    """Path → label of the target that is laid there."""
    layers: tuple[LayerInput, ...]
    locks: tuple[Path, ...]
    packages: tuple[Path, ...]
    """What package_facts wrote."""
    label: str


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE."""
    parser = argparse.ArgumentParser(prog="image_facts", description=__doc__)
    parser.add_argument(
        "--manifest", type=Path, required=True, help="JSON: the image, and what is known of it"
    )
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    options = parser.parse_args(argv)
    found = read(json_manifest.read(ImageFactsInput, options.manifest))
    with atomic.output(options.output) as out:
        facts.write(found, out)
    return 0


def read(wanted: ImageFactsInput) -> facts.Facts:
    """The facts of the image. Raises ToolError if one of the files is not what it should be."""
    known = collect.Known()
    for lock in wanted.locks:
        known.read_lock(lock)
    for path in wanted.packages:
        known.debs.update(facts.read_json(path))
    contents = facts.read_json(wanted.contents)
    known.overlay = frozenset(
        path for path, entry in contents["paths"].items() if entry.get("from") == "overlay"
    )
    for layer in wanted.layers:
        with layer.tar.open("rb") as stream:
            for entry in tar.read(stream, str(layer.tar), layer=True):
                if entry.inode is None or entry.inode.kind is not Kind.DIRECTORY:
                    known.labels[entry.path] = layer.label
    known.labels.update(wanted.labels)
    image = contents["image"]
    return collect.of_tarball(wanted.image, known, facts.Image(**image, target=wanted.label))


if __name__ == "__main__":
    run(main)
