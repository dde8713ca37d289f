"""artifact: makes one OCI artifact, in an image layout, from a system image and its files.

It follows the image-spec 1.1, manifest.md, "Guidelines for Artifact Usage": the files are the layers of a
manifest with an artifactType and an empty configuration. A statement about the image (an SBOM, an
attestation) is a referrer: an artifact of its own, whose `subject` is that manifest.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import json_manifest
from tools.sysimage.core.errors import run
from tools.sysimage.formats.oci_layout import MANIFEST, JsonDescriptor, LayoutWriter

_EMPTY = "application/vnd.oci.empty.v1+json"
_TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """A file of the artifact."""

    path: Path
    media_type: str
    title: str
    """The name under which a client stores it."""


@dataclass(frozen=True, slots=True)
class ArtifactInput:
    """What the rule hands over."""

    annotations: Path
    """A file of lines `name=value`."""
    artifact_type: str
    files: tuple[ArtifactFile, ...]
    referrers: tuple[ArtifactFile, ...]


def _manifest(
    layout: LayoutWriter,
    artifact_type: str,
    files: Sequence[ArtifactFile],
    annotations: Mapping[str, str],
    subject: JsonDescriptor | None = None,
) -> JsonDescriptor:
    """Writes an artifact's blobs and manifest; returns the manifest's descriptor."""
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": layout.json({}, _EMPTY) | {"data": "e30="},
        "layers": [layout.file(file.path, file.media_type, {_TITLE: file.title}) for file in files],
        "annotations": dict(annotations),
    }
    return layout.json(value | ({"subject": subject} if subject else {}), MANIFEST)


def make(
    artifact_type: str,
    files: Sequence[ArtifactFile],
    referrers: Sequence[ArtifactFile],
    annotations: Mapping[str, str],
    output: Path,
) -> None:
    """Writes the layout: first the artifact of `files`, then its referrers, one for each file of `referrers`.

    The artifact type of a referrer is the media type of its file.
    """
    layout = LayoutWriter(output)
    image = _manifest(layout, artifact_type, files, annotations)
    about = [_manifest(layout, file.media_type, [file], annotations, subject=image) for file in referrers]
    layout.finish([image, *about])


def main(argv: Sequence[str]) -> int:
    """Makes the layout that a manifest of the rule asks for."""
    parser = argparse.ArgumentParser(prog="artifact", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="JSON of the rule")
    parser.add_argument("--output", type=Path, required=True, help="folder of the layout")
    options = parser.parse_args(argv)
    given = json_manifest.read(ArtifactInput, options.manifest)
    lines = given.annotations.read_text("utf-8").splitlines()
    make(
        given.artifact_type,
        given.files,
        given.referrers,
        dict(line.split("=", 1) for line in lines),
        options.output,
    )
    return 0


if __name__ == "__main__":
    run(main)
