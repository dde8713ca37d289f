"""The manifest of rules_distroless (YAML, version 1) → the debian.toml that means the same.

Read is what its own reader reads (`internal_resolve` in apt/private/deb_resolve.bzl): `sources`, a list of
`channel: SUITE COMPONENT…` with `url` or `urls`; `archs`; and `packages`, each in the syntax of a dependency.
It adds no essential packages, and neither does what is written here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.atomic import output
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.mirrors import VARIABLE, is_security, snapshot_mirror
from tools.sysimage.lock import manifest
from tools.sysimage.lock.debiankeys import CODENAMES, signers
from tools.sysimage.lock.yamlnode import YamlNode, parse

_COMPONENTS = ("main", "contrib", "non-free", "non-free-firmware")
_STAMP = re.compile(r"[0-9]{8}(T[0-9]{6}Z)?")
_PACKAGE = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]*)( *\(= *(?P<version>[A-Za-z0-9.+~:-]+) *\))?")
_ARCHITECTURE = re.compile(r"[a-z0-9][a-z0-9-]*")
_SERVER = re.compile(r"://|[a-z0-9-]\.[a-z]{2,}", re.IGNORECASE)
_WIDTH = 100  # characters of a list that stands in one line


@dataclass(frozen=True, slots=True)
class _Archive:
    """What the sources of one archive ask for."""

    source: YamlNode
    """The first of them."""
    stamp: str | None
    """The moment of a snapshot; None for the archive as it is."""
    suites: dict[str, tuple[YamlNode, list[str]]]
    """Suite → the first source that names it, and the components of all that do."""


def import_manifest(source: Path, target: Path, lock: Path) -> str:
    """Writes the manifest `target` from that of rules_distroless at `source`.

    Returns what to print: what was written, and how it is locked, into `lock` unless that is there
    already. Raises ToolError, also if there is a `target` already.
    """
    if target.exists():
        raise ToolError(f"{target}: it is there already; remove it, or name another file with --manifest")
    if not target.parent.is_dir():
        raise ToolError(f"{target.parent}: no such folder; make it, or name another file with --manifest")
    try:
        text = source.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ToolError(f"{source}: no such file; --import names a manifest of rules_distroless") from error
    except UnicodeDecodeError as error:
        raise ToolError(f"{source}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    written = convert(text, source)
    parsed = manifest.parse(written, str(target))
    with output(target) as stream:
        stream.write(written.encode())
    suites = ", ".join(suite for archive in parsed.archives for suite in archive.suites)
    (made,) = parsed.sets
    return (
        f"wrote {target}: set {made.name}, {len(made.packages)} packages of {suites} "
        f"for {', '.join(parsed.architectures)}\n"
        f"next, lock it: the same command, with --manifest={target} "
        f"--lock={target.with_suffix('.lock.json') if lock.exists() else lock} instead of --import"
    )


def convert(text: str, source: Path) -> str:
    """The text of the debian.toml that means the same as `text`, which is that of the file `source`.

    Raises ToolError for what is not YAML, what rules_distroless would not read, and what debian.toml has no
    words for; each with its line.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", source.stem).lstrip("_-")
    # The repository of a lock has a target `lock` of its own.
    if name in ("", "lock"):
        raise ToolError(f"{source}: no set of packages can be called after this file; rename it")
    fields = parse(text, source).fields("version", "sources", "archs", "packages")
    if fields["version"].text() != "1":
        fields["version"].fail("only version 1 is known here")
    archives = _archives(fields["sources"].items())
    architectures = [_architecture(node) for node in _distinct(fields["archs"])]
    packages, pins = _packages(_distinct(fields["packages"]))
    lines = (
        *_head(source.name, archives),
        *_tables(archives),
        "[lock]",
        *_array("architectures", architectures),
        "",
        *pins,
        "# As in rules_distroless, what others may use without naming it is not added (essential = true).",
        f"[set.{name}]",
        *packages,
    )
    return "\n".join(lines) + "\n"


def _archives(sources: list[YamlNode]) -> dict[str, _Archive]:
    """The archives of the sources by name, merged by archive and by suite."""
    archives: dict[str, _Archive] = {}
    for source in sources:
        fields = source.fields("channel", other=("url", "urls"))
        suite, *components = fields["channel"].text().split()
        if not components or suite.endswith("/"):
            fields["channel"].fail(
                "a channel must be a suite and its components, as in `bookworm main`; "
                "debian.toml has no words for a flat repository: take it out"
            )
        name, stamp = _place(source, fields, suite)
        _check_known(source, name, suite, components)
        archive = archives.setdefault(name, _Archive(source, stamp, {}))
        if archive.stamp != stamp:
            source.fail(
                f"{name} as of {stamp or 'now'}, but as of {archive.stamp or 'now'} in line "
                f"{archive.source.line}; all of an archive is locked as of one moment: give both the same"
            )
        _, listed = archive.suites.setdefault(suite, (source, []))
        listed.extend(component for component in components if component not in listed)
    for archive in archives.values():
        (first, (source, components)), *others = archive.suites.items()
        for suite, (other, listed) in others:
            if set(listed) != set(components):
                other.fail(
                    f"{suite} has {' '.join(listed)}, but {first} in line {source.line} has "
                    f"{' '.join(components)}; debian.toml has one list of components for all suites of an "
                    f"archive: give both {' '.join(dict.fromkeys((*components, *listed)))}"
                )
    return archives


