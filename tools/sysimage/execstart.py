"""Checks that the programs that services start are in the image: ExecStart= of systemd.service(5)."""

import re
import shlex
from collections.abc import Iterable, Iterator

from tools.sysimage.errors import ToolError
from tools.sysimage.tree import Kind, Tree

_CONFIG = "etc/systemd/system"
# Where systemd looks for units, the first wins; and for programs that are named without a folder.
_UNITS = (_CONFIG, "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
_PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin")
_PREFIXES = "@-:+!|"


def units_of(tree: Tree, enabled: Iterable[str]) -> list[str]:
    """The services that an image's owner answers for: files below /etc/systemd/system, and `enabled`.

    Others are the packages' business, some of which start programs only where they are installed.
    """
    own = {
        path.rpartition("/")[2]
        for path in tree.children(_CONFIG)
        if path.endswith(".service") and tree[path].kind is Kind.FILE
    }
    named = {name if re.search(r"\.\w+$", name) else f"{name}.service" for name in enabled}
    return sorted(own | {name for name in named if name.endswith(".service")})


def check(tree: Tree, names: Iterable[str]) -> None:
    """Raises ToolError if a service starts a program that the tree lacks, or that can't be executed.

    A command that may fail ("-" before it), or whose program is only known at boot (a specifier), is
    passed over.
    """
    for name in names:
        for command in _commands(tree, name):
            problem = _problem(tree, command)
            if problem:
                raise ToolError(f"{name}: ExecStart={command}: {problem}; add the program, or mend the unit")


def _problem(tree: Tree, command: str) -> str:
    rest = command.lstrip(_PREFIXES)
    prefixes = command[: len(command) - len(rest)]
    try:
        program = shlex.split(rest)[0]
    except ValueError, IndexError:
        return "is no command"
    if "-" in prefixes or "%" in program:
        return ""
    paths = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in _PATH]
    inodes = [inode for path in paths if (inode := tree.find(path)) is not None]
    if not inodes:
        return f"{program} is neither in the base nor in what is added"
    if inodes[0].kind is not Kind.FILE or not inodes[0].mode & 0o111:
        return f"{program} is in the image, but can't be executed"
    return ""


def _commands(tree: Tree, name: str) -> list[str]:
    commands: list[str] = []
    for text in _texts(tree, name):
        section = ""
        for line in re.sub(r"\\\n", " ", text).splitlines():
            key, equals, value = (part.strip() for part in line.partition("="))
            if line.startswith("["):
                section = line.strip()
            elif section == "[Service]" and equals and key == "ExecStart":
                if not value:
                    commands.clear()  # an empty one takes back what came before
                else:
                    commands.append(value)
    return commands


def _texts(tree: Tree, name: str) -> Iterator[str]:
    """A unit's file and its drop-ins; nothing for a unit that is masked."""
    template = re.sub(r"@.*(\.\w+)$", r"@\1", name)
    for candidate in dict.fromkeys((name, template)):
        for folder in _UNITS:
            inode = tree.find(f"{folder}/{candidate}")
            if inode is not None and inode.kind is Kind.FILE:
                yield _decode(inode.read())
                yield from _drop_ins(tree, (template, name))
                return
            if f"{folder}/{candidate}" in tree:
                return


def _drop_ins(tree: Tree, names: Iterable[str]) -> Iterator[str]:
    # One file name counts once, from the folder that comes first; all are read in the names' order.
    found: dict[str, str] = {}
    for folder in reversed(_UNITS):
        for name in names:
            for path in tree.children(tree.resolve(f"{folder}/{name}.d")):
                if path.endswith(".conf"):
                    found[path.rpartition("/")[2]] = path
    for _, path in sorted(found.items()):
        inode = tree.find(path)
        if inode is not None and inode.kind is Kind.FILE:
            yield _decode(inode.read())


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
