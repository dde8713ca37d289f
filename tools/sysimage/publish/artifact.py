"""artifact: a system image and what belongs to it as one OCI artifact, in an image layout.

After the image-spec 1.1, manifest.md, "Guidelines for Artifact Usage": the files are the layers of a manifest
with an artifactType and an empty configuration. What is said about the image (an SBOM, an attestation) is a
referrer: an artifact of its own, whose `subject` is that manifest.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.sysimage.core import json_manifest
from tools.sysimage.core.errors import run

_CHUNK = 1 << 20  # bytes that are copied at a time
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_TITLE = "org.opencontainers.image.title"

type Descriptor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
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
    files: tuple[Content, ...]
    referrers: tuple[Content, ...]


class Layout:
    """An image layout that is being written (image-spec: image-layout.md)."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._blobs = root / "blobs/sha256"
        self._blobs.mkdir(parents=True, exist_ok=True)

    def file(self, content: Content) -> Descriptor:
        """Copies a file; returns its descriptor."""
        aside = self._blobs / "aside"
        digest = hashlib.sha256()
        with content.path.open("rb") as source, aside.open("wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
            size = target.tell()
        aside.rename(self._blobs / digest.hexdigest())
        return {
            "mediaType": content.media_type,
            "digest": f"sha256:{digest.hexdigest()}",
            "size": size,
            "annotations": {_TITLE: content.title},
        }

    def json(self, value: Any, media_type: str) -> Descriptor:
        """Writes a blob of JSON; returns its descriptor."""
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self._blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def manifest(
        self,
        artifact_type: str,
        files: Sequence[Content],
        annotations: Mapping[str, str],
        subject: Descriptor | None = None,
    ) -> Descriptor:
        """Writes an artifact's blobs and manifest; returns the manifest's descriptor."""
        value = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "artifactType": artifact_type,
            "config": self.json({}, _EMPTY) | {"data": "e30="},
            "layers": [self.file(content) for content in files],
            "annotations": dict(annotations),
        }
        return self.json(value | ({"subject": subject} if subject else {}), _MANIFEST)

    def finish(self, manifests: Sequence[Descriptor]) -> None:
        """Writes what makes the folder a layout of these manifests."""
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": manifests,
        }
        (self._root / "index.json").write_text(json.dumps(index, sort_keys=True))
        (self._root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def make(
    artifact_type: str,
    files: Sequence[Content],
    referrers: Sequence[Content],
    annotations: Mapping[str, str],
    output: Path,
) -> None:
    """Writes the layout: the artifact of `files` first, then a referrer of it for each of `referrers`.

    A referrer's artifact type is its file's media type.
    """
    layout = Layout(output)
    image = layout.manifest(artifact_type, files, annotations)
    about = [layout.manifest(file.media_type, [file], annotations, subject=image) for file in referrers]
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
