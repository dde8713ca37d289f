"""Writes an image layout as the archive that `docker load` and `podman load` read.

`archive.py LAYOUT TAGS OUTPUT`: TAGS is a file with a name and tag a line; OUTPUT may be a pipe.
"""

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any


def _add(archive: tarfile.TarFile, name: str, data: bytes | Path) -> None:
    entry = tarfile.TarInfo(name)  # owned by root, without a time
    entry.size = data.stat().st_size if isinstance(data, Path) else len(data)
    with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as stream:
        archive.addfile(entry, stream)


def write(layout: Path, tags: list[str], output: Path) -> None:
    """Writes the archive of the layout's first image: its blobs by their digests, and manifest.json."""

    def blob(descriptor: dict[str, Any]) -> str:
        return "blobs/" + str(descriptor["digest"]).replace(":", "/")

    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads((layout / blob(index["manifests"][0])).read_text())
    layers = [blob(layer) for layer in manifest["layers"]]
    config = blob(manifest["config"])
    said = [{"Config": config, "RepoTags": tags, "Layers": layers}]
    with output.open("wb") as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
        _add(archive, "manifest.json", json.dumps(said).encode())
        for name in dict.fromkeys([config, *layers]):
            _add(archive, name, layout / name)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]).read_text().split(), Path(sys.argv[3]))
