"""What becomes of the maintainer scripts of a locked set, and a draft of what is missing.

Makes the root filesystem of the set in memory and prints a line for each script: whether it was interpreted,
and how much it changed, or what a ledger says in its place; then what is left for the guest, by kind and
command. Then comes, as TOML, an entry for each command that nothing here understands, for a person to
complete; put it into a file that the attribute `ledger` of `rootfs` names. `--trace` prints each command of
the scripts of a package, with what it changed. Nothing is written into the sources. The packages are fetched
from the host's mirrors into the user's cache folder. The exit status is 1 if anything is missing.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.sysimage.commands.maintainer import ScriptError
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import run
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.debian import download, dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.effects import ledger
from tools.sysimage.rootfs import report
from tools.sysimage.rootfs.installation import Installation, install

_EXAMPLES = {
    "bazel run @trixie//:ledger -- --set server": "what becomes of each script of the set",
    "bazel run @trixie//:ledger -- --set server --trace nginx": "each command of nginx's scripts",
}


def main(argv: Sequence[str]) -> int:
    """Prints the scripts and the draft; see the module."""
    parser = CommandLine("ledger", __doc__, _EXAMPLES)
    parser.given("--lock", type=workspace_path)
    parser.add_argument("--set", required=True, help="a set of the lock")
    parser.add_argument("--architecture", action="append", help="default: all that the set is locked for")
    parser.add_argument(
        "--ledger",
        action="append",
        default=[],
        type=workspace_path,
        help="a further ledger, as rootfs has it",
    )
    parser.add_argument("--trace", action="append", default=[], metavar="PACKAGE", help="print its commands")
    parser.add_argument(
        "--cache", type=Path, default=download.default_folder(), help="folder for the packages (%(default)s)"
    )
    arguments = parser.parse_args(argv)
    lock = download.read_lock(arguments.lock)
    book = ledger.Ledger(arguments.ledger)
    locked = sorted(lock["sets"].get(arguments.set, {}).get("packages", {}))
    missing: dict[str, ScriptError] = {}
    for architecture in arguments.architecture or locked or [""]:
        packages = dpkg.load_all(download.fetch(lock, arguments.set, architecture, arguments.cache))
        print(f"# set {arguments.set}, {architecture}: {len(packages)} packages")
        with tempfile.TemporaryDirectory(prefix="ledger") as folder:
            made = install(packages, architecture, book, Path(folder), traced=arguments.trace)
        lines = list(_scripts(made, packages))
        print("".join(f"# {line}\n" for line in lines), end="")
        print("".join(f"# {line}\n" for line in report.left(made.world)), end="")
        print(f"# {len(lines)} scripts, of which {len(made.failures)} can't be interpreted\n")
        for failure in made.failures:
            missing.setdefault(failure.draft(), failure)
    for draft, failure in missing.items():
        print(f"# {failure}\n{draft}")
    return 1 if missing else 0


def _scripts(made: Installation, packages: Sequence[Package]) -> Iterator[str]:
    """A line for each script."""
    failed = {(failure.package.name, failure.script) for failure in made.failures}
    changes = Counter((change.package, change.script) for change in made.world.journal.changes)
    for package in sorted(packages, key=lambda package: package.name):
        for script in ledger.SCRIPTS:
            if script not in package.deb.control:
                continue
            key = package.name, script
            calls = made.book.calls(package, script)
            reason = made.book.reason(package, script)
            if key in failed:
                what = "MISSING"
            elif calls is None:
                what = f"interpreted: {changes[key]} changes"
            elif reason:
                what = f"told: {reason}"
            else:
                what = f"told: {', '.join(call.effect for call in calls) or 'nothing to do'}"
            yield f"{package.name} {script}: {what}"


if __name__ == "__main__":
    run(main)