def _place(source: YamlNode, fields: dict[str, YamlNode], suite: str) -> tuple[str, str | None]:
    """A source's archive and the moment of the snapshot that it is; the paths of its URLs tell both."""
    if not fields.keys() & {"url", "urls"}:
        source.fail("url is missing")
    places = []
    for url in fields["urls"].items() if "urls" in fields else [fields["url"]]:
        _server, _, path = url.text().rpartition("://")[2].partition("/")
        words = path.strip("/").split("/")
        stamp = words.pop() if len(words) > 1 and _STAMP.fullmatch(words[-1]) else None
        # A mirror of the security archive may have it at its root.
        name = "debian-security" if words == [""] and is_security(suite) else words[-1]
        places.append((name, stamp))
        if places[-1] != places[0]:
            url.fail(
                "this is another archive than the first URL's, or another moment; make it another source"
            )
    return places[0]


def _check_known(source: YamlNode, archive: str, suite: str, components: list[str]) -> None:
    """Refuses the suites of anybody but Debian, whose keys the user has to find out."""
    remedy = (
        "take it out, and add its [archive.NAME] by hand to what is written, with the fingerprints that its "
        "owner announces in signed_by"
    )
    if not signers(archive, suite):
        if archive == "debian" and ("-backports" in suite or suite == "experimental"):
            source.fail(
                f"rules_distroless takes all that is newer in {suite}, debian.toml what a [[pin]] names; "
                f"take it out, and add the suite and the pin by hand to what is written"
            )
        source.fail(
            f"it is not known here who signs {suite} of {archive or 'this archive'}, only who signs debian's "
            f"{', '.join(CODENAMES)}, their -updates, and their -security of debian-security; {remedy}"
        )
    for component in components:
        if component not in _COMPONENTS:
            source.fail(f"Debian's {suite} has no {component}, so this archive is not Debian's; {remedy}")


def _distinct(names: YamlNode) -> Iterator[YamlNode]:
    """The entries of a list, none of them twice."""
    lines: dict[str, int] = {}
    for node in names.items():
        if node.text() in lines:
            node.fail(f"{node.text()} is in line {lines[node.text()]}, too; once is enough")
        lines[node.text()] = node.line
        yield node


def _architecture(node: YamlNode) -> str:
    name = node.text()
    if name == "all":
        node.fail("packages for all architectures are locked with those of each; name the guests' own")
    if not _ARCHITECTURE.fullmatch(name):
        node.fail(f"{name!r} is not an architecture of Debian, as amd64")
    return name


def _packages(nodes: Iterable[YamlNode]) -> tuple[list[str], list[str]]:
    """The lines of the list of packages, with the comments that they have, and those of their pins."""
    names: list[str] = []
    lines, pins = [], []
    for node in nodes:
        match = _PACKAGE.fullmatch(node.text())
        if not match:
            node.fail(f"'{node.text()}' {_not_a_name(node.text())}")
        name = match["name"]
        if name in names:
            node.fail(f"{name} is here for the second time; once is enough")
        if match["version"]:
            pins += ["[[pin]]", f'packages = ["{name}"]', f'version = "{match["version"]}"', ""]
        above, beside = node.comments()
        # No server is named in a manifest, not even in a comment.
        if not any(map(_SERVER.search, above)):
            lines += [f"    {line}" for line in above]
        lines.append(f'    "{name}",' + (f" {beside}" if beside and not _SERVER.search(beside) else ""))
        names.append(name)
    if any("#" in line for line in lines):
        return ["packages = [", *lines, "]"], pins
    return _array("packages", names), pins


def _not_a_name(entry: str) -> str:
    """What is wrong with an entry of `packages` that is not just a name, and what to do about it."""
    if "," in entry or "|" in entry:
        return "is more than one package; name the one that is wanted"
    if "(" in entry:
        return "asks for a range of versions; name the package alone, or one version with (= VERSION)"
    if "[" in entry or ":" in entry:
        return "names an architecture, which rules_distroless overlooks; name the package alone"
    return "is not the name of a package"


def _head(file: str, archives: Mapping[str, _Archive]) -> Iterator[str]:
    """The comment at the top: where it comes from, and what to do about the moment of snapshots."""
    yield f"# Imported from {file}, a manifest of rules_distroless. Mirrors are configuration of the host,"
    yield "# not of this file."
    snapshots = {name: archive.stamp for name, archive in archives.items() if archive.stamp}
    if snapshots:
        mirrors = " ".join(f"{name}={snapshot_mirror(name, stamp)}" for name, stamp in snapshots.items())
        yield "#"
        yield "# Its sources were snapshots. To lock what they hold, have this in the environment:"
        yield f'#   {VARIABLE}="{mirrors}"'
    yield ""


def _tables(archives: Mapping[str, _Archive]) -> Iterator[str]:
    yield "# Suites are in order of preference: of equal versions, the first suite's is taken. An archive is"
    yield "# trusted for what the keys in signed_by have signed, and for nothing else."
    for name, archive in archives.items():
        keys = {key: owner for suite in archive.suites for key, owner in signers(name, suite).items()}
        _, components = next(iter(archive.suites.values()))
        yield f"[archive.{name}]"
        yield from _array("suites", archive.suites)
        yield from _array("components", components)
        yield "signed_by = ["
        yield from (f'    "{key}", # {owner}' for key, owner in keys.items())
        yield "]"
        yield ""


def _array(key: str, values: Iterable[str]) -> list[str]:
    """A TOML array of names: in one line, or one entry a line if that is too long."""
    names = [f'"{value}"' for value in values]
    line = f"{key} = [{', '.join(names)}]"
    return [line] if len(line) <= _WIDTH else [f"{key} = [", *(f"    {name}," for name in names), "]"]
