"""Enabling and masking of units as `systemctl --root` does: systemd.unit(5).

An instance of systemd is "system", or "user" for the units that every user's own one has.
"""

import difflib
import re
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.systemd import enablement, unit_file

CONFIG = "etc/systemd/system"
_SEARCH = ("etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd")
_FOLDERS = {"WantedBy": "wants", "RequiredBy": "requires", "UpheldBy": "upholds"}
_SUFFIXES = (".service", ".socket", ".target", ".timer", ".path", ".mount", ".automount", ".swap", ".slice")


@dataclass(slots=True)
class Install:
    """The [Install] section of a unit, its drop-ins included; values in order."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def get(self, key: str) -> list[str]:
        """The words of a key."""
        return self.values.get(key, [])

    def __bool__(self) -> bool:
        return any(self.values.get(key) for key in (*_FOLDERS, "Alias", "Also"))


def _template(name: str) -> str:
    return re.sub(r"@.*(\.\w+)$", r"@\1", name)


def _find(files: Files, name: str, instance: str = "system") -> str | None:
    """The path of a unit's file; for an instance its own or the template's."""
    for candidate in dict.fromkeys((name, _template(name))):
        for folder in _SEARCH:
            if f"{folder}/{instance}/{candidate}" in files.tree:
                return f"{folder}/{instance}/{candidate}"
    return None


def _masked(files: Files, path: str) -> bool:
    inode: Inode | None = files.tree.get(path)
    return inode is not None and inode.kind is Kind.SYMLINK and inode.target == "/dev/null"


def _require(files: Files, name: str, who: str, instance: str = "system") -> str:
    if not name.endswith(_SUFFIXES):
        name += ".service"
    path = _find(files, name, instance)
    if path is None:
        folders = [f"{folder}/{instance}" for folder in _SEARCH]
        known = sorted({unit for folder in folders for unit in files.names(folder) if "." in unit})
        near = difflib.get_close_matches(name, known, 3, 0.5)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise ToolError(f"{who}: there is no unit {name} in the image{hint}")
    return path


def _install(files: Files, path: str, instance: str = "system") -> Install:
    found = Install()
    texts = [files.text(path)]
    name = path.rpartition("/")[2]
    for folder in reversed(_SEARCH):
        dropins = f"{folder}/{instance}/{name}.d"
        texts += [files.text(f"{dropins}/{part}") for part in files.names(dropins, ".conf")]
    try:
        for line in [line for text in texts for line in unit_file.assignments(text)]:
            if line.section != "Install":
                continue
            words = found.values.setdefault(line.key, [])
            if not line.value:
                words.clear()
            words += unit_file.words(line.value)
    except unit_file.UnitSyntaxError as error:
        raise ToolError(f"{name}: {error}; mend the unit") from error
    return found


def _specifiers(text: str, unit: str) -> str:
    stem = unit.rpartition(".")[0]
    prefix, _, instance = stem.partition("@")
    values = {"n": unit, "N": stem, "p": prefix, "P": prefix, "i": instance, "I": instance, "%": "%"}
    return re.sub(r"%(.)", lambda match: values.get(match[1], match[0]), text)


def links(files: Files, name: str, who: str, instance: str = "system") -> dict[str, str]:
    """The links that enabling a unit makes: path → target, those of Also= units included.

    Raises ToolError for a unit that does not exist.
    """
    made: dict[str, str] = {}
    todo, seen = [name], set[str]()
    while todo:
        unit = todo.pop(0)
        if unit in seen:
            continue
        seen.add(unit)
        path = _require(files, unit, who, instance)
        unit = unit if unit.endswith(_SUFFIXES) else unit + ".service"
        path = _real_unit(files, path)
        install = _install(files, path, instance)
        target = f"/{path}"
        named = unit
        if "@." in unit and install.get("DefaultInstance"):
            named = unit.replace("@.", f"@{install.get('DefaultInstance')[-1]}.")
        for alias in install.get("Alias"):
            made[f"etc/systemd/{instance}/{_specifiers(alias, named)}"] = target
        for key, suffix in _FOLDERS.items():
            for wanting in install.get(key):
                made[f"etc/systemd/{instance}/{_specifiers(wanting, named)}.{suffix}/{named}"] = target
        todo += [_specifiers(also, named) for also in install.get("Also")]
    return made


def _real_unit(files: Files, path: str) -> str:
    """A unit that is a link to another name of it is enabled as what it leads to."""
    inode = files.tree.get(path)
    if inode is None or inode.kind is not Kind.SYMLINK or _masked(files, path):
        return path
    return files.tree.resolve(path)


def enable(
    files: Files, who: str, *, names: list[str], strict: bool = False, instance: str = "system"
) -> None:
    """`systemctl enable`. With `strict`, a masked unit or one without [Install] is an error."""
    for name in names:
        path = _require(files, name, who, instance)
        if _masked(files, path):
            if strict:
                raise ToolError(f"{who}: the unit {name} is masked; take it out of mask or enable")
            continue
        if strict and not _install(files, _real_unit(files, path), instance):
            raise ToolError(
                f"{who}: the unit {name} has no [Install] section, so that it can't be enabled; "
                "it is started by another unit, or add a section"
            )
        for link, target in links(files, name, who, instance).items():
            files.link(link, target, who, replace=True)


def disable(files: Files, who: str, *, names: list[str]) -> None:
    """`systemctl disable`: removes all links below /etc/systemd/system to the unit and its Also= units."""
    for name in names:
        _require(files, name, who)
    try:
        enablement.disable(files, [enablement.full_name(name) for name in names])
    except enablement.BeyondError as error:
        raise ToolError(f"{who}: {error}; mend the unit, or take it out of disable") from error


def mask(files: Files, who: str, *, names: list[str]) -> None:
    """`systemctl mask`: a link to /dev/null; a file of the same name below /etc is an error."""
    for name in names:
        _require(files, name, who)
        path = f"{CONFIG}/{name if name.endswith(_SUFFIXES) else name + '.service'}"
        inode = files.tree.get(path)
        if inode is not None and inode.kind is not Kind.SYMLINK:
            raise ToolError(f"{who}: /{path} is a file, which mask would replace; leave the file out")
        files.link(path, "/dev/null", who, replace=True)


def set_default(files: Files, who: str, *, target: str) -> None:
    """`systemctl set-default`."""
    path = _require(files, target, who)
    if not target.endswith(".target"):
        raise ToolError(f"{who}: {target} is no target unit; name one that ends in .target")
    files.link(f"{CONFIG}/default.target", f"/{path}", who, replace=True)
