"""How many sets of one package build, each on top of a small systemd guest.

    tools/bazel run //tests/reach -- --list told --cache ~/reach --jobs 2

locks the sets of a list, fetches their packages into the cache, and makes a root filesystem of each. It
prints a line for each script that nothing understands, then what stopped sets by kind, and the counts. The
commands were written by the sets of `dev.txt`; reach is told by those of `told.txt`. The packages of
`random.txt` were drawn over all sections, 45 of all and 75 of those that need adduser, debconf, ucf or
systemd; 106 of these 120 were built when they were first seen.
"""

import argparse
import collections
import contextlib
import io
import json
import multiprocessing
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.testing.progress import told
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.debian import download
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.lock import main as locker
from tools.sysimage.rootfs import install

HERE = Path(__file__).parent
SETS = HERE.parent / "rootfs/sets.toml"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a set."""

    name: str
    packages: int
    seconds: float
    failures: tuple[str, ...] = ()  # one for each script that nothing understands


def build(name: str, packages: Sequence[LockedPackage], architecture: str, scratch: Path) -> Result:
    """Makes a root filesystem in memory."""
    started = time.monotonic()
    failures: tuple[str, ...] = ()
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), tempfile.TemporaryDirectory(dir=scratch) as folder:
            install.build(install.InstallInput(architecture, tuple(packages)), Path(folder))
    except ToolError as error:
        # Below each failure is, indented, the entry to add.
        lines = (line for line in printed.getvalue().splitlines() if line and not line.startswith(" "))
        failures = tuple(lines) or (str(error),)
    except Exception as error:
        failures = (f"{name}: bug: {type(error).__name__}: {error}",)
    return Result(name, len(packages), time.monotonic() - started, failures)


def kind(failure: str) -> str:
    """What stopped a script, without the package's own names."""
    for pattern in (
        r"nothing here knows what (\S+) does",
        r"(\S+: the option \S+ is not modelled)",
        r"the shell's builtin ('\w+')",
        r"is no shell script \((.*?)\)",
        r": (more than \d+ [\w ]+)",
        r"has the program (\S+)",
        r"(bug: .*)",
    ):
        if match := re.search(pattern, failure):
            return match[1]
    return re.sub(r"^\S+: ", "", failure)[:100]


def summary(results: Iterable[Result]) -> str:
    """The figures, and by kind what stopped how many sets."""
    results = list(results)
    stopped = [result for result in results if result.failures]
    kinds: dict[str, set[str]] = collections.defaultdict(set)
    for result in stopped:
        for failure in result.failures:
            kinds[kind(failure)].add(result.name)
    lines = [
        f"{len(names):4} {text}  ({', '.join(sorted(names)[:4])})"
        for text, names in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    built = len(results) - len(stopped)
    lines.append(f"{built} of {len(results)} sets build ({100 * built / max(1, len(results)):.1f} %)")
    return "\n".join(lines)


def lock(names: Sequence[str], cache: Path, name: str) -> Path:
    """Locks a set for each package, on top of vanilla. Returns the path of the lock."""
    base = SETS.read_text()
    manifest = cache / f"{name}.toml"
    # Archives, keys and vanilla are those of the sets that are compared with mmdebstrap.
    manifest.write_text(
        base[: base.index("[set.minbase]")]
        + "".join(
            f'[set.{_set(package)}]\nextends = "vanilla"\npackages = ["{package}"]\n\n' for package in names
        )
    )
    made = cache / f"{name}.lock.json"
    locker.main(["--manifest", str(manifest), "--lock", str(made)])
    return made


def _set(package: str) -> str:
    return "p_" + re.sub(r"\W", "_", package)


def main(argv: Sequence[str]) -> int:
    """Command line: see the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", default="told", help="told, dev or random, or the path of another list")
    parser.add_argument("--cache", type=Path, required=True, help="a folder for locks and packages")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="these packages of the list")
    parser.add_argument("--output", type=Path, help="write the results as JSON")
    parser.add_argument("--relock", action="store_true", help="take what the archive has today")
    arguments = parser.parse_args(argv)
    source = Path(arguments.list) if "/" in arguments.list else HERE / f"{arguments.list}.txt"
    arguments.cache.mkdir(parents=True, exist_ok=True)
    path = arguments.cache / f"{source.stem}.lock.json"
    if arguments.relock or not path.exists():
        path = lock(source.read_text().split(), arguments.cache, source.stem)
    locked = download.read_lock(path)
    results = []
    with ProcessPoolExecutor(arguments.jobs, multiprocessing.get_context("fork")) as pool:
        tasks = []
        names = arguments.only or source.read_text().split()
        for name in told(names, len(names), "sets fetched"):
            packages = download.fetch(locked, _set(name), "amd64", arguments.cache / "debs")
            tasks.append(pool.submit(build, name, packages, "amd64", arguments.cache))
        for task in told(tasks, len(tasks), "sets built"):
            result = task.result()
            results.append(result)
            for failure in result.failures:
                print(f"{result.name}: {failure}", flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps([asdict(result) for result in results], indent=1))
    print(summary(results))
    return 0


if __name__ == "__main__":
    run(main)
