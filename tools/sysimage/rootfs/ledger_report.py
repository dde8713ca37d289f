"""What stands for the maintainer scripts of a locked set, and a draft of what is missing.

    bazel run //system_image:ledger -- --set vanilla

prints a line for each script: the effects that stand for it, or the reason why there are none. Then comes,
as TOML, an entry for each part that nothing covers, for a person to read and complete; put it into a file
that the attribute `ledger` of `rootfs` names. Nothing is written into the sources. The packages are fetched
from the host's mirrors into the user's cache folder. The exit status is 1 if anything is uncovered.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.sysimage.core.errors import run
from tools.sysimage.debian import download, dpkg
from tools.sysimage.effects import ledger


def main(argv: Sequence[str]) -> int:
    """Prints coverage and draft; see the module."""
    parser = argparse.ArgumentParser(
        prog="ledger", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lock", required=True, type=_workspace_path, help="debian.lock.json")
    parser.add_argument("--set", required=True, help="a set of the lock")
    parser.add_argument("--architecture", action="append", help="default: all that the set is locked for")
    parser.add_argument(
        "--ledger",
        action="append",
        default=[],
        type=_workspace_path,
        help="a further ledger, as rootfs has it",
    )
    parser.add_argument("--cache", type=Path, default=_cache(), help="folder for the packages (%(default)s)")
    arguments = parser.parse_args(argv)
    lock = download.read_lock(arguments.lock)
    book = ledger.Ledger(arguments.ledger)
    locked = sorted(lock["sets"].get(arguments.set, {}).get("packages", {}))
    lacking: dict[tuple[str, str, str], ledger.Uncovered] = {}
    for architecture in arguments.architecture or locked or [""]:
        packages = dpkg.load_all(download.fetch(lock, arguments.set, architecture, arguments.cache))
        print(f"# set {arguments.set}, {architecture}: {len(packages)} packages")
        lines = list(_coverage(book, packages, lacking))
        print("".join(f"# {line}\n" for line in lines), end="")
        print(
            f"# {len(lines)} scripts, of which {sum(': LACKS ' in line for line in lines)} lack something\n"
        )
    for part in lacking.values():
        print(part.draft())
    return 1 if lacking else 0


def _coverage(
    book: ledger.Ledger,
    packages: Sequence[dpkg.Package],
    lacking: dict[tuple[str, str, str], ledger.Uncovered],
) -> Iterator[str]:
    """A line for each script; adds to `lacking` what nothing covers, each text once."""
    for package in sorted(packages, key=lambda package: package.name):
        for script in ledger.SCRIPTS:
            if script not in package.deb.control:
                continue
            calls, parts = book.calls(package, script)
            for part in parts:
                key = ("", "", part.text) if part.section else (package.name, script, part.text)
                lacking.setdefault(key, part)
            words = ", ".join(call.effect for call in calls)
            reason = book.reason(package, script)
            if parts:
                words = f"LACKS {len(parts)} of its parts" + (f"; has {words}" if words else "")
            elif reason:
                words = f"{words}; ignored: {reason}" if words else f"ignored: {reason}"
            yield f"{package.name} {script}: {words or 'nothing to do'}"


def _workspace_path(text: str) -> Path:
    """A path of the command line; `bazel run` starts us elsewhere and says where the workspace is."""
    return Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", "")) / text


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "rules_system_image/packages"


if __name__ == "__main__":
    run(main)
