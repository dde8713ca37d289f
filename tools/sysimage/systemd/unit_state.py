"""What systemctl(1) says of units, and what systemd.preset(5) wants of them."""

import fnmatch
import re
from collections.abc import Iterator

from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import Kind
from tools.sysimage.systemd.install import (
    WANTING,
    Context,
    DanglingError,
    InvalidUnitError,
    Unit,
    specifiers,
)
from tools.sysimage.systemd.unit_names import Sort, is_instance, sort_of, template_of, with_instance

_ON = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")


def is_enabled(state: str) -> bool:
    """Whether `systemctl is-enabled` ends with 0 for a state."""
    return state in _ON


def preset(files: Files, name: str, scope: str = "system") -> tuple[str, list[str]]:
    """What systemd.preset(5) wants: "enable", "disable" or "ignore", and instances of a template."""
    found: dict[str, str] = {}
    for folder in _presets(scope):
        for entry in files.names(folder, ".preset"):
            found.setdefault(entry, f"{folder}/{entry}")
    for _, path in sorted(found.items()):
        for line in files.text(path).splitlines():
            wish, _, rest = line.strip().replace("\t", " ", 1).partition(" ")
            # Words behind a name are instances of it, and only where something is enabled.
            pattern, *instances = (rest.split() if wish == "enable" else [rest.strip()]) or [""]
            if not pattern or wish not in ("enable", "disable", "ignore"):
                continue
            if instances and not (
                sort_of(pattern) is Sort.TEMPLATE and all(is_instance(one) for one in instances)
            ):
                continue
            if fnmatch.fnmatchcase(name, pattern):
                return wish, instances
            if any(name == with_instance(pattern, instance) for instance in instances):
                return "enable", []
    return "enable", []


def state(files: Files, name: str, scope: str = "system") -> str:
    """What `systemctl is-enabled` says of a unit. Raises NotThereError, InvalidUnitError, BeyondError."""
    context = Context(files, scope)
    try:
        unit = context.traverse(context.add(name))
    except DanglingError as error:
        raise InvalidUnitError(f"{name} is a link to {error}, which is not there") from error
    if unit.masked:
        return "masked-runtime" if unit.path.startswith("run/") else "masked"
    if unit.path.rpartition("/")[2] != name and sort_of(unit.name) is not Sort.INSTANCE:
        return "alias"
    where = _enabled_in(files, unit, scope, known=True)
    if where:
        return where
    if _enabled_in(files, unit, scope, known=False):
        return "indirect"
    return "disabled" if unit.has_rules else "indirect" if unit.also else "static"


def _enabled_in(files: Files, unit: Unit, scope: str, *, known: bool) -> str:
    names = {*unit.names, *_aliases(unit)}
    below = runtime = anywhere = False
    linked = ""
    for folder in Context(files, scope).folders():
        real = folder
        if any(not known or name in names for name in _leading(files, unit, real, below=below)):
            if folder == f"etc/systemd/{scope}":
                return "enabled"
            runtime = runtime or folder == f"run/systemd/{scope}"
            anywhere = True
        elif not below and not linked and _is_own_link(files, unit, folder):
            states = {f"etc/systemd/{scope}": "linked", f"run/systemd/{scope}": "linked-runtime"}
            linked = states.get(folder, "")
        below = below or unit.path.rpartition("/")[0] == real
    if runtime:
        return "enabled-runtime"
    return "static" if anywhere and re.search(r"@.+\.", unit.name) else linked


def _is_own_link(files: Files, unit: Unit, folder: str) -> bool:
    """Whether a folder has a link of the unit's name to a file of that name elsewhere."""
    inode = files.tree.get(f"{folder}/{unit.name}")
    return inode is not None and inode.kind is Kind.SYMLINK and inode.target.rpartition("/")[2] == unit.name


def _aliases(unit: Unit) -> Iterator[str]:
    for alias in unit.aliases:
        try:
            yield specifiers(alias, unit)
        except InvalidUnitError:
            continue


def _presets(scope: str) -> list[str]:
    return [f"{folder}/systemd/{scope}-preset" for folder in ("etc", "run", "usr/local/lib", "usr/lib")]


def _leading(files: Files, unit: Unit, folder: str, *, below: bool) -> Iterator[str]:
    """The names of links in a folder that are the unit's, or lead to it.

    In a folder that counts less than the unit's own a link of its name is not of this unit.
    """
    wants = tuple(f".{suffix}" for suffix in WANTING.values())
    paths: list[str] = []
    for path in files.tree.children(folder):
        inside = files.tree[path].kind is Kind.DIRECTORY and path.endswith(wants)
        paths += files.tree.children(path) if inside else [path]
    for path in paths:
        inode = files.tree[path]
        if inode.kind is not Kind.SYMLINK:
            continue
        name = path.rpartition("/")[2]
        inside = path.rpartition("/")[0] != folder
        # Of a link in the folder of another unit the name counts alone.
        leads = not inside and inode.target.rpartition("/")[2] == unit.name
        named = unit.name in (name, template_of(name)) if inside else name == unit.name and not below
        if (leads or named) and not (leads and named and path == f"{folder}/{name}"):
            yield name
