"""Units as systemctl(1) finds them to change their links: the file, its drop-ins, what [Install] says.

A unit is looked for in each folder by its name, then by its template's; links are followed one by one.
"""

import enum
import posixpath
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.core.tree import Kind
from tools.sysimage.systemd import extract, unit_file, unit_names
from tools.sysimage.systemd.unit_names import Sort, sort_of

WANTING = {"WantedBy": "wants", "RequiredBy": "requires", "UpheldBy": "upholds"}
_SEARCH = {
    "system": unit_names.FOLDERS,
    "user": (
        *("etc/systemd/user", "run/systemd/user", "usr/local/share/systemd/user", "usr/share/systemd/user"),
        *("usr/local/lib/systemd/user", "usr/lib/systemd/user"),
    ),
}
_MAX_HOPS = 64
_MACHINES = "aAbBHlqmMovwWgGuU"


class Mode(enum.Enum):
    """What the file of a unit is."""

    REGULAR = enum.auto()
    MASKED = enum.auto()
    ALIAS = enum.auto()  # a link to another unit, or to another file of its own
    LINKED = enum.auto()  # a link to a file that is in no folder of units


class NotThereError(Exception):
    """A unit that no folder has, with its name."""


class DanglingError(Exception):
    """A name of a unit that is not there, with its name."""


class InvalidUnitError(Exception):
    """A unit, or a name, that systemctl refuses; the reason is a sentence's end."""


class BeyondError(Exception):
    """What is not modelled here, in a sentence."""


@dataclass(slots=True)
class Unit:
    """A unit: its name, and, when it was found, its file without leading slash and its [Install] section."""

    name: str
    auxiliary: bool = False  # it is only named in Also=
    mode: Mode | None = None
    path: str = ""
    target: str = ""  # where its link leads
    aliases: list[str] = field(default_factory=list)
    wanting: dict[str, list[str]] = field(default_factory=lambda: {key: [] for key in WANTING})
    also: list[str] = field(default_factory=list)
    instance: str = ""  # DefaultInstance=

    @property
    def masked(self) -> bool:
        """Whether it is masked."""
        return self.mode is Mode.MASKED

    @property
    def has_rules(self) -> bool:
        """Whether enabling it makes links."""
        return bool(self.aliases) or any(self.wanting.values())

    @property
    def names(self) -> list[str]:
        """The names that links of it have: its own, and a template's with its default instance."""
        return [self.name, *([self._default()] if self._default() != self.name else [])]

    def _default(self) -> str:
        if self.instance and sort_of(self.name) is Sort.TEMPLATE:
            return unit_names.with_instance(self.name, self.instance)
        return self.name

    @property
    def link_name(self) -> str:
        """The name that its links in the folders of others have."""
        return self._default()


