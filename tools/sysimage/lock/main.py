"""The lock tool: debian.toml → debian.lock.json.

A run locks what the manifest asks for and leaves every package that is locked already at its version;
--update takes the newest.
"""

import os
import sys
import time
from collections.abc import Sequence

from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.debian import lock_shape
from tools.sysimage.lock import lockfile, manifest
from tools.sysimage.lock.check import check
from tools.sysimage.lock.distroless import import_manifest
from tools.sysimage.lock.make import make
from tools.sysimage.lock.why import explain

_EXAMPLES = {
    "bazel run @trixie//:lock": "what is new in debian.toml",
    "bazel run @trixie//:lock -- --update": "the newest version of everything",
    "bazel run @trixie//:lock -- --update openssl": "of openssl, and of what it then needs newer",
    "bazel run @trixie//:lock -- --check": "for CI",
    "bazel run @trixie//:lock -- --why libssl3t64": "what brings it into each set",
}


def main(argv: Sequence[str]) -> int:
    """Locks, checks a lock or explains it. Returns the exit status; raises ToolError."""
    parser = CommandLine("lock", __doc__, _EXAMPLES)
    parser.given("--manifest", type=workspace_path)
    parser.given("--lock", type=workspace_path)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--update",
        nargs="*",
        metavar="PACKAGE",
        help="take the newest version of all packages, or of these and of what they then need newer",
    )
    mode.add_argument(
        "--check",
        action="store_true",
        help="only say whether the lock is current for its manifest and sound; needs no network",
    )
    mode.add_argument(
        "--why", metavar="PACKAGE", help="tell what brings a package into each set; needs no network"
    )
    mode.add_argument(
        "--import",
        dest="imported",
        type=workspace_path,
        metavar="FILE",
        help="write the manifest from FILE, a YAML manifest of rules_distroless, and lock nothing yet",
    )
    parser.add_argument(
        "--allow-rollback",
        action="store_true",
        help="take a Release that is older than the lock's, as a snapshot of the archive has it",
    )
    arguments = parser.parse_args(argv)
    if arguments.imported:
        print(import_manifest(arguments.imported, arguments.manifest, arguments.lock))
        return 0
    wanted = manifest.load(arguments.manifest)
    old = lockfile.load(arguments.lock)
    if arguments.check or arguments.why:
        check(wanted, old, arguments.lock, arguments.manifest)
        if arguments.why and old:
            print("\n".join(explain(wanted, old, arguments.why)))
        return 0
    if old:
        try:
            lock_shape.check(old)
        except ToolError as error:
            raise ToolError(f"{arguments.lock}: {error}; restore it, or remove it to lock anew") from error
    started = time.monotonic()
    update = None if arguments.update is None else frozenset(arguments.update)
    made = make(wanted, arguments.manifest.parent, old, update, os.environ, rollback=arguments.allow_rollback)
    if old and update is None and lockfile.same_packages(old, made.lock):
        print(f"{arguments.lock} is current for its manifest: nothing to do")
    else:
        lockfile.save(made.lock, arguments.lock)
        print("\n".join(made.summary()) or "no change of any package")
        print(f"wrote {arguments.lock} in {time.monotonic() - started:.1f} s", file=sys.stderr)
    for line in made.left():
        print(line, file=sys.stderr)
    return 0
