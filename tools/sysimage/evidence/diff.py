"""diff: what differs between two images.

OLD and NEW are references in a registry by digest (HOST/PATH@sha256:…), facts of images (`NAME_facts.json`),
tarballs, or folders with an OCI image layout. Beside a tarball of these rules lie its facts, if they were
built: then its packages' security fixes and targets are known, too.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tools.sysimage.core import atomic, span
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.evidence import collect, difference, facts, shown
from tools.sysimage.evidence.measured import with_measurements
from tools.sysimage.formats import oci, oci_image
from tools.sysimage.publish.registry import Oras, Reference

_REFERENCE = re.compile(r"@sha256:[0-9a-f]{64}$")
_ARTIFACT = "application/vnd.system-image.v1"


def main(argv: Sequence[str]) -> int:
    """Prints the difference. With --golden it is a test: returns 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="diff", description=__doc__)
    parser.add_argument("old", nargs="?", help="facts, tarball or OCI layout")
    parser.add_argument("new", nargs="?", help="facts, tarball or OCI layout")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text")
    parser.add_argument(
        "--measurements", nargs=2, metavar=("OLD", "NEW"), help="what `measurements` made of both"
    )
    parser.add_argument("--all", action="store_true", help="show all paths")
    parser.add_argument("--oras", type=Path, help="folder of the locked program oras, for references")
    parser.add_argument("--plain-http", action="store_true", help="registries have no TLS")
    parser.add_argument("--architecture", default="amd64", help="of an OCI image for many platforms")
    parser.add_argument("--facts", type=Path, help="facts of the image that is compared with --golden")
    parser.add_argument("--golden", type=Path, help="what was reviewed: a file that --update wrote")
    parser.add_argument("--golden-path", default="", help="where it is in the workspace")
    parser.add_argument("--target", default="", help="the test, for the command that updates")
    parser.add_argument("--update", action="store_true", help="write that file")
    options = parser.parse_args(argv)
    if options.golden:
        return _golden(options)
    if not options.old or not options.new:
        parser.error("name two images: OLD NEW")
    old, new = (_load(name, options) for name in (options.old, options.new))
    if options.measurements:
        paths = [workspace_path(name) for name in options.measurements]
        old, new = (with_measurements(*pair) for pair in zip((old, new), paths, strict=True))
    _print(difference.compare(old, new), options)
    return 0


def _load(name: str, options: argparse.Namespace) -> facts.Facts:
    if not _REFERENCE.search(name):
        return load(workspace_path(name), options.architecture)
    if not options.oras:
        raise ToolError(f"{name}: is in a registry; start this with `bazel run`, which brings a client")
    client = Oras(_argv(options.oras), options.plain_http)
    with tempfile.TemporaryDirectory() as scratch:
        return fetched(Reference.parse(name), client, Path(scratch) / "layout", options.architecture)


def fetched(reference: Reference, client: Oras, layout: Path, architecture: str) -> facts.Facts:
    """The facts of what is in a registry: an image, or a system image that push_system_image has pushed."""
    client.fetch(reference, layout)
    manifest = client.manifest(reference)
    if manifest.get("artifactType") != _ARTIFACT:
        return load(layout, architecture)
    for part in manifest["layers"]:
        if part["mediaType"].partition("+")[0] == f"{_ARTIFACT}.tar":
            blob = layout / "blobs" / str(part["digest"]).replace(":", "/")
            return collect.of_tarball(blob, collect.Known())
    raise ToolError(f"{reference}: the artifact has no tarball; name a system image that was pushed")


def _argv(folder: Path) -> tuple[str, ...]:
    """The command of a locked program, from its folder."""
    [loader] = folder.glob("lib/ld-linux-*.so.*")
    [program] = folder.glob("bin/*")
    return str(loader), "--library-path", str(folder / "lib"), "--argv0", program.name, str(program)


def load(path: Path, architecture: str = "amd64") -> facts.Facts:
    """The facts of what a path names. Raises ToolError if it names no image."""
    if not path.exists():
        raise ToolError(f"{path}: is not there; build it, or correct the path")
    if path.is_dir():
        with ExitStack() as files, tempfile.TemporaryDirectory() as scratch:
            platform = oci.Platform("linux", architecture, "")
            tree = oci_image.load(path, platform, files, Path(scratch))
            return collect.of_tree(tree, collect.Known(), facts.Image(path.name))
    if path.suffix == ".json":
        return facts.load(path)
    beside = path.with_name(f"{path.name.partition('.tar')[0]}_facts.json")
    if beside.exists() and beside.stat().st_mtime >= path.stat().st_mtime:
        found = facts.load(beside)
        if found.image.sha256 == span.sha256(span.External(path, path.stat().st_size)):
            return found
    return collect.of_tarball(path, collect.Known())


def _golden(options: argparse.Namespace) -> int:
    new = difference.reduced(facts.load(options.facts))
    if options.update:
        path = workspace_path(options.golden_path)
        with atomic.output(path) as out:
            facts.write(new, out)
        print(f"wrote {path}")
        return 0
    old = facts.load(options.golden) if options.golden.stat().st_size else facts.Facts(facts.Image("nothing"))
    found = difference.compare(old, new)
    if not found:
        return 0
    _print(found, options)
    print(f"if it should be so, run `bazel run {options.target} -- --update`", file=sys.stderr)
    return 1


def _print(found: difference.Difference, options: argparse.Namespace) -> None:
    if options.format == "json":
        sys.stdout.write(shown.as_json(found))
        return
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    lines = (
        shown.as_markdown(found)
        if options.format == "markdown"
        else shown.as_text(found, colour=colour, all_paths=options.all)
    )
    for line in lines:
        print(line)


if __name__ == "__main__":
    run(main)
