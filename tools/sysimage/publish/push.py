"""push: sends an image, or a system image as an artifact, to a registry by its digest, and tags it.

It runs outside of build actions, by `bazel run`. It sends images with the program of rules_oci's oci_push,
and artifacts with oras.
"""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.formats.oci_layout import first_digest
from tools.sysimage.publish.registry import TAG, Oras, Reference, Repository, in_runfiles, send

_DOC = "Sends an image, or a system image as an artifact, to a registry by its digest, and tags it."
_EXAMPLES = {
    "bazel run //:push_base -- --repository registry.example/base": "prints registry.example/base@sha256:…",
    "bazel run //:push_base -- -r registry.example/base -t v1": "also as v1",
}


@dataclass(frozen=True, slots=True)
class PushInput:
    """What is pushed, and with what, as the rule hands it over."""

    layout: Path
    """An OCI image layout; its first manifest is pushed."""
    oci_push: Path | None
    """The program of oci_push; None if the layout is an artifact."""
    oras: tuple[str, ...]
    """How oras is started."""
    repository: str
    """Where to, unless the command line says; may be empty."""

    @staticmethod
    def load(runfiles: Path, path: Path) -> PushInput:
        """Reads the manifest at `path` in the runfiles, to which the paths in it are relative."""
        given = json_manifest.read(PushInput, runfiles / path)
        return dataclasses.replace(
            given,
            layout=runfiles / given.layout,
            oci_push=runfiles / given.oci_push if given.oci_push else None,
            oras=in_runfiles(given.oras, runfiles),
        )


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What the command line says."""

    repository: Repository
    tags: Sequence[str]
    replace_tags: bool
    plain_http: bool


def push(settings: PushInput, options: PushOptions) -> Reference:
    """Pushes by digest, then tags. Raises ToolError if that fails, or a tag is in use for another digest."""
    reference = Reference(options.repository, first_digest(settings.layout))
    oras = Oras(settings.oras, options.plain_http)
    for tag in options.tags:
        there = oras.tagged(reference.repository, tag)
        if there not in (None, reference.digest) and not options.replace_tags:
            raise ToolError(
                f"{reference.repository}:{tag} is {there} already, and this is {reference.digest}; choose "
                "another tag, or move this one with --replace-tag"
            )
    if settings.oci_push is None:
        oras.copy(settings.layout, reference, options.tags)
        return reference
    argv = [str(settings.oci_push), "--repository", str(reference.repository)]
    argv += [word for tag in options.tags for word in ("--tag", tag)]
    argv += ["--insecure"] if options.plain_http else []
    send(argv, f"{reference} can't be pushed", reference.repository.host)
    return reference


def main(argv: Sequence[str]) -> int:
    """Command line of `bazel run //…:push_NAME -- …`."""
    parser = CommandLine("push", _DOC, _EXAMPLES)
    parser.given("--runfiles", type=Path)
    parser.given("--settings", type=Path)
    parser.add_argument(
        "-r", "--repository", help="where to, HOST/PATH; default: --//system_image/settings:repository"
    )
    parser.add_argument(
        "-t", "--tag", action="append", default=[], help="also under this tag; may be given again"
    )
    parser.add_argument("--replace-tag", action="store_true", help="move tags that name something else")
    parser.add_argument("--reference-file", type=Path, help="also write what is printed last to this file")
    parser.add_argument(
        "--plain-http", action="store_true", help="the registry has no TLS (assumed on loopback)"
    )
    options = parser.parse_args(argv)
    settings = PushInput.load(options.runfiles.absolute(), options.settings)
    repository = options.repository or settings.repository
    if not repository:
        raise ToolError(
            "no repository to push to; give -- --repository HOST/PATH, or build with "
            "--@rules_system_image//system_image/settings:repository=HOST/PATH"
        )
    for tag in options.tag:
        if not TAG.fullmatch(tag):
            raise ToolError(f"{tag!r}: not a tag; use letters, digits and ._-, 128 at most")
    wanted = PushOptions(Repository.parse(repository), options.tag, options.replace_tag, options.plain_http)
    # Relative to the user's working directory; `bazel run` has another one.
    target = (
        options.reference_file
        and Path(os.environ.get("BUILD_WORKING_DIRECTORY", "")) / options.reference_file
    )
    if target and not target.parent.is_dir():
        raise ToolError(f"{target}: there is no such folder; make it first")
    reference = push(settings, wanted)
    if target:
        with atomic.output(target) as file:
            file.write(f"{reference}\n".encode())
    print(reference, flush=True)
    return 0


if __name__ == "__main__":
    run(main)
