"""Checks that the programs that services start are in the image: ExecStart= of systemd.service(5)."""

import re
import shlex
from collections.abc import Iterable, Iterator

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.systemd import unit_file

_CONFIG = "etc/systemd/system"
# Where systemd looks for units, the first wins; and for programs that are named without a folder.
_UNITS = (_CONFIG, "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
_PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin")
_PREFIXES = "@-:+!|"
_KEYS = frozenset({"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost"})


def check(tree: Tree, own: Iterable[str], enabled: Iterable[str]) -> None:
    """Raises ToolError if a service starts a program that the tree lacks, or that can't be executed.

    All services of the tree are checked. Of those that packages brought, one that starts under conditions
    only (systemd.unit(5)) is passed over: packages have such for programs that may not be installed. It does
    not help those of the image's owner: what the paths in `own` bring, what is below /etc/systemd/system,
    what is named in `enabled`. Passed over are, too, a command that may fail ("-" before it), and one whose
    program is only known at boot (a specifier).
    """
    owned = {name if re.search(r"\.\w+$", name) else f"{name}.service" for name in enabled}
    owned |= {_unit_of(path) for path in own}
    owned |= {_unit_of(path) for path in tree.children(_CONFIG) if tree[path].kind is Kind.FILE}
    everything = {
        path.rpartition("/")[2] for folder in _UNITS for path in tree.children(tree.resolve(folder))
    }
    for name in sorted(name for name in owned | everything if name.endswith(".service")):
        texts = list(_texts(tree, name))
        try:
            if name not in owned and _has_conditions(texts):
                continue
            commands = _commands(texts)
        except unit_file.UnitSyntaxError as error:
            raise ToolError(f"{name}: {error}; mend the unit") from error
        for key, command in commands:
            problem = _problem(tree, command)
            if problem:
                raise ToolError(f"{name}: {key}={command}: {problem}; add the program, or mend the unit")


def _unit_of(path: str) -> str:
    """The name of the unit that a path in a folder of units, or a drop-in of one, is about."""
    above, _, name = path.rpartition("/")
    return above.rpartition("/")[2].removesuffix(".d") if above.endswith(".service.d") else name


def _problem(tree: Tree, command: str) -> str:
    rest = command.strip().lstrip(_PREFIXES)
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


def _commands(texts: Iterable[str]) -> list[tuple[str, str]]:
    """What has to run for the service to start: each key with its command."""
    found: list[tuple[str, str]] = []
    for line in (line for text in texts for line in unit_file.assignments(text)):
        if line.section != "Service" or line.key not in _KEYS:
            continue
        if not line.value:
            # An empty one takes back what came before.
            found = [(other, command) for other, command in found if other != line.key]
        found += [(line.key, command) for command in unit_file.commands(line.value)]
    return found


def _has_conditions(texts: Iterable[str]) -> bool:
    lines = (line for text in texts for line in unit_file.assignments(text))
    return any(line.section == "Unit" and line.key.startswith(("Condition", "Assert")) for line in lines)


def _texts(tree: Tree, name: str) -> Iterator[str]:
    """A unit's file and its drop-ins; nothing for a unit that is masked."""
    template = re.sub(r"@.*(\.\w+)$", r"@\1", name)
    for candidate in dict.fromkeys((name, template)):
        for folder in _UNITS:
            inode = tree.find(f"{folder}/{candidate}")
            if inode is not None and inode.kind is Kind.FILE:
                yield _decode(inode.read())
                yield from _drop_ins(tree, name)
                return
            if f"{folder}/{candidate}" in tree:
                return


def _levels(name: str) -> list[str]:
    """Whose drop-ins a service has, its own first: a-b@c.service has those of a-b@, a-@ and a-@c, too."""
    stem, at, instance = name.removesuffix(".service").partition("@")
    found = [name]
    if instance:
        found += _levels(f"{stem}@.service")
    if shorter := stem.rstrip("-").rpartition("-")[0]:
        found += _levels(f"{shorter}-{at}{instance}.service")
    return list(dict.fromkeys(found))


def _drop_ins(tree: Tree, name: str) -> Iterator[str]:
    # Of one file name the last counts that is found here: those for all services are behind all others, then
    # the folder counts before the name. All that are left are read in the files' order.
    names = _levels(name)
    places = [f"{folder}/service.d" for folder in reversed(_UNITS)]
    places += [f"{folder}/{level}.d" for folder in reversed(_UNITS) for level in reversed(names)]
    found: dict[str, str] = {}
    for place in places:
        for path in tree.children(tree.resolve(place)):
            if path.endswith(".conf"):
                found[path.rpartition("/")[2]] = path
    for _, path in sorted(found.items()):
        inode = tree.find(path)
        if inode is not None and inode.kind is Kind.FILE:
            yield _decode(inode.read())


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
