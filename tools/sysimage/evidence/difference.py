"""What differs between two images: packages, files by package, units, users, rights, sizes, measurements."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tools.sysimage.evidence.facts import Facts, Node, Package, capabilities, is_setuid
from tools.sysimage.evidence.measured import INPUT


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the difference: names that came, went, and changed, each with a remark."""

    added: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Security:
    """A version of a package's changelog that the new image has and the old one has not."""

    package: str
    version: str
    suite: str
    cves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs, by section; `sizes` are in bytes, those that changed most first."""

    old: str
    new: str
    packages: Section
    security: tuple[Security, ...]
    units: Section
    sockets: Section
    users: Section
    groups: Section
    setuid: Section
    capabilities: Section
    files: Mapping[str, Section]  # package, label or origin → its paths
    sizes: Mapping[str, int]
    measurements: Section
    inputs: tuple[str, ...]  # what moved the measurements

    def __bool__(self) -> bool:
        return any((*(section for _, section in self.sections()), self.files, self.measurements))

    def sections(self) -> Iterable[tuple[str, Section]]:
        """The sections that are tables, with their titles."""
        return (
            ("Packages", self.packages),
            ("Units", self.units),
            ("Listening sockets", self.sockets),
            ("Users", self.users),
            ("Groups", self.groups),
            ("Setuid and setgid files", self.setuid),
            ("File capabilities", self.capabilities),
        )


def reduced(facts: Facts) -> Facts:
    """What a person reviews: without what changes at each build, and of paths those with special rights."""
    packages = tuple(
        Package(one.name, one.version, one.architecture, one.source, one.source_version)
        for one in facts.packages
    )
    paths = {
        path: replace(node, size=0, sha256="", sha1="", origin="")
        for path, node in facts.paths.items()
        if is_setuid(node) or capabilities(node)
    }
    return Facts(
        replace(
            facts.image,
            size=0,
            tar_size=0,
            sha256="",
            sha384="",
            compression="",
            created="1970-01-01T00:00:00Z",
            lock_sha256="",
        ),
        packages,
        paths,
        facts.users,
        facts.groups,
        tuple(replace(unit, runs=()) for unit in facts.units),
    )


def compare(old: Facts, new: Facts) -> Difference:
    """The difference from `old` to `new`. If of one of them no target is known, targets don't count."""
    if not (old.image.target and new.image.target):
        old, new = _without_targets(old), _without_targets(new)

    def section(what: Callable[[Facts], Mapping[str, str]]) -> Section:
        return _section(what(old), what(new))

    files = _files(old, new)
    packages = section(_versions)
    measurements = _by_input(section(_measurements), old, new)
    moved = [
        *(name for name in (*measurements.added, *measurements.changed) if name.startswith(INPUT)),
        *packages.added,
        *packages.removed,
        *packages.changed,
        *(owner for owner in files if owner not in packages.changed),
    ]
    return Difference(
        _name(old),
        _name(new),
        packages,
        tuple(_security(old, new)),
        section(lambda one: {unit.name: unit.state for unit in one.units}),
        section(lambda one: {unit.name: ", ".join(unit.listen) for unit in one.units if unit.listen}),
        section(lambda one: {user.name: _user(user) for user in one.users}),
        section(lambda one: {group.name: " ".join([str(group.gid), *group.members]) for group in one.groups}),
        section(lambda one: {path: _rights(node) for path, node in one.files() if is_setuid(node)}),
        section(lambda one: {path: found for path, node in one.files() if (found := capabilities(node))}),
        files,
        _sizes(old, new),
        measurements,
        tuple(dict.fromkeys(moved)) if measurements else (),
    )


def _without_targets(facts: Facts) -> Facts:
    return replace(
        facts,
        paths={
            path: replace(node, label="", origin="" if node.package else "base")
            for path, node in facts.paths.items()
        },
    )


def _name(facts: Facts) -> str:
    digest = f" sha256:{facts.image.sha256[:12]}" if facts.image.sha256 else ""
    return f"{facts.image.target or facts.image.name}{digest}"


def _section(old: Mapping[str, str], new: Mapping[str, str]) -> Section:
    return Section(
        {name: value for name, value in new.items() if name not in old},
        {name: value for name, value in old.items() if name not in new},
        {name: f"{old[name]} → {value}" for name, value in new.items() if name in old and old[name] != value},
    )


