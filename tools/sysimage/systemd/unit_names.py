"""Names of units: unit_name_is_valid and what belongs to it (systemd.unit(5), "String escaping")."""

import enum
import re

TYPES = (
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
)
SUFFIXES = tuple(f".{name}" for name in TYPES)
# Where systemd looks for the system's units, the first wins (systemd.unit(5)).
FOLDERS = (
    *("etc/systemd/system.control", "etc/systemd/system", "etc/systemd/system.attached"),
    *("run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system"),
)
_MAY_ALIAS = (".service", ".socket", ".target", ".device", ".timer", ".path")
_MAY_TEMPLATE = (".service", ".socket", ".target", ".timer", ".path")
_CHARACTERS = r"[A-Za-z0-9:_.\\@-]"
_VALID = re.compile(rf"(?!@){_CHARACTERS}+")
_LONGEST = 255


class Sort(enum.Enum):
    """Whether a name stands for one unit, for the instance of a template, or for a template."""

    PLAIN = enum.auto()
    INSTANCE = enum.auto()
    TEMPLATE = enum.auto()


def sort_of(name: str) -> Sort | None:
    """What a name is; None for what is no name of a unit."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or f"{dot}{suffix}" not in SUFFIXES or len(name) > _LONGEST or not _VALID.fullmatch(stem):
        return None
    _, at, instance = stem.partition("@")
    return Sort.INSTANCE if instance else Sort.TEMPLATE if at else Sort.PLAIN


def full_name(name: str) -> str:
    """A unit's name with its suffix; ".service" is left away by people."""
    return name if name.endswith(SUFFIXES) else f"{name}.service"


def suffix_of(name: str) -> str:
    """The suffix of a unit's name, with its dot."""
    return name[name.rindex(".") :]


def may_alias(name: str) -> bool:
    """Whether a unit of this type can have other names."""
    return name.endswith(_MAY_ALIAS)


def may_template(name: str) -> bool:
    """Whether there are templates of this type."""
    return name.endswith(_MAY_TEMPLATE)


def instance_of(name: str) -> str:
    """What stands between "@" and the suffix; "" for a template and what is none."""
    return name.rpartition(".")[0].partition("@")[2]


def with_instance(name: str, instance: str) -> str:
    """The name of a template, or of an instance, with another instance; a plain name stays as it is."""
    stem, at, _ = name.rpartition(".")[0].partition("@")
    return f"{stem}@{instance}{suffix_of(name)}" if at else name


def template_of(name: str) -> str:
    """The template of an instance; another name stays as it is."""
    return with_instance(name, "")


def is_instance(text: str) -> bool:
    """Whether a text can be an instance."""
    return re.fullmatch(rf"{_CHARACTERS}+", text) is not None


def alias_problem(alias: str, name: str) -> str:
    """Why a unit can't have another name, "" if it can; "itself" if both are the same."""
    sort, target = sort_of(alias), sort_of(name)
    if sort is None:
        return "is no name of a unit"
    if not may_alias(alias) or (sort is not Sort.PLAIN and not may_template(alias)):
        return "is of a type that has no other names"
    if alias == name:
        return "itself"
    if target is None or suffix_of(alias) != suffix_of(name):
        return f"is of another type than {name}"
    if sort is not target and not (sort is Sort.INSTANCE and target is Sort.TEMPLATE):
        return f"is a template or an instance, other than {name}"
    if target is Sort.INSTANCE and instance_of(alias) != instance_of(name):
        return f"has another instance than {name}"
    return ""
