"""Enabling, disabling, masking and presetting units in a root filesystem: what systemctl(1) does by itself.

The rules are those of systemd's install.c: a unit is looked for in each folder by its name, then by its
template's; its [Install] section and its drop-ins say which links enabling makes.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import Kind
from tools.sysimage.systemd import unit_file

SUFFIXES = (
    *(".service", ".socket", ".target", ".timer", ".path", ".mount", ".automount", ".swap", ".slice"),
    *(".device", ".scope"),
)
_SEARCH = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
# Where systemd of before 255 has its own units; the folder is the same one if / is merged into /usr.
_SPLIT, _MERGED = "lib/systemd/system", "usr/lib/systemd/system"
_SHIPPED = "var/lib/dpkg/info/systemd.list"
WANTING = {"WantedBy": "wants", "RequiredBy": "requires", "UpheldBy": "upholds"}
_MAY_ALIAS = (".service", ".socket", ".target", ".device", ".timer", ".path")
_NAME = re.compile(r"[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\@-]*)?\.[a-z]+")
_MAX_HOPS = 64


class NotThereError(Exception):
    """A unit that no folder has, with its name."""


class MaskedError(Exception):
    """A unit that is masked, with its path."""


class BeyondError(Exception):
    """What is not modelled here, in a sentence."""


@dataclass(slots=True)
class Unit:
    """A unit that was found: its name, its file without leading slash, and its [Install] section."""

    name: str
    path: str
    masked: bool = False
    target: str = ""  # the name of the unit that it is only another name of
    aliases: list[str] = field(default_factory=list)
    wanting: dict[str, list[str]] = field(default_factory=lambda: {key: [] for key in WANTING})
    also: list[str] = field(default_factory=list)
    instance: str = ""  # DefaultInstance=

    @property
    def has_rules(self) -> bool:
        """Whether enabling it makes links."""
        return bool(self.aliases) or any(self.wanting.values())

    @property
    def names(self) -> list[str]:
        """The names that links of it have: its own, and a template's with its default instance."""
        return [self.name, *([with_instance(self.name, self.instance)] if self.instance else [])]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a call: lines for descriptor 2, whether all went well, how many links changed."""

    messages: list[str]
    failed: bool = False
    carries: bool = True  # whether a unit had an [Install] section


def full_name(name: str) -> str:
    """A unit's name with its suffix; ".service" is left away by people."""
    return name if name.endswith(SUFFIXES) else f"{name}.service"


def _template(name: str) -> str:
    return re.sub(r"@.+(\.\w+)$", r"@\1", name)


def with_instance(name: str, instance: str) -> str:
    """The name of a template's instance; another name stays as it is."""
    return re.sub(r"@(\.\w+)$", lambda match: f"@{instance}{match[1]}", name)


def instances(template: str, names: Sequence[str]) -> list[str]:
    """The units of a template that these instances are."""
    return [with_instance(template, name) for name in names]


def folders(scope: str) -> list[str]:
    """The folders of units, the one that counts most first; `scope` is "system" or "user"."""
    return [f"{folder}/{scope}" for folder in _SEARCH]


def find(files: Files, name: str, scope: str = "system") -> Unit:
    """Finds a unit. Raises NotThereError, BeyondError for a link that leads out of systemd's folders."""
    for candidate in dict.fromkeys((name, _template(name))):
        for folder in folders(scope):
            path = f"{files.tree.resolve(folder)}/{candidate}"
            inode = files.tree.get(path)
            if inode is None or inode.kind is Kind.DIRECTORY:
                continue
            if inode.kind is Kind.SYMLINK:
                return _linked(name, path, inode.target, scope)
            if inode.content.size == 0:
                return Unit(name, path, masked=True)
            return _loaded(files, Unit(name, path), candidate, scope)
    raise NotThereError(name)


def _linked(name: str, path: str, target: str, scope: str) -> Unit:
    if target == "/dev/null":
        return Unit(name, path, masked=True)
    whole = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), target)).lstrip("/")
    if posixpath.dirname(whole) not in [*folders(scope), f"lib/systemd/{scope}"]:
        raise BeyondError(f"/{path} leads out of the folders of units")
    return Unit(name, path, target=posixpath.basename(whole))


