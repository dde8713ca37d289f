"""Checks that the programs that services start are in the image: ExecStart= of systemd.service(5)."""

import re
from collections.abc import Iterable, Iterator

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.systemd import unit_file, unit_loads, unit_names
from tools.sysimage.systemd.exec_lines import Command
from tools.sysimage.systemd.unit_loads import Source

_CONFIG = "etc/systemd/system"
# The last is that of a tree whose /lib is a folder of its own.
_UNITS = (*unit_names.FOLDERS, "lib/systemd/system")
# Where systemd looks for programs that are named without a folder.
_PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin")
_LOADED = (".service", ".socket", ".timer", ".path", ".mount")
_KEYS = frozenset({"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost"})


def check(tree: Tree, own: Iterable[str], enabled: Iterable[str]) -> None:
    """Raises ToolError if a service starts a program that the tree lacks, or that can't be executed.

    All services of the tree are checked. Of those that packages brought, one that starts under conditions
    only (systemd.unit(5)) is passed over: packages have such for programs that may not be installed. It does
    not help those of the image's owner: what the paths in `own` bring, what is below /etc/systemd/system,
    what is named in `enabled`. Passed over are, too, a command that may fail ("-" before it), and one whose
    program is only known at boot (a specifier).

    A unit of the paths in `own` that systemd would not load is an error as well (see `unit_loads`).
    """
    brought = {name for path in own if (name := _unit_of(path)).endswith(_LOADED)}
    owned = brought | {name if re.search(r"\.\w+$", name) else f"{name}.service" for name in enabled}
    owned |= {_unit_of(path) for path in tree.children(_CONFIG) if tree[path].kind is Kind.FILE}
    for name in sorted(name for name in owned | set(paths(tree)) if name.endswith(_LOADED)):
        files = list(sources(tree, name))
        try:
            if name in brought and (problem := unit_loads.problem(name, files)):
                raise ToolError(f"{name}: systemd would not load it: {problem}")
            if not name.endswith(".service") or (name not in owned and _has_conditions(files)):
                continue
            commands = list(unit_loads.commands(name, files))
        except unit_file.UnitSyntaxError as error:
            raise ToolError(f"{name}: {error}; mend the unit") from error
        for key, value, command in commands:
            missing = _missing(tree, command) if key in _KEYS else ""
            if missing:
                raise ToolError(f"{name}: {key}={value}: {missing}; add the program, or mend the unit")


def folders(tree: Tree) -> list[str]:
    """The folders of units, the one that counts most first; each once, whatever links lead to it."""
    return list(dict.fromkeys(tree.resolve(folder) for folder in _UNITS))


def paths(tree: Tree) -> dict[str, str]:
    """All that is in the folders of units, by name: of one name, what systemd reads."""
    found: dict[str, str] = {}
    for folder in folders(tree):
        for path in tree.children(folder):
            found.setdefault(path.rpartition("/")[2], path)
    return found


def _unit_of(path: str) -> str:
    """The name of the unit that a path in a folder of units, or a drop-in of one, is about; "" for others."""
    above, _, name = path.rpartition("/")
    if above in _UNITS:
        return name
    folder, _, last = above.rpartition("/")
    return last.removesuffix(".d") if folder in _UNITS and last.endswith(".service.d") else ""


def _missing(tree: Tree, command: Command) -> str:
    program = command.program
    if command.may_fail or not program:
        return ""
    paths = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in _PATH]
    inodes = [inode for path in paths if (inode := tree.find(path)) is not None]
    if not inodes:
        return f"{program} is neither in the base nor in what is added"
    if inodes[0].kind is not Kind.FILE or not inodes[0].mode & 0o111:
        return f"{program} is in the image, but can't be executed"
    return ""


def _has_conditions(sources: Iterable[Source]) -> bool:
    lines = (line for source in sources for line in unit_file.assignments(source.text))
    return any(line.section == "Unit" and line.key.startswith(("Condition", "Assert")) for line in lines)


def sources(tree: Tree, name: str) -> Iterator[Source]:
    """A unit's file and its drop-ins; nothing for a unit that is masked."""
    template = unit_names.template_of(name)
    for candidate in dict.fromkeys((name, template)):
        for folder in folders(tree):
            path = f"{folder}/{candidate}"
            inode = tree.find(path)
            if inode is not None and inode.kind is Kind.FILE:
                if inode.content.size:
                    yield Source(path, _decode(inode.read()))
                    yield from _drop_ins(tree, name)
                return
            if path in tree:
                return


def _levels(name: str, suffix: str) -> list[str]:
    """Whose drop-ins a unit has, its own first: a-b@c.service has those of a-b@, a-@ and a-@c, too."""
    stem, at, instance = name.removesuffix(suffix).partition("@")
    found = [name]
    if instance:
        found += _levels(f"{stem}@{suffix}", suffix)
    if shorter := stem.rstrip("-").rpartition("-")[0]:
        found += _levels(f"{shorter}-{at}{instance}{suffix}", suffix)
    return list(dict.fromkeys(found))


def _drop_ins(tree: Tree, name: str) -> Iterator[Source]:
    # Of one file name the last counts that is found here: those for all services are behind all others, then
    # the folder counts before the name. All that are left are read in the files' order.
    suffix = unit_names.suffix_of(name)
    names = _levels(name, suffix)
    lowest = folders(tree)[::-1]
    places = [f"{folder}/{suffix[1:]}.d" for folder in lowest]
    places += [f"{folder}/{level}.d" for folder in lowest for level in reversed(names)]
    found: dict[str, str] = {}
    for place in places:
        for path in tree.children(tree.resolve(place)):
            if path.endswith(".conf"):
                found[path.rpartition("/")[2]] = path
    for _, path in sorted(found.items()):
        inode = tree.find(path)
        if inode is not None and inode.kind is Kind.FILE:
            yield Source(path, _decode(inode.read()))


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
