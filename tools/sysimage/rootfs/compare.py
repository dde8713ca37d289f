"""Compares a root filesystem of a locked set with what mmdebstrap installs of the same packages.

Makes the root filesystem in memory, has mmdebstrap make a real installation of the set's packages, and
prints each path that differs, but for those that differences.toml or what is left for the guest explains.
mmdebstrap has to be installed; it needs root, or user namespaces (subuid(5)). The packages are fetched from
the host's mirrors into the user's cache folder. The exit status is 1 if a path differs without a reason.

Where Bazel's host has no mmdebstrap, `--prepare DIR` writes the packages as an archive and DIR/install.sh,
which makes DIR/real.tar on a host that has it; `--real DIR/real.tar` then compares with that.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tools.sysimage.commands.world import World
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.workspace import workspace_path
from tools.sysimage.debian import download, dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.effects import ledger
from tools.sysimage.formats import deb
from tools.sysimage.rootfs import comparison, report
from tools.sysimage.rootfs.installation import install

_SUITE = "locked"

_EXAMPLES = {
    "bazel run @trixie//:compare -- --set server": "where mmdebstrap is installed",
    "bazel run @trixie//:compare -- --set server --prepare DIR": "where it is not",
    "bazel run @trixie//:compare -- --set server --real DIR/real.tar": "with what DIR/install.sh made there",
}


def main(argv: Sequence[str]) -> int:
    """Prints what differs; see the module."""
    parser = CommandLine("compare", __doc__, _EXAMPLES)
    parser.given("--lock", type=workspace_path)
    parser.add_argument("--set", required=True, help="a set of the lock")
    here = f"{os.uname().machine}-"
    machine = next((name for name, one in ARCHITECTURES.items() if one.triplet.startswith(here)), None)
    parser.add_argument(
        "--architecture",
        default=machine,
        required=machine is None,
        help="one that this machine can run (%(default)s)",
    )
    parser.add_argument(
        "--ledger",
        action="append",
        default=[],
        type=workspace_path,
        help="a further ledger, as rootfs has it",
    )
    parser.add_argument(
        "--cache", type=Path, default=download.default_folder(), help="folder for the packages (%(default)s)"
    )
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument("--prepare", type=workspace_path, help="write this folder for mmdebstrap, and stop")
    steps.add_argument("--real", type=workspace_path, help="the tar that --prepare's install.sh made")
    arguments = parser.parse_args(argv)
    lock = download.read_lock(arguments.lock)
    packages = download.fetch(lock, arguments.set, arguments.architecture, arguments.cache)
    if arguments.prepare:
        script = prepare(packages, arguments.architecture, arguments.prepare)
        tar = shlex.quote(str(script.with_name("real.tar")))
        print(f"as root, run sh {shlex.quote(str(script))}; then compare with --real {tar}")
        return 0
    if arguments.real and not arguments.real.is_file():
        raise ToolError(f"{arguments.real} is not there; run install.sh of --prepare, which makes it")
    with tempfile.TemporaryDirectory(prefix="compare", dir=arguments.cache) as folder:
        made = compare(
            packages,
            arguments.architecture,
            ledger.Ledger(arguments.ledger),
            Path(folder),
            real=arguments.real,
        )
    print("\n".join(made.lines()))
    return 1 if made.unexplained else 0


@dataclass(frozen=True, slots=True)
class Compared:
    """What differs between a root filesystem and mmdebstrap's."""

    paths: int  # that our tree has
    explained: Mapping[str, int]  # why → how many paths differ for it
    unexplained: Sequence[str]  # a line a path
    unused: Sequence[comparison.Explanation]  # which explain nothing here
    world: World

    def lines(self) -> Iterator[str]:
        """The report, a line a path or reason."""
        yield from self.unexplained
        for why, count in sorted(self.explained.items()):
            yield f"{count} paths differ: {why}"
        yield f"{self.paths} paths compared, {len(self.unexplained)} differ without a reason"


