"""The facts of an image: what every other tool of this phase reads, `NAME.facts.json`.

JSON with a line for each package, path, user, group and unit, so that diff(1) shows what changed. A file of
version 1 has exactly the fields of the classes below; a field that has its default value is left out. Sizes
are in bytes, digests in hex, modes are numbers. Names that are not UTF-8 have surrogate escapes (PEP 383).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO, cast

from tools.sysimage.core.errors import ToolError

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Image:
    """The image as a file; `target` is its label, `created` the time of its lock's snapshot (RFC 3339)."""

    name: str
    size: int = 0
    tar_size: int = 0
    sha256: str = ""
    sha384: str = ""
    compression: str = ""
    target: str = ""
    created: str = "1970-01-01T00:00:00Z"
    lock_sha256: str = ""
    distribution: str = ""  # PRETTY_NAME of os-release(5)
    codename: str = ""  # of the distribution, such as trixie


@dataclass(frozen=True, slots=True)
class Package:
    """A package that dpkg's database in the image knows."""

    name: str
    version: str
    architecture: str
    source: str = ""
    source_version: str = ""
    size: int = 0  # of its files in the image
    deb_sha256: str = ""  # "" if no lock has this version
    deb_size: int = 0
    pool: str = ""  # the .deb's path in its archive
    archive: str = ""
    suite: str = ""
    depends: tuple[str, ...] = ()
    maintainer: str = ""
    homepage: str = ""
    section: str = ""
    description: str = ""
    licence: str = ""  # SPDX expression; "" if unknown
    built_using: tuple[str, ...] = ()  # "SOURCE VERSION" of what is linked into it
    security: tuple[Mapping[str, Any], ...] = ()  # version, suite, cves of its changelog, newest first


@dataclass(frozen=True, slots=True)
class Node:
    """A path of the image."""

    type: str  # as in mtree(5): file, dir, link, …
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    sha256: str = ""
    sha1: str = ""  # SPDX 2 asks for it
    link: str = ""
    xattrs: Mapping[str, str] = field(default_factory=dict)  # name → value in hex
    package: str = ""
    origin: str = ""  # of what no package has: overlay or base
    label: str = ""  # the target that put it there


@dataclass(frozen=True, slots=True)
class User:
    """A line of /etc/passwd; `password` says whether one can log in with a password."""

    name: str
    uid: int
    gid: int = 0
    home: str = ""
    shell: str = ""
    password: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A line of /etc/group."""

    name: str
    gid: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of systemd: its state, as `systemctl is-enabled` says it, and what it listens to."""

    name: str
    path: str
    state: str
    listen: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()  # lines Exec…= of a service


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of an image."""

    image: Image
    packages: tuple[Package, ...] = ()
    paths: Mapping[str, Node] = field(default_factory=dict)
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    units: tuple[Unit, ...] = ()
    measurements: Mapping[str, str] = field(default_factory=dict)
    made_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # measurement → inputs; in no file

    def files(self) -> Iterator[tuple[str, Node]]:
        """The regular files."""
        return ((path, node) for path, node in self.paths.items() if node.type == "file")

    def owner(self, path: str) -> str:
        """Who put a path there: a package, a label, overlay or base."""
        node = self.paths[path]
        return node.package or node.label or node.origin or "?"


def capabilities(node: Node) -> str:
    """The value of security.capability in hex, "" if it has none."""
    return node.xattrs.get("security.capability", "")


def is_setuid(node: Node) -> bool:
    """Whether a program of it runs as another user or group."""
    return node.type == "file" and bool(node.mode & 0o6000)


def read_json(path: Path) -> Any:
    """A JSON file. Raises ToolError if it is none."""
    return parse_json(path.read_bytes(), path)


def parse_json(data: bytes, path: Path) -> Any:
    """The JSON in the bytes of a file. Raises ToolError, with the file's path, if it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{path}: is no JSON ({error}); make it anew") from error


def write(facts: Facts, out: BinaryIO) -> None:
    """Writes the file."""
    parts = [f'"version": {_VERSION}', f'"image": {json.dumps(_short(facts.image))}']
    for name in ("packages", "users", "groups", "units"):
        lines = ",\n".join(json.dumps(_short(item)) for item in getattr(facts, name))
        parts.append(f'"{name}": [\n{lines}\n]')
    lines = ",\n".join(
        f"{json.dumps(path)}: {json.dumps(_short(node))}" for path, node in facts.paths.items()
    )
    parts.append(f'"paths": {{\n{lines}\n}}')
    parts.append(f'"measurements": {json.dumps(dict(facts.measurements), indent=0)}')
    out.write(f"{{{',\n'.join(parts)}}}\n".encode())


def load(path: Path) -> Facts:
    """Reads the file. Raises ToolError if it is not of this version, or damaged."""
    try:
        value = json.loads(path.read_bytes())
        return from_json(value)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ToolError(
            f"{path}: is no file of facts of version {_VERSION} ({error}); make it anew"
        ) from error


def from_json(value: Mapping[str, Any]) -> Facts:
    """The facts in a JSON value. Raises TypeError, KeyError or ValueError if it has other fields."""
    if value["version"] != _VERSION:
        raise ValueError(f"its version is {value['version']}")
    return Facts(
        Image(**value["image"]),
        tuple(Package(**_tuples(item)) for item in value["packages"]),
        {name: Node(**item) for name, item in value["paths"].items()},
        tuple(User(**item) for item in value["users"]),
        tuple(Group(**_tuples(item)) for item in value["groups"]),
        tuple(Unit(**_tuples(item)) for item in value["units"]),
        dict(value["measurements"]),
    )


def _tuples(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in item.items()}


def _short(item: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not empty; the first two are always there."""
    value = asdict(item)
    always = [one.name for one in fields(item)[:2]]
    return cast(dict[str, Any], {name: one for name, one in value.items() if one or name in always})
