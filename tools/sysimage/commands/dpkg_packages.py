"""What dpkg's database says of the packages at this moment: their states, stanzas, paths, diversions."""

import re
from collections.abc import Iterator
from fnmatch import translate

from tools.sysimage.commands import triggers
from tools.sysimage.commands.call import Call
from tools.sysimage.commands.world import World
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.unpack import Diversion

FALLBACK_VERSION = "1.22.22"  # of dpkg, where it is not in the set
_UNPACKED_CONFFILE = re.compile(r"^( /.*) [0-9a-f]{32}$", re.MULTILINE)
_ALLOWED = "-+._"
_HALF_INSTALLED = ("Priority", "Section", "Architecture", "Multi-Arch", "Version")
_LETTERS = {
    "unpacked": "U",
    "half-configured": "F",
    "half-installed": "H",
    "triggers-awaited": "W",
    "triggers-pending": "t",
    "installed": "i",
}


class DpkgError(Exception):
    """What a program of dpkg ends with, status 2, as it says it."""


def fail(call: Call, name: str, error: DpkgError) -> int:
    """Says an error, and returns its status."""
    return say(call, f"{name}: error: {error}", 2)


def say(call: Call, message: str, status: int = 0) -> int:
    """Writes a line to descriptor 2, and returns the status."""
    try:
        call.machine.stream(2).write(f"{message}\n".encode("utf-8", "surrogateescape"))
    except OSError:
        return status
    return status


def version_of_dpkg(world: World) -> str:
    """The version of dpkg itself."""
    own = world.root.packages.get("dpkg")
    return own.version if own else FALLBACK_VERSION


def glob(pattern: str) -> re.Pattern[str]:
    """A pattern of fnmatch(3) without flags, in which "*" fits "/", too."""
    # In fnmatch(3) a backslash takes the meaning from what follows.
    parts = re.split(r"\\(.)", pattern, flags=re.DOTALL)
    text = "".join(f"[{part}]" if index % 2 and part in "*?[" else part for index, part in enumerate(parts))
    return re.compile(translate(text), re.DOTALL)


def name_is_wrong(name: str) -> str:
    """What is wrong with a package's name, "" if nothing is."""
    if not name:
        return "may not be empty string"
    if not re.match("[A-Za-z0-9]", name):
        return "must start with an alphanumeric character"
    bad = re.search(r"[^A-Za-z0-9+._-]", name)
    if bad:
        return f"character '{bad[0]}' not allowed (only letters, digits and characters '{_ALLOWED}')"
    return ""


def state(world: World, name: str) -> str:
    """The state of a package as `dpkg -s` has it, "" for one that is not there at all."""
    here = world.package is not None and world.package.name == name
    if name not in world.root.packages:
        return "half-installed" if here and world.script == "preinst" else ""
    if here and world.script == "postinst":
        return "half-configured"
    if name not in world.configured:
        return "unpacked"
    if triggers.awaited(world, name):
        return "triggers-awaited"
    return "triggers-pending" if world.triggered.get(name) else "installed"


def installed(world: World) -> list[Package]:
    """All packages that are there in some way, sorted by name."""
    found = dict(world.root.packages)
    own = world.package
    if own is not None and state(world, own.name):
        found.setdefault(own.name, own)
    return [found[name] for name in sorted(found)]


def find(world: World, specifier: str) -> Package | None:
    """The package that "NAME" or "NAME:ARCHITECTURE" means, None if it is not there.

    Raises DpkgError for what can't be a name.
    """
    name, colon, architecture = specifier.partition(":")
    wrong = name_is_wrong(name)
    if wrong:
        raise DpkgError(f"illegal package name in specifier '{specifier}': {wrong}")
    if not state(world, name):
        return None
    own = world.root.packages.get(name) or world.package
    return own if own is not None and (not colon or own.architecture == architecture) else None


def match(world: World, pattern: str) -> list[Package]:
    """The packages whose names, and architectures if it has one, fit a pattern."""
    name, colon, architecture = pattern.partition(":")
    names, architectures = glob(name), glob(architecture)
    return [
        package
        for package in installed(world)
        if names.match(package.name) and (not colon or architectures.match(package.architecture))
    ]


