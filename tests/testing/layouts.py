"""OCI image layouts on disk, from layers in memory."""

import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from compression import zstd
from pathlib import Path
from typing import Any

_OCI = "application/vnd.oci.image."
_DOCKER = {
    f"{_OCI}index.v1+json": "application/vnd.docker.distribution.manifest.list.v2+json",
    f"{_OCI}manifest.v1+json": "application/vnd.docker.distribution.manifest.v2+json",
    f"{_OCI}config.v1+json": "application/vnd.docker.container.image.v1+json",
    f"{_OCI}layer.v1.tar": "application/vnd.docker.image.rootfs.diff.tar",
    f"{_OCI}layer.v1.tar+gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}

_PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "gzip": lambda data: gzip.compress(data, 1),
    "zstd": zstd.compress,
}


def digest(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of a blob, "sha256:…"."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


class LayoutBuilder:
    """Builds a layout in the folder `root`; what it writes can be broken afterwards."""

    def __init__(self, root: Path, *, docker: bool = False, algorithm: str = "sha256") -> None:
        self.root = root
        self._docker, self._algorithm = docker, algorithm
        (root / "blobs" / algorithm).mkdir(parents=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def path(self, name: str) -> Path:
        """Where the blob with this digest is."""
        return self.root / "blobs" / name.replace(":", "/")

    def blob(self, data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        """Writes a blob; returns its descriptor."""
        name = digest(data, self._algorithm)
        self.path(name).write_bytes(data)
        media_type = _DOCKER[media_type] if self._docker else media_type
        return {"mediaType": media_type, "digest": name, "size": len(data), **more}

    def gzip_layer(self, path: Path) -> dict[str, Any]:
        """Moves a compressed layer in, without reading it into memory; returns its descriptor."""
        with path.open("rb") as stream:
            name = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
        size = path.stat().st_size
        path.rename(self.path(name))
        return {"mediaType": f"{_OCI}layer.v1.tar+gzip", "digest": name, "size": size}

    def json(self, value: Any, media_type: str, **more: Any) -> dict[str, Any]:
        """Writes a blob of JSON; returns its descriptor."""
        return self.blob(json.dumps(value).encode(), media_type, **more)

    def image(
        self,
        layers: Sequence[bytes],
        *,
        compression: str = "",
        platform: dict[str, str] | None = None,
        diff_ids: Sequence[str] | None = None,
        in_index: bool = True,
    ) -> dict[str, Any]:
        """Writes an image of uncompressed layers; returns its manifest's descriptor."""
        layer_type = f"{_OCI}layer.v1.tar" + (f"+{compression}" if compression else "")
        descriptors = [self.blob(_PACK[compression](layer), layer_type) for layer in layers]
        names = list(diff_ids) if diff_ids is not None else [digest(layer) for layer in layers]
        return self.manifest(descriptors, names, platform=platform, in_index=in_index)

    def manifest(
        self,
        layers: Sequence[dict[str, Any]],
        diff_ids: Sequence[str],
        *,
        platform: dict[str, str] | None = None,
        in_index: bool = True,
        **more: Any,
    ) -> dict[str, Any]:
        """Writes config and manifest of an image of these blobs; returns the manifest's descriptor."""
        platform = platform or {"os": "linux", "architecture": "amd64"}
        config = self.json(
            {**platform, "rootfs": {"type": "layers", "diff_ids": list(diff_ids)}}, f"{_OCI}config.v1+json"
        )
        manifest = {"schemaVersion": 2, "config": config, "layers": list(layers)}
        more |= {"platform": platform} if in_index else {}
        return self.json(manifest, f"{_OCI}manifest.v1+json", **more)

    def nested(self, manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Writes an index as a blob; returns its descriptor."""
        return self.json({"schemaVersion": 2, "manifests": manifests}, f"{_OCI}index.v1+json")

    def index(self, *manifests: dict[str, Any]) -> Path:
        """Writes index.json; returns the layout's folder."""
        (self.root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
        return self.root


def layout(root: Path, *layers: bytes, compression: str = "") -> Path:
    """A layout of one image of these layers."""
    builder = LayoutBuilder(root)
    return builder.index(builder.image(layers, compression=compression))
