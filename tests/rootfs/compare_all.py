"""Compares the root filesystems of all sets with real installations: a line a set, and a total.

    tests/rootfs/compare.sh --all [--sets NAME…] [--keep DIR] [--cache DIR] [--show LINES]

The sets are vanilla, those of sets.toml, for which each line of differences.toml that names them has to
explain something, and those of more_sets.toml. It needs root and mmdebstrap, some minutes a set, and 2 GB.
Below the total are the families of commands (tools/sysimage/commands) that no set calls. The exit status is 0
if all sets build, no path differs without a reason, and each family is called by some set. With --keep, real
installations are kept in DIR, and taken from there the next time.
"""

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.commands import registry
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.debian import download
from tools.sysimage.effects import ledger
from tools.sysimage.rootfs import comparison
from tools.sysimage.rootfs.compare import compare

_HERE = Path(__file__).parent
MORE = _HERE / "more_sets.lock.json"
LOCKS = (_HERE.parents[1] / "system_image/debian.lock.json", _HERE / "sets.lock.json", MORE)
"""Vanilla is the image's own, whose other sets are no root filesystems; of the rest the first lock counts."""
ARCHITECTURE = "amd64"
_HEAD = "set             packages    paths   differ  unexplained  families  seconds"


@dataclass(frozen=True, slots=True)
class Line:
    """What became of a set."""

    name: str
    packages: int
    paths: int = 0
    explained: Counter[str] = field(default_factory=Counter)  # why → paths
    unexplained: Sequence[str] = ()  # and what has to be mended beside: a line each
    called: Counter[str] = field(default_factory=Counter)  # command → calls
    seconds: float = 0.0

    def __str__(self) -> str:
        differ = self.explained.total() + len(self.unexplained)
        return (
            f"{self.name:<15}{self.packages:>9}{self.paths:>9}{differ:>9}{len(self.unexplained):>13}"
            f"{len(families(self.called)):>10}{self.seconds:>9.0f}"
        )


def families(called: Counter[str]) -> dict[str, int]:
    """The families that were called, and how often."""
    counts = {family: sum(called[name] for name in registry.commands(family)) for family in registry.FAMILIES}
    return {name: count for name, count in counts.items() if count}


def total(lines: Iterable[Line]) -> Line:
    """The sums of all."""
    lines = list(lines)
    return Line(
        "total",
        sum(line.packages for line in lines),
        sum(line.paths for line in lines),
        sum((line.explained for line in lines), Counter()),
        [text for line in lines for text in line.unexplained],
        sum((line.called for line in lines), Counter()),
        sum(line.seconds for line in lines),
    )


def locks_of_sets() -> dict[str, Path]:
    """The lock of each set that is compared."""
    found = {"vanilla": LOCKS[0]}
    for path in LOCKS[1:]:
        for name, entry in download.read_lock(path)["sets"].items():
            if ARCHITECTURE in entry["packages"]:
                found.setdefault(name, path)
    return found


def one(name: str, path: Path, cache: Path, keep: Path | None) -> Line:
    """Compares a set of a lock."""
    started = time.monotonic()
    packages = download.fetch(download.read_lock(path), name, ARCHITECTURE, cache / "debs")
    # Of these sets it is known by each path what differs; of others by what is left for the guest, too.
    strict = path != MORE
    known = comparison.explanations(name) if strict else None
    with tempfile.TemporaryDirectory(prefix="compare.", dir=cache) as work:
        real = keep / f"{name}.tar" if keep else None
        try:
            made = compare(packages, ARCHITECTURE, ledger.Ledger(()), Path(work), known=known, real=real)
        except ToolError as error:
            return Line(name, len(packages), unexplained=[str(error)], seconds=time.monotonic() - started)
    texts = list(made.unexplained)
    if strict:
        texts += [f"explains nothing any more: {entry.patterns[0].text}" for entry in made.unused]
    seconds = time.monotonic() - started
    return Line(name, len(packages), made.paths, Counter(made.explained), texts, made.world.called, seconds)


def main(argv: Sequence[str]) -> int:
    """Command line: see the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="*", help="these sets only; families are then not judged")
    parser.add_argument("--keep", type=_path, help="a folder for mmdebstrap's tars")
    parser.add_argument("--cache", type=_path, default=Path("/var/tmp/compare_all"), help="(%(default)s)")
    parser.add_argument("--show", type=int, default=20, help="lines of unexplained paths of a set")
    arguments = parser.parse_args(argv)
    where = locks_of_sets()
    wanted = arguments.sets or list(where)
    for folder in filter(None, (arguments.cache, arguments.keep)):
        folder.mkdir(parents=True, exist_ok=True)
    print(_HEAD, flush=True)
    lines = []
    for name in wanted:
        lines.append(one(name, where[name], arguments.cache, arguments.keep))
        print(lines[-1], *lines[-1].unexplained[: arguments.show], sep="\n    ", flush=True)
    everything = total(lines)
    print(everything)
    for why, count in everything.explained.most_common():
        print(f"{count} paths differ: {why}")
    known = set(registry.FAMILIES)
    missing = sorted(known - families(everything.called).keys())
    if not arguments.sets:
        print(f"{len(known) - len(missing)} of {len(known)} families of commands are called by some set")
        print("".join(f"no set calls {name}\n" for name in missing), end="")
    return 1 if everything.unexplained or (missing and not arguments.sets) else 0


def _path(text: str) -> Path:
    """A path of the command line; `bazel run` starts us elsewhere and says where the user stood."""
    return Path(os.environ.get("BUILD_WORKING_DIRECTORY", "")) / text


if __name__ == "__main__":
    run(main)
