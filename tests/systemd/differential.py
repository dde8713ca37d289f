"""Programs of systemd at work on generated trees in a folder, beside ours on the same trees in memory.

    python3 tests/systemd/differential.py KIND COUNT [SEED]

compares COUNT cases of a kind by hand (`tools/bazel run //tests/systemd:differential -- KIND COUNT`).
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.commands import judge
from tests.testing.debs import Folder, Link, Node
from tests.testing.roots import inode
from tools.sysimage.core.tree import Kind, Tree

KINDS = ("units", "exec_lines", "sysusers_lines", "tmpfiles_lines")
_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call left: whether it went well, its output, and all paths of the tree."""

    good: bool
    output: str
    paths: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """A tree, and what is asked of a program; `given` is what a kind's own code makes of it."""

    files: Mapping[str, Node]
    given: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """How a comparison went: cases that agree, both refused among them; exceptions by name; differences."""

    agreed: int = 0
    refused: int = 0
    exceptions: Counter[str] | None = None
    differences: list[str] | None = None


def call(
    root: Path, program: str, *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program of vanilla's systemd with the option --root; with `environment`, without."""
    option = [f"--root={root}"] if environment is None else []
    loader, path_option, libraries, *rest = judge.argv(program)
    return subprocess.run(
        [loader, path_option, f"{libraries}:{libraries}/systemd", *rest, *option, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env={
            "PATH": os.defpath,
            **judge.locale(),
            "SOURCE_DATE_EPOCH": "0",
            "HOME": str(root),
            "XDG_RUNTIME_DIR": str(root.parent),
            "SYSTEMD_LOG_LEVEL": "warning",
            "SYSTEMD_LOG_COLOR": "0",
            **(environment or {}),
        },
        timeout=_SECONDS,
        check=False,
        umask=0o022,
    )


def lay(root: Path, files: Mapping[str, Node]) -> None:
    """Makes the paths in a folder."""
    for path, node in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(node, Folder):
            place.mkdir(exist_ok=True)
            place.chmod(node.mode)
        elif isinstance(node, Link):
            place.symlink_to(node.target)
        else:
            made = inode(node)
            place.write_bytes(made.read())
            place.chmod(made.mode)


def tree(files: Mapping[str, Node]) -> Tree:
    """The same paths in memory."""
    made = Tree()
    for path, node in files.items():
        made.add(path, inode(node))
    return made


def on_disk(root: Path, *, owners: bool = False) -> dict[str, str]:
    """What is below a folder."""
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        who = f" {status.st_uid}:{status.st_gid}" if owners else ""
        mode = f"{status.st_mode & 0o7777:o}{who}"
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"link {path.readlink()}{who}"
        elif path.is_dir():
            found[name] = f"dir {mode}"
        elif path.is_file():
            if not status.st_mode & 0o400:
                path.chmod(0o600)
            found[name] = f"file {mode} {path.read_bytes()!r}"
        else:
            found[name] = f"fifo {mode}"
    return found


def in_memory(made: Tree, *, owners: bool = False) -> dict[str, str]:
    """What is in a tree, in the same words."""
    found: dict[str, str] = {}
    for path, node in made.walk():
        who = f" {node.uid}:{node.gid}" if owners else ""
        mode = f"{node.mode:o}{who}"
        if node.kind is Kind.SYMLINK:
            found[path] = f"link {node.target}{who}"
        elif node.kind is Kind.DIRECTORY:
            found[path] = f"dir {mode}"
        elif node.kind is Kind.FILE:
            found[path] = f"file {mode} {node.read()!r}"
        else:
            found[path] = f"fifo {mode}"
    found.pop("", None)
    return found


def compare(
    case: Callable[[random.Random], Case],
    real: Callable[[Path, Case], Outcome],
    ours: Callable[[Case], Outcome],
    excepted: Callable[[Case, Outcome, Outcome], str],
    count: int,
    seed: int = 0,
) -> Tally:
    """Compares cases. `excepted` names the reason why a difference is meant, "" if it is not."""
    tally = Tally(exceptions=Counter(), differences=[])
    assert tally.exceptions is not None
    assert tally.differences is not None

    def one(number: int) -> tuple[int, Case, Outcome]:
        made = case(random.Random(f"{seed}:{number}"))
        folder = Path(tempfile.mkdtemp(prefix="root"))
        try:
            lay(folder, made.files)
            return number, made, real(folder, made)
        finally:
            shutil.rmtree(folder, onexc=_force)

    with ThreadPoolExecutor(2) as pool:
        for number, made, theirs in _batches(pool, one, count):
            mine = ours(made)
            if (mine.good, mine.output, mine.paths) == (theirs.good, theirs.output, theirs.paths):
                tally.agreed += 1
                tally.refused += not mine.good
            elif reason := excepted(made, theirs, mine):
                tally.exceptions[reason] += 1
            else:
                tally.differences.append(_difference(seed, number, made, theirs, mine))
    return tally


def _force(function: Callable[[str], object], path: str, _error: BaseException) -> None:
    Path(path).parent.chmod(0o700)
    if Path(path).is_dir() and not Path(path).is_symlink():
        Path(path).chmod(0o700)
        shutil.rmtree(path, onexc=_force)
    elif function is not os.rmdir:
        function(path)


def _batches[T](pool: ThreadPoolExecutor, one: Callable[[int], T], count: int) -> Iterator[T]:
    for start in range(0, count, 500):
        yield from pool.map(one, range(start, min(start + 500, count)))


def _difference(seed: int, number: int, case: Case, theirs: Outcome, mine: Outcome) -> str:
    lines = [f"case {seed}:{number}: {case.given}"]
    lines += [f"  {path}: {node!r}" for path, node in case.files.items()]
    lines += [f"  real {theirs.good} {theirs.output!r}", f"  ours {mine.good} {mine.output!r}"]
    for path in sorted({*theirs.paths, *mine.paths}):
        if theirs.paths.get(path) != mine.paths.get(path):
            lines.append(f"  {path}: real {theirs.paths.get(path)}; ours {mine.paths.get(path)}")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Compares many cases of a kind; 1 if some differ."""
    kind, count, seed = argv[0], int(argv[1]), int(argv[2]) if len(argv) > 2 else 0
    module = import_module(f"tests.systemd.{kind}")
    tally: Tally = module.compare(count, seed)
    for text in (tally.differences or [])[:20]:
        print(text)
    exceptions = "; ".join(f"{reason}: {number}" for reason, number in (tally.exceptions or {}).items())
    print(
        f"{kind}: {count} cases, {tally.agreed} agree ({tally.refused} refused by both), "
        f"{len(tally.differences or ())} differ; exceptions: {exceptions or 'none'}"
    )
    return bool(tally.differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
