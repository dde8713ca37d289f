"""Programs of systemd at work on generated trees in a folder, beside ours on the same trees in memory.

    python3 tests/systemd/differential.py KIND COUNT [SEED [PROCESSES]]

compares COUNT cases of a kind by hand (`tools/bazel run //tests/systemd:differential -- KIND COUNT`). More
processes than 2 are of use on a machine that is busy: a case mostly waits for the program.
"""

import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from tests.commands import judge
from tests.systemd import fork_server
from tests.testing.debs import Folder, Link, Node
from tests.testing.progress import told
from tests.testing.roots import inode
from tools.sysimage.core import tree as trees
from tools.sysimage.core.tree import Tree

KINDS = {
    "alternatives": "tests.commands.alternatives",
    "exec_lines": "tests.systemd.exec_lines",
    "packages": "tests.debian.packages",
    "relations": "tests.debian.relations",
    "sysusers_lines": "tests.systemd.sysusers_lines",
    "tmpfiles_lines": "tests.systemd.tmpfiles_lines",
    "units": "tests.systemd.units",
}
_SECONDS = 30
_CHUNK = 50  # cases that a process takes at a time, those that one call compares counted singly
SERVED = "FORK_SERVER"  # the library that makes a program a server; unset, each case starts it anew
_FAST = "/dev/shm"  # where making and removing a folder takes no disk


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call left: whether it went well, its output, and all paths of the tree.

    `said` is what a program said beside its output, for the reasons of exceptions alone.
    """

    good: bool
    output: str
    paths: Mapping[str, str]
    said: str = ""


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
    exceptions: Counter[str] = field(default_factory=Counter[str])
    differences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Adds what came of other cases."""
        self.agreed += other.agreed
        self.refused += other.refused
        self.exceptions += other.exceptions
        self.differences += other.differences


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of cases: how one is made, what the real program does with it, and what ours does.

    `excepted` names the reason why a difference is meant, "" if it is not. `each` counts what a case has.
    """

    case: Callable[[random.Random], Case]
    real: Callable[[Path, Case], Outcome]
    ours: Callable[[Case], Outcome]
    excepted: Callable[[Case, Outcome, Outcome], str]
    each: int = 1


def call(
    root: Path, program: str, *words: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a program of vanilla's systemd with the option --root; with `environment`, without."""
    option = [f"--root={root}"] if environment is None else []
    loader, path_option, libraries, *rest = judge.argv(program)
    argv = (loader, path_option, f"{libraries}:{libraries}/systemd", *rest)
    variables = {
        "PATH": os.defpath,
        **judge.locale(),
        "SOURCE_DATE_EPOCH": "0",
        "HOME": str(root),
        "XDG_RUNTIME_DIR": str(root.parent),
        "SYSTEMD_LOG_LEVEL": "warning",
        "SYSTEMD_LOG_COLOR": "0",
        **(environment or {}),
    }
    if preload := os.environ.get(SERVED):
        return fork_server.start(argv, preload).run([*option, *words], variables)
    return subprocess.run(
        [*argv, *option, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env=variables,
        timeout=_SECONDS,
        check=False,
        umask=0o022,
    )


def lay(root: Path, files: Mapping[str, Node]) -> None:
    """Makes the paths in a folder."""
    # By os alone: this is done for each of 100,000 cases.
    there = {str(root)}
    for path, node in files.items():
        place = f"{root}/{path}"
        _make_folder(place.rpartition("/")[0], there)
        if isinstance(node, Folder):
            _make_folder(place, there)
            os.chmod(place, node.mode)
        elif isinstance(node, Link):
            os.symlink(node.target, place)
        else:
            made = inode(node)
            file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.write(file, made.read())
            os.fchmod(file, made.mode)
            os.close(file)


def _make_folder(path: str, there: set[str]) -> None:
    if path not in there:
        _make_folder(path.rpartition("/")[0], there)
        os.mkdir(path)
        there.add(path)


def tree(files: Mapping[str, Node]) -> Tree:
    """The same paths in memory."""
    made = Tree()
    for path, node in files.items():
        made.add(path, inode(node))
    return made


def on_disk(root: Path, *, owners: bool = False) -> dict[str, str]:
    """What is below a folder."""
    found: dict[str, str] = {}
    folders = [str(root)]
    while folders:
        with suppress(PermissionError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                who = f" {status.st_uid}:{status.st_gid}" if owners else ""
                mode = f"{status.st_mode & 0o7777:o}{who}"
                name = entry.path[len(str(root)) + 1 :]
                if entry.is_symlink():
                    found[name] = f"link {os.readlink(entry.path)}{who}"
                elif entry.is_dir():
                    found[name] = f"dir {mode}"
                    folders.append(entry.path)
                elif entry.is_file():
                    if not status.st_mode & 0o400:
                        os.chmod(entry.path, 0o600)
                    file = os.open(entry.path, os.O_RDONLY)
                    found[name] = f"file {mode} {os.read(file, status.st_size + 1)!r}"
                    os.close(file)
                else:
                    found[name] = f"fifo {mode}"
    return found


def in_memory(made: Tree, *, owners: bool = False) -> dict[str, str]:
    """What is in a tree, in the same words."""
    found: dict[str, str] = {}
    for path, node in made.walk():
        who = f" {node.uid}:{node.gid}" if owners else ""
        mode = f"{node.mode:o}{who}"
        if node.kind is trees.Kind.SYMLINK:
            found[path] = f"link {node.target}{who}"
        elif node.kind is trees.Kind.DIRECTORY:
            found[path] = f"dir {mode}"
        elif node.kind is trees.Kind.FILE:
            found[path] = f"file {mode} {node.read()!r}"
        else:
            found[path] = f"fifo {mode}"
    found.pop("", None)
    return found


def compare(kind: Kind, count: int, seed: int = 0, processes: int = 2) -> Tally:
    """Compares `count` cases."""
    judge.root()  # The processes share it.
    cases = -(-count // kind.each)
    chunk = max(1, _CHUNK // kind.each)
    todo = [(kind, seed, range(start, min(start + chunk, cases))) for start in range(0, cases, chunk)]
    tally = Tally()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for part in told(pool.imap(_compare, todo), len(todo), f"parts of {count} cases"):
            tally.add(part)
    return tally


def _compare(todo: tuple[Kind, int, range]) -> Tally:
    kind, seed, numbers = todo
    tally = Tally()
    for number in numbers:
        made = kind.case(random.Random(f"{seed}:{number}"))
        folder = Path(tempfile.mkdtemp(prefix="root", dir=_FAST if os.access(_FAST, os.W_OK) else None))
        try:
            lay(folder, made.files)
            theirs = kind.real(folder, made)
        finally:
            shutil.rmtree(folder, onexc=_force)
        mine = kind.ours(made)
        if (mine.good, mine.output, mine.paths) == (theirs.good, theirs.output, theirs.paths):
            tally.agreed += 1
            tally.refused += not mine.good
        elif reason := kind.excepted(made, theirs, mine):
            tally.exceptions[reason] += 1
        else:
            tally.differences.append(_difference(seed, number, made, theirs, mine))
    return tally


def agree(kind: Kind, count: int = 3000) -> None:
    """Asserts that so many cases agree, and that hardly one is an exception."""
    tally = compare(kind, count)
    assert not tally.differences, "\n".join(tally.differences[:5])
    assert tally.exceptions.total() <= count // kind.each // 20, tally.exceptions
    assert tally.agreed + tally.exceptions.total() == -(-count // kind.each)


def _force(function: Callable[[str], object], path: str, _error: BaseException) -> None:
    Path(path).parent.chmod(0o700)
    if Path(path).is_dir() and not Path(path).is_symlink():
        Path(path).chmod(0o700)
        shutil.rmtree(path, onexc=_force)
    elif function is not os.rmdir:
        function(path)


def _difference(seed: int, number: int, case: Case, theirs: Outcome, mine: Outcome) -> str:
    lines = [f"case {seed}:{number}: {case.given}"]
    lines += [f"  {path}: {node!r}" for path, node in case.files.items() if not path.endswith(".deb")]
    lines += [f"  real {theirs.good} {theirs.output!r}", f"  ours {mine.good} {mine.output!r}"]
    for path in sorted({*theirs.paths, *mine.paths}):
        if theirs.paths.get(path) != mine.paths.get(path):
            lines.append(f"  {path}: real {theirs.paths.get(path)}; ours {mine.paths.get(path)}")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Compares many cases of a kind; 1 if some differ."""
    name, count, seed = argv[0], int(argv[1]), int(argv[2]) if len(argv) > 2 else 0
    kind: Kind = import_module(KINDS[name]).KIND
    os.environ[SERVED] = fork_server.prepare()
    tally = compare(kind, count, seed, int(argv[3]) if len(argv) > 3 else 2)
    for text in tally.differences[:20]:
        print(text)
    exceptions = "; ".join(f"{reason}: {number}" for reason, number in tally.exceptions.items())
    more = f" of {kind.each} each" if kind.each > 1 else ""
    print(
        f"{name}: {count} in {-(-count // kind.each)} cases{more}, {tally.agreed} agree ({tally.refused} "
        f"refused by both), {len(tally.differences)} differ; exceptions: {exceptions or 'none'}"
    )
    return bool(tally.differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