@dataclass(slots=True)
class Context:
    """The units that a call is about, with those that they name; each is processed once."""

    files: Files
    scope: str = "system"
    todo: dict[str, Unit] = field(default_factory=dict)
    done: dict[str, Unit] = field(default_factory=dict)

    def add(self, name: str, path: str = "", *, auxiliary: bool = False) -> Unit:
        """Takes a unit in, by its file if that is given. Raises InvalidUnitError for what names none."""
        if sort_of(name) is None:
            raise InvalidUnitError(f"{name!r} is no name of a unit")
        unit = self.todo.get(name) or self.done.get(name)
        if unit is None:
            unit = self.todo[name] = Unit(name, auxiliary, path=path)
        unit.auxiliary = unit.auxiliary and auxiliary
        return unit

    def folders(self) -> list[str]:
        """The folders of units, the one that counts most first."""
        return list(dict.fromkeys(self.files.tree.resolve(path) for path in _SEARCH[self.scope]))

    def traverse(self, unit: Unit, *, load: bool = True, follow_config: bool = True) -> Unit:
        """Finds a unit's file, by all links. Returns the unit that it is a name of, or itself.

        Without `follow_config`, links in the folders that systemctl changes are refused.
        Raises NotThereError, DanglingError, InvalidUnitError, BeyondError.
        """
        self.search(unit, load=load)
        for _ in range(_MAX_HOPS):
            if unit.mode not in (Mode.ALIAS, Mode.LINKED):
                return unit
            above = posixpath.dirname(unit.path)
            if not follow_config and above in (f"etc/systemd/{self.scope}", f"run/systemd/{self.scope}"):
                raise InvalidUnitError(f"/{unit.path} is a link")
            name = posixpath.basename(unit.target)
            if unit.mode is Mode.LINKED or name == unit.name:
                self._follow(unit, load=load)
                continue
            if sort_of(unit.name) is Sort.INSTANCE and sort_of(name) is Sort.TEMPLATE:
                name = unit_names.with_instance(name, unit_names.instance_of(unit.name))
                if name == unit.name:
                    self._follow(unit, load=load)
                    continue
            unit = self.add(name)
            try:
                self.search(unit, load=load)
            except NotThereError as error:
                raise DanglingError(unit.name) from error
        raise InvalidUnitError(f"too many links lead from {unit.name}")

    def _follow(self, unit: Unit, *, load: bool) -> None:
        unit.path, unit.mode = unit.target, None
        if not self._read(unit, unit.path, load=load):
            raise NotThereError(unit.name)

    def search(self, unit: Unit, *, load: bool = True) -> None:
        """Finds a unit's file, and reads it. Raises as `traverse` does."""
        if unit.mode is not None:
            return
        if sort_of(unit.name) is not Sort.PLAIN and not unit_names.may_template(unit.name):
            raise InvalidUnitError(f"{unit.name} is of a type that has no templates")
        if unit.path:
            # Its drop-ins are not read.
            if not self._read(unit, unit.path, load=load):
                raise NotThereError(unit.name)
            return
        names = [unit.name]
        if sort_of(unit.name) is Sort.INSTANCE:
            names.append(unit_names.template_of(unit.name))
        paths = [f"{folder}/{name}" for name in names for folder in self.folders()]
        unit.path = next((path for path in paths if self._read(unit, path, load=load)), "")
        if not unit.path:
            raise NotThereError(unit.name)
        if load and unit.mode is not Mode.MASKED:
            for path in self.drop_ins(names):
                inode = self.files.tree.find(path)
                if inode is not None and inode.kind is not Kind.FILE:
                    raise InvalidUnitError(f"/{path} is no file")
                self._parse(unit, self.files.text(path))

    def drop_ins(self, names: list[str]) -> list[str]:
        """The drop-ins that systemctl reads: those of a unit and of its template, no others."""
        parts: dict[str, str] = {}
        for name in names:
            for folder in self.folders():
                for part in self.files.names(f"{folder}/{name}.d", ".conf"):
                    parts.setdefault(part, f"{folder}/{name}.d/{part}")
        return [path for _, path in sorted(parts.items())]

    def _read(self, unit: Unit, path: str, *, load: bool) -> bool:
        tree = self.files.tree
        above, _, name = path.rpartition("/")
        inode = tree.get(tree.resolve(above) + f"/{name}")
        if inode is None:
            return False
        if inode.kind is Kind.SYMLINK:
            self._read_link(unit, path, inode.target)
        elif inode.kind is not Kind.FILE:
            raise InvalidUnitError(f"/{path} is no file")
        elif not inode.content.size:
            unit.mode = Mode.MASKED
        else:
            if load:
                self._parse(unit, self.files.text(path))
            unit.mode = Mode.REGULAR
        return True

    def _read_link(self, unit: Unit, path: str, target: str) -> None:
        tree = self.files.tree
        whole = posixpath.join("/", posixpath.dirname(path), target)
        try:
            unit.target = tree.resolve(whole.strip("/"), last=False)
            inode = tree.find(unit.target)
        except ToolError as error:
            raise InvalidUnitError(f"/{path}: too many links") from error
        inside = any(unit.target.startswith(f"{folder}/") for folder in self.folders())
        if inside and (
            problem := unit_names.alias_problem(posixpath.basename(path), posixpath.basename(unit.target))
        ):
            if problem == "itself":
                problem = "leads to itself, by another folder"
            raise InvalidUnitError(f"/{path} {problem}")
        empty = inode is not None and inode.kind is Kind.FILE and not inode.content.size
        if unit.target == "dev/null" or empty or (inode is not None and inode.kind is Kind.CHARACTER):
            unit.mode = Mode.MASKED
        else:
            unit.mode = Mode.ALIAS if inside else Mode.LINKED

    def _parse(self, unit: Unit, text: str) -> None:
        try:
            for line in unit_file.assignments(text):
                if line.section == "Install":
                    self._take(unit, line.key, line.value)
        except unit_file.UnitSyntaxError as error:
            raise InvalidUnitError(f"{unit.name} can't be read: {error}") from error

    def _take(self, unit: Unit, key: str, value: str) -> None:
        if key == "Alias":
            if unit_names.may_alias(unit.name):
                unit.aliases = [*unit.aliases, *unit_file.words(value)] if value else []
        elif key in WANTING:
            unit.wanting[key] = [*unit.wanting[key], *unit_file.words(value)] if value else []
        elif key == "Also":
            try:
                words = list(extract.every(value, extract.Escapes.DROP, unquote=False))
            except extract.WordError as error:
                raise InvalidUnitError(f"{unit.name}: Also={value}: {error}") from error
            for word in words:
                name = specifiers(word, unit)
                self.add(name, auxiliary=True)
                unit.also.append(name)
        elif key == "DefaultInstance" and sort_of(unit.name) is Sort.TEMPLATE:
            instance = specifiers(value, unit)
            if instance and not unit_names.is_instance(instance):
                raise InvalidUnitError(f"{unit.name}: DefaultInstance={value} is no instance")
            unit.instance = instance


def specifiers(text: str, unit: Unit) -> str:
    """Fills in the specifiers of an [Install] section (systemd.unit(5)).

    Raises InvalidUnitError for what is none, BeyondError for those of the machine.
    """
    name = unit.link_name
    prefix = unit.name.rpartition(".")[0].partition("@")[0]
    values = {"n": name, "N": name.rpartition(".")[0], "p": prefix, "j": prefix.rpartition("-")[2]}
    values["i"] = unit_names.instance_of(unit.name) or unit.instance

    def value(letter: str) -> str | None:
        if letter in _MACHINES:
            raise BeyondError(f"{unit.name}: the specifier %{letter} in [Install] is not modelled")
        return values.get(letter)

    try:
        return extract.specified(text, value)
    except extract.SpecifierError as error:
        raise InvalidUnitError(f"{unit.name}: {text!r}: {error}") from error
