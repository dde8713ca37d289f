"""`debian.toml`: what the user asks for. Parsed and checked once, here."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.nearest import nearest

_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_RESTRICTED = re.compile(r"([a-z0-9][a-z0-9+.-]*)(?: \[([a-z0-9-]+(?: [a-z0-9-]+)*)\])?")
_PATTERN = re.compile(r"(src:)?[a-z0-9*?][a-z0-9+.*?-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SUITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive, as `debian` or `debian-security`: which of its suites, and whose signature counts."""

    name: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: frozenset[str]
    """Fingerprints (upper-case hexadecimal) of certificates or of single signing subkeys."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Which versions of some packages may be chosen, as apt_preferences(5) has it; either way is None."""

    packages: tuple[str, ...]
    """Names of packages, patterns of shells (glob(7)), or `src:` and the name of a source package."""
    suite: str | None
    version: str | None
    """A version, or a pattern such as `1.2*`."""

    @property
    def wants(self) -> str:
        """What it wants, for messages."""
        return f"version from {self.suite}" if self.suite else f"version {self.version}"

    def names(self, package: str, source: str) -> bool:
        """Whether it is about `package`, built from the source package `source`."""
        return any(
            source == pattern[4:] if pattern.startswith("src:") else fnmatchcase(package, pattern)
            for pattern in self.packages
        )

    def admits(self, version: str, suite: str) -> bool:
        """Whether a version of such a package, as `suite` lists it, may be chosen."""
        return suite == self.suite if self.suite else fnmatchcase(version, self.version or "")


@dataclass(frozen=True, slots=True)
class PackageSet:
    """A named set of packages, resolved on its own or on top of the set that it extends."""

    name: str
    packages: tuple[str, ...]
    essential: bool
    extends: str | None
    exclude: dict[str, str]
    """Package → reason: cut out of the closure, as if something else stood for it."""
    required: bool = False
    """Whether every package of `Priority: required` is in it, too."""
    restricted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Package → the only architectures for which it is wanted."""

    def on(self, architecture: str) -> PackageSet | None:
        """The set for one architecture; None if it names no package for it."""
        packages = tuple(
            name for name in self.packages if architecture in self.restricted.get(name, (architecture,))
        )
        return replace(self, packages=packages, restricted={}) if packages else None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole of `debian.toml`. `sets` is ordered so that a set comes after the one it extends."""

    archives: tuple[Archive, ...]
    architectures: tuple[str, ...]
    keyring: PurePosixPath | None
    """Relative to the manifest's folder; None: Debian's certificates, which the tool brings along."""
    sets: tuple[PackageSet, ...]
    pins: tuple[Pin, ...]
    """The first one that names a package and admits a version of it counts."""
    sha256: str

    def sets_on(self, architecture: str) -> tuple[PackageSet, ...]:
        """The sets that are locked for an architecture: they and those they extend have packages for it."""
        found: dict[str, PackageSet] = {}
        for package_set in self.sets:
            wanted = package_set.on(architecture)
            if wanted is not None and (wanted.extends is None or wanted.extends in found):
                found[wanted.name] = wanted
        return tuple(found.values())


def meaning_sha256(parsed: dict[str, Any]) -> str:
    """The digest of a manifest's meaning, which the lock records as `manifest_sha256`.

    It is the SHA-256, in lower-case hexadecimal, of the parsed TOML as canonical JSON: keys sorted, no
    white space, every character outside ASCII escaped (`json.dumps` with `sort_keys` and the separators
    `,` and `:`). Comments, spacing and the order of tables don't count; the order within a list does.
    """
    canonical = json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def parse(text: str, where: str) -> Manifest:
    """Parses the text of a manifest; `where` names it in messages. Raises ToolError."""
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"{where}:{error.lineno}:{error.colno}: {error.msg}; this is not TOML"
        raise ToolError(message) from error
    except RecursionError as error:
        raise ToolError(f"{where}: it is nested too deeply; write it by hand") from error
    except ValueError as error:  # a number of thousands of digits
        raise ToolError(f"{where}: {error}; this is not TOML") from error
    top = _Table(parsed, where, "")
    top.only("archive", "lock", "pin", "set")
    lock = top.table("lock")
    lock.only("architectures", "keyring")
    archives = tuple(_archive(table) for table in top.tables("archive"))
    architectures = lock.names("architectures", _NAME, "an architecture, as amd64")
    sets = [_package_set(table, architectures) for table in top.tables("set")]
    keyring = PurePosixPath(lock.string("keyring")) if "keyring" in lock.values else None
    if keyring is not None and keyring.is_absolute():
        lock.fail("keyring", "must be relative to the manifest, so that every checkout finds it")
    return Manifest(
        archives=archives,
        architectures=architectures,
        keyring=keyring,
        sets=_bases_first(sets, where),
        pins=_pins(top, {suite for archive in archives for suite in archive.suites}),
        sha256=meaning_sha256(parsed),
    )


