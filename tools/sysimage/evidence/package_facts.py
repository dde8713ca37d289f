"""package_facts: reads in the .debs of a set what images don't carry: maintainers, licences, fixes.

JSON, one package a line: {"NAME_VERSION_ARCHITECTURE": {…}}; see `DebFacts`. It depends on the set alone,
so a new orchestrator does not have packages read again.
"""

import argparse
import gzip
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import run
from tools.sysimage.core.tree import Kind
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.evidence.copyright import licence
from tools.sysimage.formats import tar
from tools.sysimage.formats.deb import Deb, open_deb

_DOC = "usr/share/doc/"
_CHANGELOGS = ("changelog.Debian.gz", "changelog.gz", "changelog.Debian", "changelog")
_HEAD = re.compile(r"^([a-z0-9][a-z0-9+.-]*) \(([^)\s]+)\) ([^;]+);", re.MULTILINE)
_USED = re.compile(r"([a-z0-9][a-z0-9+.-]+)\s*\(=\s*([^)\s]+)\s*\)")
_CVE = re.compile(r"CVE-\d{4}-\d{4,7}")
_MAX_FILE = 16 << 20  # bytes of a changelog or copyright file; Debian's largest changelog is 2 MiB
_NEWEST = 40  # versions of a changelog


@dataclass(frozen=True, slots=True)
class SecurityFix:
    """A version of a changelog that names CVEs, or was for a security suite."""

    version: str
    suite: str
    cves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DebFacts:
    """What a .deb says of itself; sizes in bytes."""

    name: str
    version: str
    architecture: str
    maintainer: str
    homepage: str
    section: str
    description: str
    licence: str  # SPDX expression, "" if the copyright file is in free text
    sha256: str
    size: int
    security: tuple[SecurityFix, ...]
    paths: tuple[str, ...]  # of what is no directory, for images whose dpkg does not know it any more
    built_using: tuple[str, ...]  # "SOURCE VERSION" of what is linked into it: deb-control(5)


@dataclass(frozen=True, slots=True)
class _Data:
    """What is looked for in a data.tar."""

    documents: dict[str, str]  # the copyright file and changelogs, by name
    shared: str  # the package whose documentation this one's is, "" if it has its own
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PackageFactsInput:
    """What the rule hands over."""

    packages: tuple[LockedPackage, ...]


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE."""
    parser = argparse.ArgumentParser(prog="package_facts", description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="JSON: the packages' files")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    options = parser.parse_args(argv)
    packages = json_manifest.read(PackageFactsInput, options.manifest).packages
    found = read(packages)
    lines = [f"{json.dumps(name)}: {json.dumps(asdict(facts))}" for name, facts in sorted(found.items())]
    with atomic.output(options.output) as out:
        out.write(f"{{\n{',\n'.join(lines)}\n}}\n".encode())
    return 0


def key(name: str, version: str, architecture: str) -> str:
    """The name under which a package's facts are written."""
    return f"{name}_{version}_{architecture}"


def read(packages: Sequence[LockedPackage]) -> dict[str, DebFacts]:
    """The facts of each .deb. Documentation that is a link to another package's is that one's."""
    debs = [(locked, open_deb(locked.deb)) for locked in packages]
    read_debs = {deb.name: _data(deb) for _, deb in debs}
    found = {}
    for locked, deb in debs:
        data = documented = read_debs[deb.name]
        for _ in range(4):  # links of links; Debian's policy, 12.3, wants the same source package
            documented = read_debs.get(documented.shared, documented)
        files = documented.documents
        changelog = next((files[name] for name in _CHANGELOGS if name in files), "")
        fields = deb.fields
        version, architecture = fields["Version"], fields["Architecture"]
        found[key(deb.name, version, architecture)] = DebFacts(
            deb.name,
            version,
            architecture,
            _text(fields.get("Maintainer", "")),
            _text(fields.get("Homepage", "")),
            _text(fields.get("Section", "")),
            _text(fields.get("Description", "").split("\n")[0]),
            licence(files.get("copyright", "")),
            locked.sha256,
            locked.deb.stat().st_size,
            security(changelog),
            data.paths,
            built_using(fields),
        )
    return found


def built_using(fields: Mapping[str, str]) -> tuple[str, ...]:
    """The source packages of which code is in a package, "SOURCE VERSION", by the fields for it."""
    found: set[str] = set()
    for name in ("Built-Using", "Static-Built-Using"):
        found.update(f"{source} {version}" for source, version in _USED.findall(fields.get(name, "")))
    return tuple(sorted(found))


def security(changelog: str) -> tuple[SecurityFix, ...]:
    """The versions of a changelog (deb-changelog(5)) that say that they mend something, newest first."""
    heads = list(_HEAD.finditer(changelog))[:_NEWEST]
    found = []
    for at, head in enumerate(heads):
        end = heads[at + 1].start() if at + 1 < len(heads) else len(changelog)
        cves = tuple(sorted(set(_CVE.findall(changelog[head.end() : end]))))
        suite = head[3].strip()
        if cves or "security" in suite:
            found.append(SecurityFix(head[2], suite, cves))
    return tuple(found)


def _data(deb: Deb) -> _Data:
    found: dict[str, str] = {}
    shared = ""
    paths = []
    folder = f"{_DOC}{deb.name}"
    with deb.data() as stream:
        for entry in tar.read(stream, f"{deb.path}: data.tar", _Spool()):
            inode = entry.inode
            if inode is None or inode.kind is not Kind.DIRECTORY:
                paths.append(entry.path)
            if inode is None or not entry.path.startswith(folder):
                continue
            name = entry.path.removeprefix(folder).removeprefix("/")
            wanted = name in _CHANGELOGS or name == "copyright"
            if inode.kind is Kind.SYMLINK and entry.path == folder:
                shared = inode.target.rstrip("/").rpartition("/")[2]
            elif inode.kind is Kind.SYMLINK and wanted and "/" in inode.target:
                shared = inode.target.split("/")[-2]  # its copyright file alone is another's
            elif inode.kind is Kind.FILE and wanted and inode.content.size <= _MAX_FILE:
                found[name] = _unpacked(inode.read())
    return _Data(found, shared, tuple(paths))


class _Spool(io.BytesIO):
    """Holds the content of the entry that was read last, and of none before it."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence == 2:
            super().seek(0)
            self.truncate()
            return 0
        return super().seek(offset, whence)


def _unpacked(data: bytes) -> str:
    try:
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except OSError, EOFError, zlib.error:
        data = b""  # a changelog of which nothing can be said
    return data.decode("utf-8", "replace")


def _text(value: str) -> str:
    """A field as one line, in Unicode: a field in another encoding has marks in place of its letters."""
    return " ".join(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())


if __name__ == "__main__":
    run(main)
