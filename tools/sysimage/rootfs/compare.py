"""Compares a root filesystem of a locked set with what mmdebstrap installs of the same packages.

    bazel run //system_image:compare -- --set vanilla

makes the root filesystem in memory, has mmdebstrap make a real installation of the set's packages, and
prints each path that differs, but for those that differences.toml or what is left for the guest explains.
mmdebstrap has to be installed; it needs root, or user namespaces (subuid(5)). The packages are fetched from
the host's mirrors into the user's cache folder. The exit status is 1 if a path differs without a reason.

Where Bazel's host has no mmdebstrap, `--prepare DIR` writes the packages as an archive and DIR/install.sh,
which makes DIR/real.tar on a host that has it; `--real DIR/real.tar` then compares with that.
"""

import argparse
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.debian import download, dpkg
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.effects import ledger
from tools.sysimage.formats import deb
from tools.sysimage.rootfs import comparison, report
from tools.sysimage.rootfs.installation import install

_SUITE = "locked"


def main(argv: Sequence[str]) -> int:
    """Prints what differs; see the module."""
    parser = argparse.ArgumentParser(
        prog="compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lock", required=True, type=_workspace_path, help="debian.lock.json")
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
        type=_workspace_path,
        help="a further ledger, as rootfs has it",
    )
    parser.add_argument("--cache", type=Path, default=_cache(), help="folder for the packages (%(default)s)")
    steps = parser.add_mutually_exclusive_group()
    steps.add_argument("--prepare", type=_workspace_path, help="write this folder for mmdebstrap, and stop")
    steps.add_argument("--real", type=_workspace_path, help="the tar that --prepare's install.sh made")
    arguments = parser.parse_args(argv)
    lock = download.read_lock(arguments.lock)
    packages = download.fetch(lock, arguments.set, arguments.architecture, arguments.cache)
    if arguments.prepare:
        script = prepare(packages, arguments.architecture, arguments.prepare)
        tar = shlex.quote(str(script.with_name("real.tar")))
        print(f"as root, run sh {shlex.quote(str(script))}; then compare with --real {tar}")
        return 0
    with tempfile.TemporaryDirectory(prefix="compare", dir=arguments.cache) as folder:
        work = Path(folder)
        # apt reads the archive as its own user.
        work.chmod(0o755)
        made = install(dpkg.load_all(packages), arguments.architecture, ledger.Ledger(arguments.ledger), work)
        report.check(made.failures)
        real = comparison.load(arguments.real or _mmdebstrap(packages, arguments.architecture, work))
        left = {item.kind for item in made.world.left}
        known = [entry for entry in comparison.explanations() if not entry.left or entry.left in left]
        counts: Counter[str] = Counter()
        for difference in comparison.differences(made.world.root.tree, real):
            entry = next((entry for entry in known if entry.covers(difference)), None)
            if entry is None:
                print(difference)
                counts["none"] += 1
            else:
                counts[entry.why or f"left for the guest: {entry.left}"] += 1
        unexplained = counts.pop("none", 0)
        for why, count in sorted(counts.items()):
            print(f"{count} paths differ: {why}")
        print(f"{len(made.world.root.tree)} paths compared, {unexplained} differ without a reason")
    return 1 if unexplained else 0


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
        *(_SUITE, "real.tar", "repository/sources.list"),
    ]
    script = folder / "install.sh"
    script.write_text(
        "# Installs the packages of repository/ with mmdebstrap, into real.tar.\n"
        'cd "$(dirname "$0")" || exit\n'
        f'exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME" TMPDIR="$PWD" {shlex.join(command)}\n'
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
    done = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise ToolError(f"mmdebstrap ended with {done.returncode} ({last}); run it as root, or mend the set")
    return work / "real.tar"


def _workspace_path(text: str) -> Path:
    """A path of the command line; `bazel run` starts us elsewhere and says where the workspace is."""
    return Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", "")) / text


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "rules_system_image/packages"


if __name__ == "__main__":
    run(main)