def load(path: Path) -> Manifest:
    """Reads the manifest at `path`. Raises ToolError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ToolError(f"{path}: no such manifest; --manifest names the debian.toml to lock") from error
    except UnicodeDecodeError as error:
        raise ToolError(f"{path}: byte {error.start} is not UTF-8, which TOML is written in") from error
    return parse(text, str(path))


class _Table:
    """A TOML table with its place in the document, so that every complaint can name it."""

    def __init__(self, values: Any, where: str, path: str, title: str = "") -> None:
        self.where, self.path = where, path
        self.title = title or f"[{path}]"
        if not isinstance(values, dict):
            raise ToolError(f"{where}: {path} must be a table, as in {self.title}")
        self.values: dict[str, Any] = values

    def fail(self, key: str, problem: str) -> None:
        place = f"{self.title} {key}" if self.path else f"[{key}]"
        raise ToolError(f"{self.where}: {place} {problem}")

    def only(self, *valid: str) -> None:
        """Refuses any key that is not in `valid`."""
        for key in self.values:
            if key not in valid:
                self.fail(key, f"is not known{nearest(key, valid)}; valid are {', '.join(sorted(valid))}")

    def table(self, key: str) -> _Table:
        if key not in self.values:
            self.fail(key, "is missing")
        return _Table(self.values[key], self.where, f"{self.path}.{key}" if self.path else key)

    def tables(self, key: str) -> list[_Table]:
        """The sub-tables of the table `key`, at least one, each under a plain name."""
        parent = self.table(key)
        if not parent.values:
            self.fail(key, f"is empty; it takes tables as [{key}.NAME]")
        for name in parent.values:
            if not _NAME.fullmatch(name):
                parent.fail(name, "is not a plain name (letters, digits, - and _)")
        return [parent.table(name) for name in parent.values]

    def string(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            self.fail(key, "is missing" if value is None else "must be a non-empty string")
        return str(value)

    def boolean(self, key: str) -> bool:
        """The value at `key`, false if there is none."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false")
        return bool(value)

    def names(self, key: str, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
        """The non-empty list of strings at `key`, each matching `pattern`, none of them twice."""
        values = self.values.get(key)
        if not isinstance(values, list) or not values:
            self.fail(key, "is missing" if values is None else "must be a non-empty list of strings")
        assert isinstance(values, list)
        for index, value in enumerate(values):
            if not isinstance(value, str) or not pattern.fullmatch(value):
                self.fail(key, f"holds {value!r}, which is not {what}")
            if value in values[:index]:
                self.fail(key, f"names {value} twice; once is enough")
        return tuple(values)


def _archive(table: _Table) -> Archive:
    table.only("suites", "components", "signed_by")
    return Archive(
        name=table.path.rpartition(".")[2],
        suites=table.names("suites", _SUITE, "the name of a suite"),
        components=table.names("components", _NAME, "the name of a component"),
        signed_by=frozenset(
            table.names("signed_by", _FINGERPRINT, "a fingerprint: 40 digits, A to F in upper case")
        ),
    )


def _package_set(table: _Table, architectures: Iterable[str]) -> PackageSet:
    if table.path == "set.lock":
        raise ToolError(f"{table.where}: a set can't be called lock, as the target that locks is; rename it")
    table.only("packages", "essential", "required", "extends", "exclude")
    exclude = _Table(table.values.get("exclude", {}), table.where, f"{table.path}.exclude")
    for package in exclude.values:
        exclude.string(package)
    packages = []
    restricted = {}
    for text in table.names("packages", _RESTRICTED, "the name of a package"):
        package, _, rest = text.partition(" [")
        if package in packages:
            table.fail("packages", f"names {package} twice; once is enough")
        packages.append(package)
        if rest:
            restricted[package] = tuple(rest.removesuffix("]").split())
            for architecture in restricted[package]:
                if architecture not in architectures:
                    table.fail(
                        "packages", f"restricts {package} to {architecture}, which [lock] does not name"
                    )
    for package in packages:
        if package in exclude.values:
            table.fail("exclude", f"names {package}, which packages asks for; drop it from one of the two")
    return PackageSet(
        name=table.path.rpartition(".")[2],
        packages=tuple(packages),
        essential=table.boolean("essential"),
        extends=table.string("extends") if "extends" in table.values else None,
        exclude=dict(sorted(exclude.values.items())),
        required=table.boolean("required"),
        restricted=restricted,
    )


def _pins(top: _Table, suites: Iterable[str]) -> tuple[Pin, ...]:
    """The tables [[pin]], whose order counts."""
    tables = top.values.get("pin", [])
    if not isinstance(tables, list):
        top.fail("pin", "must be a list of tables, each headed [[pin]]")
    pins = []
    for number, values in enumerate(tables, start=1):
        table = _Table(values, top.where, "pin", f"[[pin]] number {number}:")
        table.only("packages", "suite", "version")
        if ("suite" in table.values) == ("version" in table.values):
            raise ToolError(f"{table.where}: {table.title} give either suite or version")
        pin = Pin(
            packages=table.names("packages", _PATTERN, "a package, a pattern or src:NAME"),
            suite=table.string("suite") if "suite" in table.values else None,
            version=table.string("version") if "version" in table.values else None,
        )
        if pin.suite and pin.suite not in suites:
            table.fail("suite", f"{pin.suite} is in no archive{nearest(pin.suite, suites)}; name it there")
        pins.append(pin)
    return tuple(pins)


def _bases_first(sets: list[PackageSet], where: str) -> tuple[PackageSet, ...]:
    """Orders the sets so that each comes after the one it extends; refuses cycles and unknown names."""
    by_name = {package_set.name: package_set for package_set in sets}
    ordered: dict[str, PackageSet] = {}
    for package_set in sets:
        chain: list[PackageSet] = []
        current: PackageSet | None = package_set
        while current is not None and current.name not in ordered:
            if current in chain:
                names = " → ".join([link.name for link in chain[chain.index(current) :]] + [current.name])
                raise ToolError(f"{where}: [set.{current.name}] extends itself: {names}; break the cycle")
            chain.append(current)
            base = current.extends
            if base is not None and base not in by_name:
                known = f"{nearest(base, by_name)}; sets are {', '.join(sorted(by_name))}"
                raise ToolError(f"{where}: [set.{current.name}] extends {base}, which is no set{known}")
            current = by_name[base] if base is not None else None
        ordered.update((link.name, link) for link in reversed(chain))
    return tuple(ordered.values())
