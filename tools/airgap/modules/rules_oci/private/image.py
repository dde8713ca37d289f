"""Puts an OCI image layout together (OCI image-spec 1.1: image-layout.md, manifest.md, config.md).

`image.py MANIFEST`: a JSON file with the fields of oci_image, as private/image.bzl writes it. The result
depends on the inputs' bytes only. Layers are copied as they are, and unpacked once for their diff ID.

It has a writer of its own, beside that of tools/sysimage/formats/oci_layout.py: rules_system_image depends on
this module, so this module can't depend on rules_system_image; and it runs as one file on the toolbox's
Python, without any library.
"""

import gzip
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from compression import zstd
from pathlib import Path
from typing import Any, BinaryIO

_OCI = "application/vnd.oci.image."
_DOCKER = "application/vnd.docker."
_CHUNK = 1 << 20

# First bytes of a layer → the suffix of its media type, how to unpack it.
_COMPRESSIONS: tuple[tuple[bytes, str, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", "gzip", lambda path: gzip.open(path, "rb")),
    (b"\x28\xb5\x2f\xfd", "zstd", lambda path: zstd.open(path, "rb")),
    (b"", "", lambda path: path.open("rb")),
)


class ImageError(Exception):
    """One line: what is wrong with which input."""


def _sha256(stream: BinaryIO) -> str:
    hashed = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        hashed.update(chunk)
    return "sha256:" + hashed.hexdigest()


def _lines(wanted: dict[str, Any], name: str) -> list[str]:
    path = wanted.get(name)
    return [line for line in Path(path).read_text().split("\n") if line] if path else []


def _pairs(wanted: dict[str, Any], name: str) -> dict[str, str]:
    found = {}
    for line in _lines(wanted, name):
        key, equals, value = line.partition("=")
        if not equals:
            raise ImageError(f"{name}: '{line}' is not name=value")
        found[key] = value
    return found


class Layout:
    """An image layout that is being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)

    def _blob(self, digest: str) -> Path:
        return self._folder / "blobs" / digest.replace(":", "/")

    def add_file(self, path: Path, digest: str) -> None:
        """Copies `path`, whose digest is known."""
        shutil.copyfile(path, self._blob(digest))

    def add_json(self, value: Any) -> dict[str, Any]:
        """Writes `value`; gives digest and size of its descriptor."""
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._blob(digest).write_bytes(data)
        return {"digest": digest, "size": len(data)}

    def finish(self, manifest: dict[str, Any]) -> None:
        """Writes the files that make the folder a layout of one image."""
        (self._folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        index = {
            "schemaVersion": 2,
            "mediaType": _OCI + "index.v1+json",
            "manifests": [manifest],
        }
        (self._folder / "index.json").write_text(json.dumps(index, sort_keys=True, indent=1))


def _read_blob(base: Path, descriptor: dict[str, Any]) -> Any:
    path = base / "blobs" / descriptor["digest"].replace(":", "/")
    data = path.read_bytes()
    if "sha256:" + hashlib.sha256(data).hexdigest() != descriptor["digest"]:
        raise ImageError(f"base: {path.name} does not have the digest that names it")
    return json.loads(data)


def _from_base(base: Path, layout: Layout) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and configuration of the one image in `base`, whose layers go to `layout`."""
    index_file = base / "index.json"
    if not index_file.exists():
        raise ImageError(f"base: {base} is no OCI image layout, it has no index.json")
    manifests = json.loads(index_file.read_text())["manifests"]
    if len(manifests) != 1 or not manifests[0]["mediaType"].endswith(
        ("image.manifest.v1+json", "distribution.manifest.v2+json")
    ):
        raise ImageError(f"base: {base} does not hold exactly one image; choose its platform")
    manifest = _read_blob(base, manifests[0])
    for layer in manifest["layers"]:
        layout.add_file(base / "blobs" / layer["digest"].replace(":", "/"), layer["digest"])
    return manifest, _read_blob(base, manifest["config"])


def _from_scratch(wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": _OCI + "manifest.v1+json",
        "config": {"mediaType": _OCI + "config.v1+json"},
        "layers": [],
    }
    config: dict[str, Any] = {
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": []},
        "os": wanted["os"],
        "architecture": wanted["architecture"],
    }
    if "variant" in wanted:
        config["variant"] = wanted["variant"]
    return manifest, config


def _add_layer(path: Path, manifest: dict[str, Any], config: dict[str, Any], out: Layout) -> None:
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        digest = _sha256(file)
        size = file.tell()
    suffix, opened = next((s, o) for magic, s, o in _COMPRESSIONS if head.startswith(magic))
    with opened(path) as stream:
        config["rootfs"]["diff_ids"].append(_sha256(stream))
    if manifest["mediaType"].startswith(_DOCKER):
        kind = _DOCKER + "image.rootfs.diff.tar" + (f".{suffix}" if suffix else "")
    else:
        kind = _OCI + "layer.v1.tar" + (f"+{suffix}" if suffix else "")
    manifest["layers"].append({"mediaType": kind, "digest": digest, "size": size})
    out.add_file(path, digest)


def _environment(given: list[str], lines: dict[str, str]) -> list[str]:
    """The base's environment and `lines` over it; `$NAME` in them stands for the value so far."""
    merged = dict(entry.split("=", 1) for entry in given)
    for name, value in lines.items():
        merged[name] = re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: merged.get(m[1] or m[2], ""), value)
    return [f"{name}={value}" for name, value in merged.items()]


def assemble(wanted: dict[str, Any]) -> None:
    """Writes the layout that `wanted` describes. Raises ImageError."""
    out = Layout(Path(wanted["output"]))
    if "base" in wanted:
        manifest, config = _from_base(Path(wanted["base"]), out)
    else:
        manifest, config = _from_scratch(wanted)
    for layer in wanted["layers"]:
        _add_layer(Path(layer), manifest, config, out)

    _configure(wanted, config)
    if "annotations" in wanted:
        annotations = manifest.get("annotations") or {}
        manifest["annotations"] = annotations | _pairs(wanted, "annotations")

    manifest["config"] |= out.add_json(config)
    platform = {key: config[key] for key in ("os", "architecture", "variant") if key in config}
    out.finish({"mediaType": manifest["mediaType"], "platform": platform} | out.add_json(manifest))


def _configure(wanted: dict[str, Any], config: dict[str, Any]) -> None:
    """What `wanted` says beside the layers."""
    settings = config["config"] = config.get("config") or {}
    if "env" in wanted:
        settings["Env"] = _environment(settings.get("Env") or [], _pairs(wanted, "env"))
    for field, name in (("Entrypoint", "entrypoint"), ("Cmd", "cmd")):
        if name in wanted:
            settings[field] = _lines(wanted, name)
    for field, name in (("ExposedPorts", "exposed_ports"), ("Volumes", "volumes")):
        if name in wanted:
            settings[field] = {line: {} for line in _lines(wanted, name)}
    for field, name in (("User", "user"), ("WorkingDir", "workdir")):
        if name in wanted:
            settings[field] = wanted[name]
    if "created" in wanted:
        config["created"] = Path(wanted["created"]).read_text()
    if "labels" in wanted:
        settings["Labels"] = (settings.get("Labels") or {}) | _pairs(wanted, "labels")


def main(argv: list[str]) -> int:
    """Assembles; a foreseeable failure is one line and status 1."""
    try:
        assemble(json.loads(Path(argv[0]).read_text()))
    except ImageError as error:
        print(f"oci_image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
