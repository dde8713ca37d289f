"""pin: pins the images in registries that system images are built on, by their digests.

It runs outside of build actions, by `bazel run`. It writes the pins to a file that BUILD files load, and as
`oci.pull` to MODULE.bazel: between its two marker lines, or at the end if there are none.
"""

import ast
import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.formats.oci_layout import CONFIGS
from tools.sysimage.publish.registry import LOCK_ANNOTATION, Oras, Reference, in_runfiles

_BEGIN = "# What `{}` has written:\n"
_END = "# (end of what is pinned)\n"

_DOC = "Pins base images in registries by their digests, in the file of pins and in MODULE.bazel."
_EXAMPLES = {
    "bazel run //:pin -- base=registry.example/base@sha256:…": "pins the base of this name",
    "bazel run //:pin -- base=": "builds it from packages again",
}

type Pins = dict[str, dict[str, str]]
"""Name of a base → architecture → HOST/PATH@sha256:…, with http:// before it if the registry has no TLS."""


@dataclass(frozen=True, slots=True)
class PinInput:
    """What the rule hands over."""

    command: str
    """The command that writes the pins, for the files that it writes."""
    lock: Path
    """The lock that bases are compared with."""
    module: Path
    """MODULE.bazel."""
    names: tuple[str, ...]
    """The bases that can be pinned."""
    oras: tuple[str, ...]
    """How oras is started."""
    pins: Path
    """The file that BUILD files load."""
    prefix: str
    """What the names of repositories begin with."""

    @staticmethod
    def load(runfiles: Path, path: Path, workspace: Path) -> PinInput:
        """Reads the manifest at `path` in the runfiles.

        In it, `module` and `pins` are relative to the workspace, and other paths to the runfiles.
        """
        given = json_manifest.read(PinInput, runfiles / path)
        return dataclasses.replace(
            given,
            lock=runfiles / given.lock,
            module=workspace / given.module,
            oras=in_runfiles(given.oras, runfiles),
            pins=workspace / given.pins,
        )


def images(oras: Oras, reference: Reference) -> dict[str, tuple[Reference, str]]:
    """The images that a reference names: architecture → the image, and the SHA-256 of its lock or "".

    Raises ToolError if it names neither an image for Linux nor an index of such images.
    """
    manifest = oras.manifest(reference)
    try:
        return _images(oras, reference, manifest)
    except (AttributeError, KeyError, TypeError) as error:
        raise ToolError(
            f"{reference}: is no manifest that can be read ({error!r}); push the image anew"
        ) from None


def _images(oras: Oras, reference: Reference, manifest: dict[str, Any]) -> dict[str, tuple[Reference, str]]:
    if "manifests" in manifest:
        found: dict[str, tuple[Reference, str]] = {}
        for item in manifest["manifests"]:
            platform = item.get("platform", {})
            if platform.get("os") == "linux" and platform.get("architecture") in ARCHITECTURES:
                found |= images(oras, Reference(reference.repository, item["digest"]))
        if not found:
            raise ToolError(
                f"{reference}: is an index without an image of Linux for {' or '.join(ARCHITECTURES)}"
            )
        return found
    descriptor = manifest.get("config", {})
    if descriptor.get("mediaType") not in CONFIGS:
        kind = manifest.get("artifactType") or descriptor.get("mediaType")
        raise ToolError(f"{reference}: is {kind}, not an image; pin what a push of a base image printed")
    config = oras.blob(Reference(reference.repository, descriptor["digest"]))
    if config.get("os") != "linux" or config.get("architecture") not in ARCHITECTURES:
        platform = f"{config.get('os')}/{config.get('architecture')}"
        raise ToolError(f"{reference}: is for {platform}; pin one for Linux on {' or '.join(ARCHITECTURES)}")
    return {config["architecture"]: (reference, manifest.get("annotations", {}).get(LOCK_ANNOTATION, ""))}


def read(path: Path) -> Pins:
    """The pins in a file that `pins_file` made. Raises ToolError for any other file."""
    try:
        _, _, text = path.read_text("utf-8").partition("\nPINS = ")
        pins = ast.literal_eval(text)
    except (SyntaxError, ValueError) as error:
        raise ToolError(f"{path}: has no PINS that this tool has written ({error}); restore it") from None
    return dict(pins)