def _versions(facts: Facts) -> dict[str, str]:
    several = len({package.name for package in facts.packages}) < len(facts.packages)
    return {
        f"{package.name}:{package.architecture}" if several else package.name: package.version
        for package in facts.packages
    }


def _security(old: Facts, new: Facts) -> Iterable[Security]:
    before = {package.name: package for package in old.packages}
    for package in new.packages:
        previous = before.get(package.name)
        if previous is None or previous.version == package.version:
            continue
        known = {fix["version"] for fix in previous.security}
        versions = [fix["version"] for fix in package.security]
        # What is older than all that both have was cut off in the old list, which has the newest alone.
        both = [at for at, version in enumerate(versions) if version in known]
        end = max(both, default=len(versions))
        if previous.source_version in versions:
            end = versions.index(previous.source_version)
        for fix in package.security[:end]:
            if fix["version"] not in known:
                yield Security(package.name, fix["version"], fix["suite"], tuple(fix["cves"]))


def _user(user: Any) -> str:
    password = ", has a password" if user.password else ""
    return f"{user.uid}:{user.gid} {user.home} {user.shell}{password}"


def _rights(node: Node) -> str:
    return f"{node.mode:04o} {node.uid}:{node.gid}"


def _files(old: Facts, new: Facts) -> dict[str, Section]:
    found: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {}
    for path in new.paths.keys() | old.paths.keys():
        before, after = old.paths.get(path), new.paths.get(path)
        if before == after:
            continue
        owner = new.owner(path) if after else old.owner(path)
        added, removed, changed = found.setdefault(owner, ({}, {}, {}))
        if before is None and after:
            added[path] = _about(after)
        elif after is None and before:
            removed[path] = _about(before)
        elif before and after:
            words = list(_changes(before, after))
            if words:
                changed[path] = ", ".join(words)
    return {
        owner: Section(*(dict(sorted(part.items())) for part in parts))
        for owner, parts in sorted(found.items())
        if any(parts)
    }


def _about(node: Node) -> str:
    if node.type == "link":
        return f"→ {node.link}"
    size = f", {node.size:,} bytes" if node.type == "file" else ""
    return f"{node.type} {_rights(node)}{size}"


def _changes(before: Node, after: Node) -> Iterable[str]:
    if before.type != after.type:
        yield f"{before.type} → {after.type}"
    if before.mode != after.mode:
        yield f"mode {before.mode:04o} → {after.mode:04o}"
    if (before.uid, before.gid) != (after.uid, after.gid):
        yield f"owner {before.uid}:{before.gid} → {after.uid}:{after.gid}"
    if before.link != after.link:
        yield f"link {before.link} → {after.link}"
    if before.sha256 != after.sha256:
        yield f"content ({after.size - before.size:+,} bytes)"
    if before.xattrs != after.xattrs:
        yield "extended attributes"


def _sizes(old: Facts, new: Facts) -> dict[str, int]:
    totals: dict[str, int] = {}
    for facts, sign in ((old, -1), (new, 1)):
        for path, node in facts.files():
            owner = facts.owner(path)
            totals[owner] = totals.get(owner, 0) + sign * node.size
    changed = [(name, size) for name, size in totals.items() if size]
    return dict(sorted(changed, key=lambda item: (-abs(item[1]), item[0])))


def _by_input(section: Section, old: Facts, new: Facts) -> Section:
    """Measurements, each that changed with the inputs that moved it, as far as they are known."""

    def why(name: str) -> str:
        of = dict.fromkeys((*old.made_of.get(name, ()), *new.made_of.get(name, ())))
        causes = [one for one in of if old.measurements.get(INPUT + one) != new.measurements.get(INPUT + one)]
        return f", by {', '.join(causes)}" if causes else ""

    changed = {name: f"{text}{why(name)}" for name, text in section.changed.items()}
    return replace(section, changed=changed)


def _measurements(facts: Facts) -> dict[str, str]:
    own = {"image SHA-256": facts.image.sha256, "image SHA-384": facts.image.sha384}
    return {name: value for name, value in {**own, **facts.measurements}.items() if value}
