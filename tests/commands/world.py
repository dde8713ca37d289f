"""A small tree in which tests run scripts with the commands of maintainer scripts."""

from dataclasses import dataclass

from tools.sysimage.commands.maintainer import Programs
from tools.sysimage.commands.shell_script import search
from tools.sysimage.commands.world import World
from tools.sysimage.core.tree import Inode, Kind, Tree, directory, file
from tools.sysimage.debian.unpack import Unpacker
from tools.sysimage.effects.root import Root
from tools.sysimage.scripts import shell as shells
from tools.sysimage.scripts.limits import Limits
from tools.sysimage.scripts.machine import Machine


@dataclass(frozen=True)
class Outcome:
    """What a script did: its output, its status, and what is below /work."""

    stdout: bytes
    status: int
    files: dict[str, str]


def world(files: dict[str, bytes] | None = None) -> World:
    """A world with an empty /work, and these files by their paths; every command is there (`bootstrap`)."""
    tree = Tree()
    tree.add("work", directory())
    tree.add("tmp", directory(0o1777))
    for path, data in (files or {}).items():
        tree.add(path, file(data))
    root = Root(tree, "amd64", Unpacker(tree))
    made = World(root)
    made.bootstrap = True
    return made


def run(
    made: World,
    script: bytes,
    directory: str = "/",
    limits: Limits | None = None,
    *,
    bash: bool = False,
) -> tuple[int, bytes, bytes]:
    """Runs a script in a world. Returns its status, its output and its complaints."""
    machine = machine_of(made, directory, limits)
    machine.bash, machine.search = bash, search
    status = shells.run(machine, script, "script")
    return status, shells.output(machine, 1), shells.output(machine, 2)


def machine_of(made: World, directory: str = "/", limits: Limits | None = None) -> Machine:
    """A shell in a world."""
    variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    find = Programs(made).find
    return shells.shell(made.files, find, variables=variables, directory=directory, limits=limits)


def interpret(
    script: bytes,
    files: dict[str, bytes] | None = None,
    limits: Limits | None = None,
    *,
    bash: bool = False,
) -> Outcome:
    """Runs a script in /work, which has these files."""
    made = world({f"work/{name}": data for name, data in (files or {}).items()})
    status, stdout, _ = run(made, script, "/work", limits, bash=bash)
    return Outcome(stdout, status, _snapshot(made.root.tree))


def _snapshot(tree: Tree) -> dict[str, str]:
    result: dict[str, str] = {}
    names: dict[int, str] = {}
    for path, inode in tree.walk("work"):
        key = path.removeprefix("work/")
        if path != "work":
            result[key] = _describe(inode, key, names)
    return result


def _describe(inode: Inode, key: str, names: dict[int, str]) -> str:
    if inode.kind is Kind.SYMLINK:
        return f"link {inode.target}"
    if inode.kind is Kind.DIRECTORY:
        return f"dir {inode.mode:o}"
    if inode.kind is Kind.FILE:
        first = names.setdefault(id(inode), key)
        return f"is {first}" if first != key else f"file {inode.mode:o} {inode.read()!r}"
    return f"other {inode.mode:o}"
