"""diff: what differs between two images.

OLD and NEW are references in a registry (HOST/PATH@sha256:… or HOST/PATH:TAG), facts of images
(`NAME_facts.json`), tarballs, raw disks, or folders with an OCI image layout. Beside a tarball of these
rules lie its facts, if they were built: then its packages' security fixes and targets are known, too. With
--rev, one TARGET is built at two commits.
"""

import argparse
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tools.sysimage.core import atomic, span
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.evidence import collect, difference, disks, facts, shown
from tools.sysimage.evidence.measured import with_measurements
from tools.sysimage.evidence.revisions import Checkout
from tools.sysimage.formats import oci, oci_image
from tools.sysimage.publish.registry import DIGEST, TAG, Oras, Reference, Repository

# The host has a dot or a port, or is this machine: else it is a path, as everywhere.
_REGISTRY = re.compile(rf"(localhost|[A-Za-z0-9[][^/@]*[.:][^/@]*)/[^@]+(@{DIGEST.pattern}|:{TAG.pattern})")
_EXAMPLES = {
    "bazel run //:diff -- old.tar.xz bazel-bin/guest.tar.xz": "two tarballs",
    "bazel run //:diff -- registry.example/guest:v1 registry.example/guest:v2": "two that were pushed",
    "bazel run //:diff -- --rev main --rev HEAD //:guest --format markdown": "for a pull request",
}
_ARTIFACT = "application/vnd.system-image.v1"


def main(argv: Sequence[str]) -> int:
    """Prints the difference. With --golden it is a test: returns 1 if anything differs."""
    parser = CommandLine("diff", __doc__ or "", _EXAMPLES)
    parser.add_argument("old", nargs="?", help="the image before, or with --rev the target")
    parser.add_argument("new", nargs="?", help="the image now")
    parser.add_argument(
        "--rev", action="append", default=[], help="commit to build a target at: old, then new, or HEAD"
    )
    parser.add_argument("--measured", default="", help="with --rev, target of the image's `measurements`")
    parser.add_argument("--bazel", default="", help="with --rev, the program that builds")
    parser.add_argument("--bazel-option", action="append", default=[], help="with --rev, for each build")
    parser.add_argument(
        "--format", choices=("text", "markdown", "json"), default="text", help="of the output"
    )
    parser.add_argument(
        "--measurements", nargs=2, metavar=("OLD", "NEW"), help="what `measurements` made of both"
    )
    parser.add_argument("--all", action="store_true", help="show all paths")
    parser.add_argument("--plain-http", action="store_true", help="registries have no TLS")
    parser.add_argument("--architecture", default="amd64", help="of an OCI image for many platforms")
    parser.add_argument("--update", action="store_true", help="of a test: write the file that is reviewed")
    # What the macros give: programs, and what a test compares.
    for name in ("fsck", "oras", "facts", "golden"):
        parser.add_argument(f"--{name}", type=Path, help=argparse.SUPPRESS)
    for name in ("golden-path", "target"):
        parser.add_argument(f"--{name}", default="", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.golden:
        return _golden(options)
    if options.rev:
        if not options.old or options.new or options.measurements or len(options.rev) > 2:
            parser.error("name two commits and one target: --rev OLD --rev NEW TARGET")
        old, new = _at_commits(options)
    else:
        if not options.old or not options.new:
            parser.error("name two images: OLD NEW")
        # Decompression and digests, which take most of the time, run beside each other.
        with ThreadPoolExecutor(2) as pool:
            old, new = pool.map(lambda name: _load(name, options), (options.old, options.new))
    if options.measurements:
        paths = [workspace_path(name) for name in options.measurements]
        old, new = (with_measurements(*pair) for pair in zip((old, new), paths, strict=True))
    _print(difference.compare(old, new), options)
    return 0


def _at_commits(options: argparse.Namespace) -> Iterator[facts.Facts]:
    checkout = Checkout(shlex.split(options.bazel), options.bazel_option)
    revisions = [*options.rev, "HEAD"][:2]
    # All before anything is built: one may be misspelt, and HEAD may move.
    commits = [checkout.commit(revision) for revision in revisions]
    with tempfile.TemporaryDirectory() as scratch:
        for number, (commit, revision) in enumerate(zip(commits, revisions, strict=True)):
            folder = Path(scratch) / str(number)
            built = checkout.build(commit, revision, options.old, options.measured, folder)
            found = load(built.image, options.architecture, _fsck(options))
            name = f"{options.old} at {revision}"
            image = replace(found.image, name=name, target=name if found.image.target else "")
            yield with_measurements(replace(found, image=image), built.measurements)


def _load(name: str, options: argparse.Namespace) -> facts.Facts:
    print(f"reading {name}", file=sys.stderr, flush=True)
    if not _REGISTRY.fullmatch(name) or workspace_path(name).exists():
        return load(workspace_path(name), options.architecture, _fsck(options))
    if not options.oras:
        raise ToolError(f"{name}: is in a registry; start this with `bazel run`, which brings a client")
    client = Oras(_argv(options.oras), options.plain_http)
    with tempfile.TemporaryDirectory() as scratch:
        return fetched(referred(name, client), client, Path(scratch) / "layout", options.architecture)


def referred(name: str, client: Oras) -> Reference:
    """What a name in a registry refers to now. Raises ToolError for a tag that is not there."""
    if "@" in name:
        return Reference.parse(name)
    place, _, tag = name.rpartition(":")
    repository = Repository.parse(place)
    digest = client.tagged(repository, tag)
    if digest is None:
        raise ToolError(f"{name}: the registry has no such tag; push it, or correct the name")
    return Reference(repository, digest)


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


def _fsck(options: argparse.Namespace) -> tuple[str, ...]:
    return _argv(options.fsck) if options.fsck else ()


def _argv(folder: Path) -> tuple[str, ...]:
    """The command of a locked program, from its folder."""
    [loader] = folder.glob("lib/ld-linux-*.so.*")
    [program] = folder.glob("bin/*")
    return str(loader), "--library-path", str(folder / "lib"), "--argv0", program.name, str(program)


def _of_disk(path: Path, fsck: Sequence[str]) -> facts.Facts:
    if not fsck:
        raise ToolError(f"{path}: is a disk; start this with `bazel run`, which brings what reads it")
    image = facts.Image(
        path.name, path.stat().st_size, sha256=span.sha256(span.External(path, path.stat().st_size))
    )
    with (
        tempfile.TemporaryDirectory() as scratch,
        disks.opened(path, fsck, Path(scratch) / "disk") as (tree, partitions),
    ):
        return replace(collect.of_tree(tree, collect.Known(), image), measurements=partitions)


def load(path: Path, architecture: str = "amd64", fsck: Sequence[str] = ()) -> facts.Facts:
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
    if disks.is_disk(path):
        return _of_disk(path, fsck)
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