def shown(package: Package) -> str:
    """A package's name with its architecture, if there can be several of it."""
    return dpkg.info_prefix(package).rpartition("/")[2]


def shown_specifier(world: World, specifier: str) -> str:
    """The name of a package that is not there, as messages have it."""
    name, _, architecture = specifier.partition(":")
    return name if architecture in ("", "all", world.root.architecture) else specifier


def status(world: World, package: Package) -> str:
    """The value of Status."""
    now = state(world, package.name)
    return f"install {'reinstreq' if now == 'half-installed' else 'ok'} {now}"


def abbreviation(world: World, package: Package) -> str:
    """The three letters of `dpkg -l`."""
    now = state(world, package.name)
    return f"i{_LETTERS[now]}{'R' if now == 'half-installed' else ' '}"


def fields(world: World, package: Package) -> dict[str, str]:
    """The fields of the package's stanza, with line breaks and indents as they are written."""
    now = state(world, package.name)
    if now == "half-installed":
        found = {"Package": package.name, "Status": status(world, package)}
        given = package.deb.fields
        found |= {name: given[name] for name in _HALF_INSTALLED if name in given}
        return found | _trigger_fields(world, package)
    text = dpkg.status(package)
    found = {}
    for name, value in re.findall(r"^([^\s:]+):((?:.*)(?:\n .*)*)$", text, re.MULTILINE):
        found[name] = value.removeprefix(" ") if not value.startswith("\n") else value
    found["Status"] = status(world, package)
    if now == "unpacked" and "Conffiles" in found:
        found["Conffiles"] = _UNPACKED_CONFFILE.sub(r"\1 newconffile", found["Conffiles"])
    extra = _trigger_fields(world, package)
    if not extra:
        return found
    # They stand before the fields that dpkg knows nothing of.
    known = {name: value for name, value in found.items() if name in dpkg.STATUS_FIELDS}
    return known | extra | found


def _trigger_fields(world: World, package: Package) -> dict[str, str]:
    found = {
        "Triggers-Pending": " ".join(world.triggered.get(package.name, ())),
        "Triggers-Awaited": " ".join(
            shown(world.root.packages[name]) for name in triggers.awaited(world, package.name)
        ),
    }
    return {name: value for name, value in found.items() if value}


def stanza(world: World, package: Package) -> str:
    """The package's paragraph of /var/lib/dpkg/status."""
    lines = []
    for name, value in fields(world, package).items():
        lines.append(f"{name}:{'' if value.startswith(chr(10)) else ' '}{value}\n")
    return "".join(lines)


def synopsis(world: World, package: Package) -> str:
    """The first line of the description."""
    return fields(world, package).get("Description", "").partition("\n")[0]


def paths(world: World, package: Package) -> list[str]:
    """The package's paths, as its list has them."""
    if state(world, package.name) == "half-installed":
        return []
    return [f"/{path or '.'}" for path in package.entries]


def owners(world: World) -> dict[str, list[Package]]:
    """Path → the packages that have it, in the order of dpkg's table of paths."""
    found: dict[str, list[Package]] = {}
    for package in installed(world):
        for path in paths(world, package):
            found.setdefault(path, []).append(package)
    for diversion in world.root.unpacker.diversions.values():
        found.setdefault(f"/{diversion.path}", [])
        found.setdefault(f"/{diversion.target}", [])
    return {path: found[path] for path in sorted(found, key=dpkg.path_bin)}


def diversion_from(world: World, path: str) -> Diversion | None:
    """The diversion of a path, "/bin/sh"."""
    return world.root.unpacker.diversions.get(path[1:])


def diversion_to(world: World, path: str) -> Diversion | None:
    """The diversion that has this path as its target."""
    every = world.root.unpacker.diversions.values()
    return next((diversion for diversion in every if f"/{diversion.target}" == path), None)


def control_files(world: World, package: Package) -> Iterator[str]:
    """The names of the package's control files in dpkg's database, sorted, as it shows them."""
    if state(world, package.name) == "half-installed":
        return
    hidden = ("control", "conffiles", "list")
    yield from sorted({"md5sums", *(name for name in package.deb.control if name not in hidden)})
