"""Reads the images of OCI image layouts (image-spec: image-index.md, manifest.md, config.md).

Docker's schema 2 media types are accepted, too: they are the same objects under other names.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import oci_layout
from tools.sysimage.formats.blob import Descriptor, Layer, checked, open_blob

_MAX_JSON = 1 << 25  # bytes of an index, a manifest or a configuration
_MAX_DEPTH = 8  # of indexes in indexes
_DIGEST = re.compile(r"(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})")
_LAYER = re.compile(
    r"application/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?"
    r"|application/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?"
)


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on. An empty field of an image is unknown; one of a wanted platform matches any."""

    os: str = ""
    architecture: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part) or "unknown"

    def fits(self, wanted: Platform) -> bool:
        """Whether an image of this platform is what is wanted."""
        # arm64 has one variant, which some builders leave out.
        known = ARCHITECTURES.get(self.architecture)
        variant = self.variant or (known.oci_variant if known else "")
        return (
            wanted.os in ("", self.os)
            and wanted.architecture in ("", self.architecture)
            and wanted.variant in ("", variant)
        )


@dataclass(frozen=True, slots=True)
class OciImage:
    """An image of a layout. Its layers are in order, the lowest first."""

    digest: str
    platform: Platform
    layers: tuple[Layer, ...]
    config: dict[str, Any]  # config.md's object, as it is written


class ImageLayout:
    """The directory of an image layout."""

    def __init__(self, root: Path) -> None:
        """Raises ToolError if `root` is no image layout."""
        self.root = root
        self._index = oci_layout.read_index(root)

    def image(self, wanted: Platform) -> OciImage:
        """The one image for a platform; an empty field of `wanted` matches any.

        Raises ToolError if no image or several match, with a list of all images, or if something is damaged.
        """
        where = f"{self.root}/index.json"
        found: dict[str, tuple[Platform, Descriptor]] = {}
        self._collect(self._index, where, found, set(), 0)
        if not found:
            raise ToolError(f"{where}: lists no image; make the layout anew")
        fitting = [descriptor for platform, descriptor in found.values() if platform.fits(wanted)]
        if len(fitting) != 1:
            have = ", ".join(
                sorted(f"{platform} ({digest[:19]}…)" for digest, (platform, _) in found.items())
            )
            raise ToolError(
                f"{self.root}: {len(fitting) or 'no'} images for the platform {wanted}; name the platform of "
                f"one image only; there are: {have}"
            )
        return self._image(fitting[0], found[fitting[0].digest][0])

    def _collect(
        self,
        index: dict[str, Any],
        where: str,
        found: dict[str, tuple[Platform, Descriptor]],
        seen: set[str],
        depth: int,
    ) -> None:
        if depth > _MAX_DEPTH:
            raise ToolError(f"{where}: indexes are nested more than {_MAX_DEPTH} deep; make the layout anew")
        for item in _list(index, "manifests", where):
            descriptor = _descriptor(item, where)
            blob_where = f"{self.root}: {descriptor.digest}"
            if descriptor.media_type in oci_layout.INDEXES:
                # Each is read once: exponentially many paths can lead to one index.
                if descriptor.digest not in seen:
                    seen.add(descriptor.digest)
                    self._collect(self._load(descriptor), blob_where, found, seen, depth + 1)
            elif descriptor.media_type in oci_layout.MANIFESTS:
                platform = _platform(_object(item, where).get("platform"))
                if platform is None:
                    platform = self._config_platform(self._load(descriptor), blob_where)
                # Indexes list attestations as images for an unknown platform.
                if platform and platform.os != "unknown":
                    found.setdefault(descriptor.digest, (platform, descriptor))
            elif depth == 0 and "schema1" in descriptor.media_type:
                raise ToolError(
                    f"{where}: {descriptor.media_type} is no image that can be read; pull it as schema 2"
                )

    def _config_platform(self, manifest: dict[str, Any], where: str) -> Platform | None:
        descriptor = _descriptor(manifest.get("config"), f"{where}: config")
        if descriptor.media_type not in oci_layout.CONFIGS:
            return None  # an artifact: a signature, an SBOM
        return _platform(self._load(descriptor)) or Platform()

    def _image(self, descriptor: Descriptor, platform: Platform) -> OciImage:
        where = f"{self.root}: manifest {descriptor.digest}"
        manifest = self._load(descriptor)
        config_descriptor = _descriptor(manifest.get("config"), f"{where}: config")
        if config_descriptor.media_type not in oci_layout.CONFIGS:
            raise ToolError(f"{where}: is a {config_descriptor.media_type}, not an image; give an image")
        config = self._load(config_descriptor)
        layers = [_descriptor(item, where) for item in _list(manifest, "layers", where)]
        rootfs = _object(config.get("rootfs"), f"{where}: rootfs of the config")
        if rootfs.get("type") != "layers":
            raise ToolError(
                f"{where}: its root filesystem has the type {rootfs.get('type')!r}, and config.md of the "
                "image-spec knows 'layers' alone; build the image again"
            )
        diff_ids = _list(rootfs, "diff_ids", f"{where}: rootfs of the config")
        if len(layers) != len(diff_ids):
            raise ToolError(
                f"{where}: has {len(layers)} layers, but its config names {len(diff_ids)} diff IDs; "
                "build the image again"
            )
        made = []
        for number, (layer, diff_id) in enumerate(zip(layers, diff_ids, strict=True), 1):
            layer_where = f"{self.root}: layer {number} of {len(layers)} ({layer.digest[:19]}…)"
            if not _LAYER.fullmatch(layer.media_type):
                raise ToolError(
                    f"{layer_where}: has the unknown media type {layer.media_type!r}; a tar is needed"
                )
            if not isinstance(diff_id, str) or not _DIGEST.fullmatch(diff_id):
                raise ToolError(f"{layer_where}: its diff ID {diff_id!r} is no digest; build the image again")
            made.append(Layer(oci_layout.blob_path(self.root, layer.digest), layer, diff_id, layer_where))
        return OciImage(descriptor.digest, platform, tuple(made), config)

    def _load(self, descriptor: Descriptor) -> dict[str, Any]:
        where = f"{self.root}: {descriptor.digest}"
        if descriptor.size > _MAX_JSON:
            raise ToolError(f"{where}: {descriptor.size} bytes are too many for JSON; make the layout anew")
        path = oci_layout.blob_path(self.root, descriptor.digest)
        with open_blob(path, descriptor, where) as stream:
            data = b"".join(checked(stream, descriptor, where))
        return oci_layout.json_object(data, where)


def _descriptor(value: Any, where: str) -> Descriptor:
    item = _object(value, f"{where}: a descriptor")
    digest, size = item.get("digest"), item.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ToolError(
            f"{where}: the digest {digest!r} is neither sha256, sha384 nor sha512; make the layout anew"
        )
    if type(size) is not int or size < 0:
        raise ToolError(f"{where}: the size of {digest} is {size!r}; make the layout anew")
    return Descriptor(str(item.get("mediaType", "")), digest, size)


def _platform(value: Any) -> Platform | None:
    if not isinstance(value, dict) or not value.get("os"):
        return None
    return Platform(*(str(value.get(key) or "") for key in ("os", "architecture", "variant")))


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ToolError(f"{where}: a JSON object is missing; make the layout anew")
    return value


def _list(value: dict[str, Any], key: str, where: str) -> list[Any]:
    items = value.get(key)
    if not isinstance(items, list):
        raise ToolError(f"{where}: has no list '{key}'; make the layout anew")
    return items
