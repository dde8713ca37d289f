"""Puts an OCI image layout together (OCI image-spec 1.1: image-layout.md, manifest.md, config.md).

`image.py MANIFEST LABEL...`: a JSON file with the fields of oci_image, as private/image.bzl writes it, and
the label of each layer, for the history. Layers are copied as they are, and unpacked once for their diff ID.

Manifest and configuration have the bytes that rules_oci 2.3.0 writes, so that an image has one digest,
whoever builds it. That rule set edits both with jq; the order of its edits is the order of the keys here.

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
from collections.abc import Callable, Sequence
from compression import zstd
from pathlib import Path
from typing import Any, BinaryIO

_OCI = "application/vnd.oci.image."
_DOCKER = "application/vnd.docker."
_CHUNK = 1 << 20

# When a layer, and an image without `created`, were made.
_EPOCH = "1970-01-01T00:00:00Z"

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

    def add_blob(self, data: bytes) -> str:
        """Writes `data`; gives its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._blob(digest).write_bytes(data)
        return digest

    def finish(self, manifest: dict[str, Any]) -> None:
        """Writes the files that make the folder a layout of one image."""
        (self._folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        index = {
            "schemaVersion": 2,
            "mediaType": _OCI + "index.v1+json",
            "manifests": [manifest],
        }
        (self._folder / "index.json").write_text(json.dumps(index, sort_keys=True, indent=1))


def _as_jq_prints(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False).replace("\x7f", "\\u007f")


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
        "config": {"mediaType": _OCI + "config.v1+json", "size": 0},
        "layers": [],
    }
    config: dict[str, Any] = {
        "created": _EPOCH,
        "config": {},
        "history": [],
        "rootfs": {"type": "layers", "diff_ids": []},
        "architecture": wanted["architecture"],
        "os": wanted["os"],
    }
    if "variant" in wanted:
        config["variant"] = wanted["variant"]
    return manifest, config


def _add_layer(path: Path, label: str, manifest: dict[str, Any], config: dict[str, Any], out: Layout) -> None:
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        digest = _sha256(file)
        size = file.tell()
    suffix, opened = next((s, o) for magic, s, o in _COMPRESSIONS if head.startswith(magic))
    with opened(path) as stream:
        config["rootfs"]["diff_ids"].append(_sha256(stream))
    made = {"created": _EPOCH, "created_by": f"bazel build {label}"}
    config["history"] = [*(config.get("history") or []), made]
    if manifest["mediaType"].startswith(_DOCKER):
        kind = _DOCKER + "image.rootfs.diff.tar" + (f".{suffix}" if suffix else "")
    else:
        kind = _OCI + "layer.v1.tar" + (f"+{suffix}" if suffix else "")
    manifest["layers"].append({"size": size, "digest": digest, "mediaType": kind})
    out.add_file(path, digest)


def _environment(given: list[str], lines: dict[str, str]) -> list[str]:
    """The base's environment and `lines` over it; `$NAME` in them stands for the value so far."""
    merged = dict(entry.split("=", 1) for entry in given)
    for name, value in lines.items():
        merged[name] = re.sub(r"\$\{?([a-zA-Z0-9_]+)\}?", lambda m: merged.get(m[1], ""), value)
    return [f"{name}={value}" for name, value in merged.items()]


def assemble(wanted: dict[str, Any], labels: Sequence[str]) -> None:
    """Writes the layout that `wanted` describes; `labels`: those of its layers. Raises ImageError."""
    out = Layout(Path(wanted["output"]))
    if "base" in wanted:
        manifest, config = _from_base(Path(wanted["base"]), out)
    else:
        manifest, config = _from_scratch(wanted)
    for layer, label in zip(wanted["layers"], labels, strict=True):
        _add_layer(Path(layer), label, manifest, config, out)

    _configure(wanted, config)
    if "annotations" in wanted:
        annotations = manifest.get("annotations") or {}
        manifest["annotations"] = annotations | _pairs(wanted, "annotations")

    data = _as_jq_prints(config).encode()
    manifest["config"] |= {"digest": out.add_blob(data), "size": len(data)}
    manifest["config"].pop("data", None)  # a copy of the base's
    data = (_as_jq_prints(manifest) + "\n").encode()
    platform = {key: config[key] for key in ("os", "architecture", "variant") if key in config}
    described = {"mediaType": manifest["mediaType"], "platform": platform}
    out.finish(described | {"digest": out.add_blob(data), "size": len(data)})


def _settings(wanted: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """The settings that `wanted` gives, in rules_oci's order; `base`: those of the base."""
    found: dict[str, Any] = {}
    if "entrypoint" in wanted:
        found |= {"Cmd": None, "Entrypoint": _words(wanted, "entrypoint")}
    if "cmd" in wanted:
        found["Cmd"] = _words(wanted, "cmd")
    for field, name in (("ExposedPorts", "exposed_ports"), ("Volumes", "volumes")):
        if name in wanted:
            found[field] = {entry: {} for entry in Path(wanted[name]).read_text().split(",")}
    if "env" in wanted:
        found["Env"] = _environment(base.get("Env") or [], _pairs(wanted, "env"))
    if "labels" in wanted:
        found["Labels"] = _pairs(wanted, "labels")
    for field, name in (("User", "user"), ("WorkingDir", "workdir")):
        if name in wanted:
            found[field] = wanted[name]
    return found


def _words(wanted: dict[str, Any], name: str) -> list[str]:
    return [line.replace("%5Cn", "\n") for line in _lines(wanted, name)]


def _configure(wanted: dict[str, Any], config: dict[str, Any]) -> None:
    """What `wanted` says beside the layers."""
    if "created" in wanted:
        config["created"] = Path(wanted["created"]).read_text()
    base = config.get("config") or {}
    settings = _settings(wanted, base)
    if settings:
        for field, value in settings.items():
            old = base.get(field)
            base[field] = old | value if isinstance(value, dict) and isinstance(old, dict) else value
        config["config"] = base
    if base.get("Cmd", ()) is None:
        del base["Cmd"]


def main(argv: list[str]) -> int:
    """Assembles; a foreseeable failure is one line and status 1."""
    try:
        assemble(json.loads(Path(argv[0]).read_text()), argv[1:])
    except ImageError as error:
        print(f"oci_image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