def compare(
    packages: Sequence[LockedPackage],
    architecture: str,
    book: ledger.Ledger,
    work: Path,
    *,
    known: Sequence[comparison.Explanation] | None = None,
    real: Path | None = None,
) -> Compared:
    """Installs packages in memory and with mmdebstrap, in the folder `work`, and compares them.

    `known` are the explanations that count, all if None; `real` is mmdebstrap's tar of before, which is made
    if there is none yet. Raises ToolError if a script can't be interpreted, or mmdebstrap fails.
    """
    # apt reads the archive as its own user.
    work.chmod(0o755)
    made = install(dpkg.load_all(packages), architecture, book, work)
    report.check(made.failures)
    real = real or work / "real.tar"
    if not real.exists():
        shutil.move(_mmdebstrap(packages, architecture, work), real)
    kinds = {item.kind for item in made.world.left}
    entries = comparison.explanations() if known is None else known
    entries = [entry for entry in entries if not entry.left or entry.left in kinds]
    counts: Counter[str] = Counter()
    unexplained = []
    used = set()
    for difference in comparison.differences(made.world.root.tree, comparison.load(real)):
        entry = next((entry for entry in entries if entry.covers(difference)), None)
        if entry is None:
            unexplained.append(str(difference))
        else:
            used.add(id(entry))
            counts[entry.why or f"left for the guest: {entry.left}"] += 1
    unused = [entry for entry in entries if id(entry) not in used]
    return Compared(len(made.world.root.tree), counts, unexplained, unused, made.world)


def archive(packages: Sequence[LockedPackage], architecture: str, folder: Path) -> None:
    """Makes an archive for apt of these .debs, as links, and a sources.list for it."""
    pool, dists = folder / "pool", folder / f"dists/{_SUITE}"
    index = dists / f"main/binary-{architecture}"
    shutil.rmtree(folder, ignore_errors=True)
    pool.mkdir(parents=True)
    index.mkdir(parents=True)
    text = ""
    for package in packages:
        source = package.deb.resolve()
        (pool / source.name).symlink_to(source)
        control = deb.open_deb(source).control["control"].decode().strip()
        text += f"{control}\nFilename: pool/{source.name}\nSize: {source.stat().st_size}\n"
        text += f"SHA256: {package.sha256}\n\n"
    data = text.encode()
    (index / "Packages").write_bytes(data)
    (dists / "Release").write_text(
        f"Suite: {_SUITE}\nCodename: {_SUITE}\nArchitectures: {architecture}\nComponents: main\nSHA256:\n"
        f" {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-{architecture}/Packages\n"
    )
    # copy: as mmdebstrap advises; the packages need not be visible in the new root.
    (folder / "sources.list").write_text(f"deb [trusted=yes] copy:{quote(str(folder))} {_SUITE} main\n")


def prepare(packages: Sequence[LockedPackage], architecture: str, folder: Path) -> Path:
    """Writes what mmdebstrap needs. Returns the path of the script that starts it, for a POSIX shell."""
    archive(packages, architecture, folder / "repository")
    command = [
        *("mmdebstrap", "--quiet", "--variant=essential"),
        f"--include={','.join(package.name for package in packages)}",
        f"--architectures={architecture}",
        *(_SUITE, "unfinished.tar", "repository/sources.list"),
    ]
    script = folder / "install.sh"
    script.write_text(
        "# Installs the packages of repository/ with mmdebstrap, into real.tar.\n"
        'cd "$(dirname "$0")" || exit\n'
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
        "command -v mmdebstrap >/dev/null || {\n"
        '  echo "error: mmdebstrap is not installed; run apt-get install mmdebstrap" >&2\n'
        "  exit 1\n"
        "}\n"
        f'env -i PATH="$PATH" HOME="$HOME" TMPDIR="$PWD" {shlex.join(command)} &&\n'
        "  mv unfinished.tar real.tar\n"
    )
    return script


def _mmdebstrap(packages: Sequence[LockedPackage], architecture: str, work: Path) -> Path:
    """Has mmdebstrap install the packages. Returns the path of its tar."""
    if shutil.which("mmdebstrap") is None:
        raise ToolError(
            "mmdebstrap is not installed; run apt-get install mmdebstrap (only comparing needs it),"
            " or see --prepare for another host that has it"
        )
    script = prepare(packages, architecture, work)
    print(f"mmdebstrap installs {len(packages)} packages, which takes minutes", file=sys.stderr, flush=True)
    done = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise ToolError(f"mmdebstrap ended with {done.returncode} ({last}); run it as root, or mend the set")
    return work / "real.tar"


if __name__ == "__main__":
    run(main)
