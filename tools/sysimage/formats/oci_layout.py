"""OCI image layouts on disk (image-spec 1.1, image-layout.md): where files are, the index, and a writer.

This is what all readers and writers of layouts share. `oci` reads the images in a layout.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import External

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
# Docker's schema 2 has the same objects under other names.
INDEXES = frozenset({INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"})
MANIFESTS = frozenset({MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"})
CONFIGS = frozenset({CONFIG, "application/vnd.docker.container.image.v1+json"})
_INDEX_FILE, _LAYOUT_FILE = "index.json", "oci-layout"

type JsonDescriptor = dict[str, Any]
"""descriptor.md's object, as it is written: mediaType, digest, size, and others."""


def blob_path(root: Path, digest: str) -> Path:
    """Where the blob with this digest ("sha256:…") is in the layout."""
    return root / "blobs" / Path(*digest.split(":"))


def read_index(root: Path) -> dict[str, Any]:
    """The object in index.json. Raises ToolError if `root` is no image layout of version 1."""
    for name in (_LAYOUT_FILE, _INDEX_FILE):
        if not (root / name).is_file():
            raise ToolError(
                f"{root}: not an OCI image layout (it has no {name}); give the directory that oci_image, "
                "oci_pull or 'skopeo copy … oci:DIR' makes"
            )
    version = json_object((root / _LAYOUT_FILE).read_bytes(), f"{root}/{_LAYOUT_FILE}")
    if not str(version.get("imageLayoutVersion", "")).startswith("1."):
        raise ToolError(f"{root}/{_LAYOUT_FILE}: not version 1 of the OCI image layout; make the layout anew")
    return json_object((root / _INDEX_FILE).read_bytes(), f"{root}/{_INDEX_FILE}")


def first_digest(root: Path) -> str:
    """The digest of the manifest that index.json lists first. Raises ToolError if there is none."""
    try:
        return str(read_index(root)["manifests"][0]["digest"])
    except (KeyError, IndexError, TypeError) as error:
        raise ToolError(f"{root}/{_INDEX_FILE}: lists no manifest; make the layout anew") from error


def json_object(data: bytes, where: str) -> dict[str, Any]:
    """The object in a file or blob of JSON. Raises ToolError; `where` is its name in the message."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{where}: is no JSON ({error}); make the layout anew") from error
    if not isinstance(value, dict):
        raise ToolError(f"{where}: a JSON object is missing; make the layout anew")
    return value


class LayoutWriter:
    """Writes an image layout: blobs first, `finish` last. The same calls give the same bytes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._blobs = root / "blobs/sha256"
        self._blobs.mkdir(parents=True, exist_ok=True)

    def file(self, path: Path, media_type: str, annotations: Mapping[str, str]) -> JsonDescriptor:
        """Copies a file to a blob; returns its descriptor."""
        content = External(path, path.stat().st_size)
        aside = self._blobs / "aside"
        digest = hashlib.sha256()
        with aside.open("wb") as target:
            for chunk in content.chunks():
                digest.update(chunk)
                target.write(chunk)
        aside.rename(self._blobs / digest.hexdigest())
        return {
            "mediaType": media_type,
            "digest": f"sha256:{digest.hexdigest()}",
            "size": content.size,
            "annotations": dict(annotations),
        }

    def json(self, value: Any, media_type: str) -> JsonDescriptor:
        """Writes a blob of JSON; returns its descriptor."""
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self._blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def finish(self, manifests: Sequence[JsonDescriptor]) -> None:
        """Writes the two files that make the directory a layout of these manifests."""
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        (self._root / _INDEX_FILE).write_text(json.dumps(index, sort_keys=True))
        (self._root / _LAYOUT_FILE).write_text('{"imageLayoutVersion":"1.0.0"}')
