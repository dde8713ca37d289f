"""Checks that an image has what a guest needs to boot. A message names the package that is missing."""

import re
from collections.abc import Iterable, Iterator

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.formats import elf
from tools.sysimage.systemd import unit_file, unit_programs

_INIT = "sbin/init"
_ORCHESTRATOR = "usr/bin/orchestrator"
_UNIT = "orchestrator.service"
_FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system")
_DBUS = frozenset({"dbus.service", "dbus.socket"})


def check(tree: Tree) -> None:
    """Raises ToolError with all that is missing."""
    lacks = list(_lacks(tree))
    if lacks:
        raise ToolError("the image can't boot: " + "; ".join(lacks))


def _lacks(tree: Tree) -> Iterator[str]:
    init = tree.find(_INIT)
    if init is None or init.kind is not Kind.FILE:
        yield f"it has no /{_INIT}, which the first-stage loader starts; lock systemd-sysv for the base"
    orchestrator = tree.find(_ORCHESTRATOR)
    linkage = elf.linkage(orchestrator) if orchestrator is not None else None
    if linkage and linkage.interpreter and tree.find(linkage.interpreter) is None:
        yield (
            f"/{_ORCHESTRATOR} is started by {linkage.interpreter}, which it does not have; lock libc6 and "
            "base-files for the base, whose links lead there"
        )
    if not list(unit_programs.sources(tree, _UNIT)):
        yield (
            f"it has no unit {_UNIT}, which starts /{_ORCHESTRATOR}; make the base with `guest_base`, or add "
            f"one to `files`, as etc/systemd/system/{_UNIT}"
        )
    enabled = set(_enabled(tree))
    if _UNIT not in enabled:
        yield f"nothing starts {_UNIT}; name it in `enable`"
    if not any(list(unit_programs.sources(tree, unit)) for unit in sorted(_DBUS)):
        for unit in sorted(enabled):
            if _needs_dbus(tree, unit):
                yield f"{unit} is enabled and needs D-Bus; lock dbus for the base, or disable the unit"


def _enabled(tree: Tree) -> Iterator[str]:
    """The units that other units want, by links in folders of theirs."""
    for folder in _FOLDERS:
        for above in tree.children(folder):
            if above.endswith((".wants", ".requires")):
                yield from (path.rpartition("/")[2] for path in tree.children(above))


def _needs_dbus(tree: Tree, unit: str) -> bool:
    kind, needed = "", set[str]()
    for line in _assignments(tree, unit):
        if (line.section, line.key) == ("Service", "Type"):
            kind = line.value
        if line.section == "Unit" and line.key in ("Requires", "BindsTo", "Requisite"):
            needed.update(re.split(r"\s+", line.value))
    return kind == "dbus" or bool(needed & _DBUS)


def _assignments(tree: Tree, unit: str) -> Iterable[unit_file.Assignment]:
    try:
        return [
            line
            for source in unit_programs.sources(tree, unit)
            for line in unit_file.assignments(source.text)
        ]
    except unit_file.UnitSyntaxError:
        return []  # such a unit is refused elsewhere, if it is the user's
