"""The components of an image, as every form of an SBOM has them: packages, and what targets made."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from tools.sysimage.evidence.facts import Facts, Image, Node, Package

TOOL = "rules_system_image"
DEBIAN = "Debian"  # who supplies source packages, of which no maintainer is known here
_REF = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Beside:
    """A file that belongs to an image and is not in it, such as the kernel that boots it."""

    label: str
    sha256: str

    @property
    def identifier(self) -> str:
        """Letters, digits, dots and dashes."""
        return "Beside-" + plain(self.label)


@dataclass(frozen=True, slots=True)
class Sbom:
    """What an SBOM is made of; `supplier` is who is responsible for the image, "" if nobody is named."""

    facts: Facts
    supplier: str = ""
    beside: tuple[Beside, ...] = ()

    @property
    def image(self) -> Image:
        """The image itself."""
        return self.facts.image

    @property
    def image_version(self) -> str:
        """The version of an image: its digest, since nothing else tells two of them apart."""
        return f"sha256:{self.image.sha256}"

    def packages(self) -> Iterator[tuple[str, Package, list[tuple[str, Node]]]]:
        """Each package with an identifier and its files; of several architectures, the first has them."""
        files: dict[str, list[tuple[str, Node]]] = {}
        for path, node in self.facts.files():
            if node.package:
                files.setdefault(node.package, []).append((path, node))
        for package in self.facts.packages:
            yield identifier(package), package, files.pop(package.name, [])

    def built(self) -> Iterator[tuple[str, str, list[tuple[str, Node]]]]:
        """What targets of the build put into the image: an identifier, the label and its files."""
        files: dict[str, list[tuple[str, Node]]] = {}
        for path, node in self.facts.files():
            if not node.package and node.label:
                files.setdefault(node.label, []).append((path, node))
        for label, found in sorted(files.items()):
            yield "Built-" + plain(label), label, found

    def linked(self) -> dict[str, tuple[str, str, list[str]]]:
        """What is linked into packages: an identifier → source package, version, those that it is in."""
        found: dict[str, tuple[str, str, list[str]]] = {}
        for package in self.facts.packages:
            for used in package.built_using:
                source, _, version = used.partition(" ")
                name = f"Source-{plain(source)}-{plain(version)}"
                found.setdefault(name, (source, version, []))[2].append(identifier(package))
        return dict(sorted(found.items()))

    def rest(self) -> list[tuple[str, Node]]:
        """Files that neither a package nor a target has: those that the installation made."""
        return [(path, node) for path, node in self.facts.files() if not node.package and not node.label]

    def dependencies(self) -> dict[str, list[str]]:
        """Identifier of a package → those of the packages that it depends on, as the lock resolved it."""
        known: dict[str, str] = {}
        for package in self.facts.packages:
            known.setdefault(package.name, identifier(package))
        return {
            identifier(package): [known[name] for name in package.depends if name in known]
            for package in self.facts.packages
        }


def identifier(package: Package) -> str:
    """A package's identifier: letters, digits, dots and dashes."""
    return f"Package-{plain(package.name)}-{package.architecture}"


def plain(text: str) -> str:
    """A text in letters, digits, dots and dashes; different texts of packages and labels stay different."""
    return re.sub(
        r"[^A-Za-z0-9.-]", lambda match: "-plus" if match[0] == "+" else f"-{ord(match[0]):x}-", text
    ).strip("-")


def name_of(path: str) -> str:
    """A path as Unicode: bytes that are not UTF-8 are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def purl(package: Package, codename: str) -> str:
    """The package URL, type deb: purl-spec, types/deb-definition; `upstream` is what scanners ask for."""
    qualifiers = [f"arch={package.architecture}"]
    if codename:
        qualifiers.append(f"distro={_quoted(codename)}")
    if (package.source, package.source_version) != (package.name, package.version):
        source = package.source
        if package.source_version != package.version:
            source += f"@{package.source_version}"
        qualifiers.append(f"upstream={_quoted(source)}")
    return f"pkg:deb/debian/{_quoted(package.name)}@{_quoted(package.version)}?{'&'.join(qualifiers)}"


def summary(files: Iterable[tuple[str, Node]]) -> str:
    """One digest for a target: its file's, or that of its files' digests and paths."""
    found = list(files)
    if len(found) == 1:
        return found[0][1].sha256
    lines = "".join(f"{node.sha256}  {path}\n" for path, node in found)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def source_purl(source: str, version: str, codename: str) -> str:
    """The package URL of a source package."""
    distribution = f"&distro={_quoted(codename)}" if codename else ""
    return f"pkg:deb/debian/{_quoted(source)}@{_quoted(version)}?arch=source{distribution}"


def references(expressions: Iterable[str]) -> dict[str, str]:
    """The licences in expressions that SPDX's list does not have → their names."""
    found = {name for expression in expressions for name in _REF.findall(expression)}
    return {name: name.removeprefix("LicenseRef-") for name in sorted(found)}


def person(maintainer: str) -> tuple[str, str]:
    """Name and address of a Maintainer field."""
    match = re.fullmatch(r"\s*(.*?)\s*<([^<>]*)>\s*", maintainer)
    return (match[1].strip('"'), match[2]) if match else (maintainer.strip(), "")


def _quoted(text: str) -> str:
    return quote(text, safe="").replace("%3A", ":")