def _loaded(files: Files, unit: Unit, candidate: str, scope: str) -> Unit:
    texts = [files.text(unit.path)]
    parts: dict[str, str] = {}
    for level in dict.fromkeys((unit.name, candidate)):
        for folder in folders(scope):
            for part in files.names(f"{folder}/{level}.d", ".conf"):
                parts.setdefault(part, f"{folder}/{level}.d/{part}")
    texts += [files.text(path) for _, path in sorted(parts.items())]
    try:
        for line in [line for text in texts for line in unit_file.assignments(text)]:
            if line.section == "Install":
                _take(unit, line)
    except unit_file.UnitSyntaxError as error:
        raise BeyondError(f"{unit.name} can't be read: {error}") from error
    return unit


def _take(unit: Unit, line: unit_file.Assignment) -> None:
    words = unit_file.words(line.value)
    if line.key == "Alias":
        if unit.name.endswith(_MAY_ALIAS):
            unit.aliases = [*unit.aliases, *words] if line.value else []
    elif line.key in WANTING:
        unit.wanting[line.key] = [*unit.wanting[line.key], *words] if line.value else []
    elif line.key == "Also":
        unit.also += [specifiers(word, unit) for word in unit_file.words(line.value, unquote=False)]
    elif line.key == "DefaultInstance" and "@." in unit.name:
        unit.instance = specifiers(line.value, unit)


def specifiers(text: str, unit: Unit) -> str:
    """Fills in the specifiers of an [Install] section (systemd.unit(5)). Raises BeyondError for others."""
    stem, _, _ = unit.name.rpartition(".")
    prefix, _, instance = stem.partition("@")
    instance = instance or unit.instance
    name = unit.names[-1]
    values = {"n": name, "N": name.rpartition(".")[0], "p": prefix, "i": instance, "%": "%"}
    values["j"] = prefix.rpartition("-")[2]

    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise BeyondError(f"{unit.name}: the specifier %{match[1]} is not modelled")
        return values[match[1]]

    return re.sub(r"%(.)", fill, text)


def resolve(files: Files, name: str, scope: str = "system") -> Unit:
    """Finds a unit, by its other names, too; it may be masked. Raises NotThereError, BeyondError."""
    unit = find(files, name, scope)
    for _ in range(_MAX_HOPS):
        if not unit.target:
            break
        own = unit.name.partition("@")[2].rpartition(".")[0]
        unit = find(files, with_instance(unit.target, own) if own else unit.target, scope)
    return unit


def follow(files: Files, name: str, scope: str = "system") -> Unit:
    """Finds a unit, by its other names, too. Raises NotThereError, MaskedError, BeyondError."""
    unit = resolve(files, name, scope)
    if unit.masked:
        raise MaskedError(unit.path)
    return unit


def enable(
    files: Files, who: str, names: Sequence[str], scope: str = "system", *, force: bool = False
) -> Done:
    """Makes the links of units and of those that they name in Also=. Raises as `follow` does."""
    todo = [follow(files, name, scope) for name in names]
    own = _own_folder(files)
    seen = {unit.name for unit in todo}
    messages: list[str] = []
    failed = False
    carries = False
    while todo:
        unit = todo.pop(0)
        carries = carries or unit.has_rules or bool(unit.also)
        for also in unit.also:
            if also in seen:
                continue
            seen.add(also)
            try:
                found = follow(files, also, scope)
            except NotThereError, MaskedError:
                messages.append(f"Failed to enable auxiliary unit {also}, ignoring.")
                continue
            seen.add(found.name)
            todo.append(found)
        for path, always in _links(unit, scope):
            inode = files.tree.get(path)
            folder, _, base = unit.path.rpartition("/")
            target = f"/{own if folder == _MERGED else folder}/{base}"
            if (
                inode is not None
                and inode.kind is Kind.SYMLINK
                and _same(files, path, inode.target, unit.path)
            ):
                continue
            if inode is not None and not (force or always):
                failed = True
                messages.append(f"Failed to enable unit: File '/{path}' already exists.")
                continue
            if inode is not None and inode.kind is not Kind.SYMLINK:
                raise BeyondError(f"/{path} is no link")
            files.link(path, target, who, replace=True)
            messages.append(f"Created symlink '/{path}' → '{target}'.")
    return Done(messages, failed, carries)