def pins_file(pins: Pins, command: str) -> str:
    """The file that BUILD files load, as buildifier formats it."""
    lines = [
        '"""Base images in registries, for --//system_image/settings:bases=pinned. '
        f'`{command}` writes this file."""',
        "",
    ]
    lines.append("PINS = {")
    for name, by_architecture in sorted(pins.items()):
        lines.append(f'    "{name}": {{')
        lines += [
            f'        "{architecture}": "{image}",' for architecture, image in sorted(by_architecture.items())
        ]
        lines.append("    },")
    text = "\n".join([*lines, "}"]) + "\n"
    return text.replace("PINS = {\n}", "PINS = {}")


def module_file(text: str, pins: Pins, prefix: str, command: str) -> str:
    """MODULE.bazel with these pins instead of the previous ones."""
    begin = _BEGIN.format(command)
    lines = []
    names = []
    for name, by_architecture in sorted(pins.items()):
        for architecture, image in sorted(by_architecture.items()):
            names.append(f'"{prefix}_pinned_{name}_{architecture}"')
            where, _, digest = image.partition("@")
            lines += ["pinned.pull(", f"    name = {names[-1]},", f'    digest = "{digest}",']
            lines += [f'    image = "{where}",', ")"]
    if names:
        lines.insert(0, 'pinned = use_extension("@rules_oci//oci:extensions.bzl", "oci")')
        lines.append(f"use_repo(pinned, {', '.join(names)})")
    block = begin + "".join(f"{line}\n" for line in lines) + _END
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(_END)
    if found and not ended:
        raise ToolError(
            f"MODULE.bazel: the line {_END.strip()!r} is missing after {begin.strip()!r}; restore it"
        )
    return before + block + after if found else f"{text.rstrip()}\n\n{block}"


def pin(settings: PinInput, wanted: Mapping[str, str], plain_http: bool) -> list[str]:
    """Pins the bases in `wanted`: name → reference, or "" to unpin it. Returns a line for each.

    Raises ToolError, and writes nothing, if one of them can't be pinned.
    """
    pins = read(settings.pins)
    oras = Oras(settings.oras, plain_http)
    lock = hashlib.sha256(settings.lock.read_bytes()).hexdigest()
    said = []
    for name, text in wanted.items():
        if name not in settings.names:
            raise ToolError(f"{name}: is no base that can be pinned; there are: {', '.join(settings.names)}")
        if not text:
            pins.pop(name, None)
            said.append(f"{name}: no longer pinned")
            continue
        for architecture, (reference, made_of) in images(oras, Reference.parse(text)).items():
            scheme = "http://" if plain_http or reference.repository.loopback else ""
            pins.setdefault(name, {})[architecture] = f"{scheme}{reference}"
            remark = f"made of {'another' if made_of else 'an unknown'} lock, not of this repository's"
            said.append(
                f"{name} for {architecture}: {reference}" + (f" ({remark})" if made_of != lock else "")
            )
    module = module_file(settings.module.read_text("utf-8"), pins, settings.prefix, settings.command)
    # In this order: the pins are of no use without MODULE.bazel.
    _write(settings.module, module)
    _write(settings.pins, pins_file(pins, settings.command))
    return said


def _write(path: Path, text: str) -> None:
    with atomic.output(path) as file:
        file.write(text.encode())


def main(argv: Sequence[str]) -> int:
    """Command line of `bazel run //…:pin -- NAME=REFERENCE…`."""
    parser = CommandLine("pin", _DOC, _EXAMPLES)
    parser.given("--runfiles", type=Path)
    parser.given("--settings", type=Path)
    parser.add_argument(
        "--plain-http", action="store_true", help="the registry has no TLS (assumed on loopback)"
    )
    parser.add_argument(
        "pins", nargs="+", metavar="NAME=HOST/PATH@sha256:…", help="what to pin a base to; NAME= unpins it"
    )
    options = parser.parse_args(argv)
    workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    if not workspace:
        raise ToolError("no workspace to write to; start this with `bazel run`")
    wanted = {}
    for word in options.pins:
        name, equals, reference = word.partition("=")
        if not equals:
            raise ToolError(f"{word!r}: is no pin; give NAME=HOST/PATH@sha256:…")
        wanted[name] = reference
    settings = PinInput.load(options.runfiles.absolute(), options.settings, Path(workspace))
    for line in pin(settings, wanted, options.plain_http):
        print(line)
    return 0


if __name__ == "__main__":
    run(main)