def _own_folder(files: Files) -> str:
    """The folder in which systemd looks for its own units: that in which it ships them."""
    return _SPLIT if f"/{_SPLIT}" in files.text(_SHIPPED).split("\n") else _MERGED


def _same(files: Files, path: str, target: str, unit: str) -> bool:
    whole = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), target)).lstrip("/")
    return files.tree.resolve(whole) == files.tree.resolve(unit)


def _links(unit: Unit, scope: str) -> Iterator[tuple[str, bool]]:
    """The paths of a unit's links, and whether each takes the place of another one."""
    config = f"etc/systemd/{scope}"
    for alias in unit.aliases:
        name = specifiers(alias, unit)
        if not _NAME.fullmatch(name) or not name.endswith(unit.name[unit.name.rindex(".") :]):
            raise BeyondError(f"{unit.name}: {alias} in Alias= is no name that it can have")
        if ("@" in name) != ("@" in unit.name):
            raise BeyondError(f"{unit.name}: {alias} in Alias= of a template is not modelled")
        if name != unit.name:
            yield f"{config}/{name}", False
    name = unit.names[-1]
    for key, suffix in WANTING.items():
        for word in unit.wanting[key]:
            wanting = specifiers(word, unit)
            if not _NAME.fullmatch(wanting) or not wanting.endswith(SUFFIXES):
                raise BeyondError(f"{unit.name}: {word} in {key}= is no unit")
            if "@." in name:
                raise BeyondError(f"{unit.name}: a template without an instance in {key}= is not modelled")
            yield f"{config}/{wanting}.{suffix}/{name}", True


def disable(files: Files, names: Sequence[str], scope: str = "system") -> Done:
    """Removes all links to units and to those that they name in Also=, and links of their names."""
    messages: list[str] = []
    gone: set[str] = set()
    todo = list(names)
    seen: set[str] = set()
    carries = False
    while todo:
        name = todo.pop(0)
        if name in seen:
            continue
        seen.add(name)
        try:
            unit = follow(files, name, scope)
        except NotThereError:
            messages.append(f"Failed to disable unit: Unit {name} does not exist")
            gone.add(name)
            continue
        except MaskedError as error:
            messages.append(f"Unit /{error} is masked, ignoring.")
            continue
        carries = carries or unit.has_rules or bool(unit.also)
        seen.add(unit.name)
        gone.add(unit.name)
        todo += unit.also
    messages += _remove(files, gone, scope)
    return Done(messages, carries=carries)


def _remove(files: Files, gone: set[str], scope: str) -> Iterator[str]:
    config = f"etc/systemd/{scope}"
    again = True
    while again:
        again = False
        for path in list(files.tree.below(config)):
            inode = files.tree.get(path)
            if inode is None or inode.kind is not Kind.SYMLINK or not path.endswith(SUFFIXES):
                continue
            real = files.tree.resolve(path)
            name = path.rpartition("/")[2]
            if not gone & {name, f"/{real}", real.rpartition("/")[2]}:
                continue
            files.tree.remove(path)
            yield f"Removed '/{path}'."
            gone.add(f"/{path}")
            again = True
            above = path.rpartition("/")[0]
            while above != config and not files.tree.children(above):
                files.tree.remove(above)
                above = above.rpartition("/")[0]


def mask(files: Files, who: str, names: Sequence[str], scope: str = "system") -> Done:
    """Makes links to /dev/null; a unit's file of the same name in the way is an error."""
    messages: list[str] = []
    failed = False
    for name in names:
        path = f"etc/systemd/{scope}/{name}"
        inode = files.tree.get(path)
        if inode is not None and inode.kind is Kind.SYMLINK and inode.target == "/dev/null":
            continue
        if inode is not None:
            failed = True
            messages.append(f"Failed to mask unit: File '/{path}' already exists.")
            continue
        files.link(path, "/dev/null", who)
        messages.append(f"Created symlink '/{path}' → '/dev/null'.")
    return Done(messages, failed)


def unmask(files: Files, names: Sequence[str], scope: str = "system") -> Done:
    """Removes links to /dev/null, and what leads to those."""
    gone = set()
    for name in names:
        inode = files.tree.get(f"etc/systemd/{scope}/{name}")
        if inode is not None and inode.kind is Kind.SYMLINK and inode.target == "/dev/null":
            gone.add(name)
    return Done(list(_remove(files, gone, scope)))
