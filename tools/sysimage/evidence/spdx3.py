"""An SBOM as SPDX 3.0.1 JSON-LD, of the profiles core, software and simpleLicensing."""

import hashlib
from collections.abc import Iterator
from typing import Any

from tools.sysimage.evidence.components import (
    DEBIAN,
    TOOL,
    Sbom,
    name_of,
    person,
    plain,
    purl,
    source_purl,
    summary,
)
from tools.sysimage.evidence.facts import Node, Package

type Json = dict[str, Any]

_INFO = "_:creation"


def document(sbom: Sbom) -> Json:
    """The document, ready for JSON; elements are in a fixed order."""
    image = sbom.image
    base = f"https://spdx.org/spdxdocs/{plain(image.name)}-{image.sha256}#"
    elements = list(_Elements(sbom, base).all())
    author = base + ("Supplier" if sbom.supplier else "Tool-agent")
    info = {
        "type": "CreationInfo",
        "@id": _INFO,
        "specVersion": "3.0.1",
        "created": image.created,
        "createdBy": [author],
        "createdUsing": [base + "Tool"],
    }
    bom = {
        "type": "software_Sbom",
        "spdxId": base + "Sbom",
        "creationInfo": _INFO,
        "software_sbomType": ["build"],
        "rootElement": [base + "Image"],
        "element": [element["spdxId"] for element in elements],
    }
    head = {
        "type": "SpdxDocument",
        "spdxId": base + "Document",
        "creationInfo": _INFO,
        "name": image.name,
        "profileConformance": ["core", "software", "simpleLicensing"],
        "rootElement": [bom["spdxId"]],
        "element": [bom["spdxId"], *bom["element"]],
    }
    return {
        "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
        "@graph": [info, head, bom, *elements],
    }


class _Elements:
    """Makes the elements of one document."""

    def __init__(self, sbom: Sbom, base: str) -> None:
        self._sbom, self._base = sbom, base

    def all(self) -> Iterator[Json]:
        """Agents, the image, its packages, files, licences, and what relates them."""
        sbom = self._sbom
        yield self._element("Tool", "Tool", name=TOOL)
        if sbom.supplier:
            yield self._element("Organization", "Supplier", name=sbom.supplier)
        else:
            yield self._element("SoftwareAgent", "Tool-agent", name=TOOL)
        yield from self._agents()
        yield self._image()
        owned: dict[str, list[str]] = {"Image": [self._file_id(path) for path, _ in sbom.rest()]}
        for name, package, files in sbom.packages():
            yield self._package(name, package)
            owned[name] = [self._file_id(path) for path, _ in files]
            owned["Image"].append(self._base + name)
            if package.licence:
                licence = "Licence-" + _short(package.licence)
                yield self._relation(name, "hasDeclaredLicense", [self._base + licence])
        for name, label, files in sbom.built():
            owned[name] = [self._file_id(path) for path, _ in files]
            owned["Image"].append(self._base + name)
            more = {"suppliedBy": self._base + "Supplier"} if sbom.supplier else {}
            version = f"sha256:{summary(files)}"
            yield self._element("software_Package", name, name=label, software_packageVersion=version, **more)
        for one in sbom.beside:
            more = {"suppliedBy": self._base + "Supplier"} if sbom.supplier else {}
            yield self._element(
                "software_Package",
                one.identifier,
                name=one.label,
                software_packageVersion=f"sha256:{one.sha256}",
                verifiedUsing=[_hash(one.sha256)],
                **more,
            )
        if sbom.beside:
            yield self._relation("Image", "dependsOn", [self._base + one.identifier for one in sbom.beside])
        for name, (source, version, packages) in sbom.linked().items():
            yield self._element(
                "software_Package",
                name,
                name=source,
                software_packageVersion=version,
                software_packageUrl=source_purl(source, version, sbom.image.codename),
                software_primaryPurpose="source",
                suppliedBy=self._base + "Agent-Debian",
            )
            yield self._relation(name, "generates", [self._base + package for package in packages])
        for licence in sorted({package.licence for package in sbom.facts.packages if package.licence}):
            yield self._element(
                "simplelicensing_LicenseExpression",
                "Licence-" + _short(licence),
                simplelicensing_licenseExpression=licence,
            )
        for path, node in sbom.facts.files():
            yield self._file(path, node)
        for name, contained in owned.items():
            if contained:
                yield self._relation(name, "contains", contained)
        for name, needed in sbom.dependencies().items():
            if needed:
                yield self._relation(name, "dependsOn", [self._base + other for other in needed])

    def _agents(self) -> Iterator[Json]:
        if self._sbom.linked():
            yield self._element("Organization", "Agent-Debian", name=DEBIAN)
        for maintainer in sorted({package.maintainer for package in self._sbom.facts.packages}):
            name, address = person(maintainer)
            if name:
                more: Json = {}
                if address:
                    more["externalIdentifier"] = [
                        {
                            "type": "ExternalIdentifier",
                            "externalIdentifierType": "email",
                            "identifier": address,
                        }
                    ]
                yield self._element("Organization", "Agent-" + _short(maintainer), name=name, **more)

    def _image(self) -> Json:
        image = self._sbom.image
        more = {"suppliedBy": self._base + "Supplier"} if self._sbom.supplier else {}
        return self._element(
            "software_Package",
            "Image",
            name=image.name,
            software_packageVersion=self._sbom.image_version,
            software_primaryPurpose="operatingSystem",
            verifiedUsing=[_hash(image.sha256), *([_hash(image.sha384, "sha384")] if image.sha384 else [])],
            **more,
        )

    def _package(self, name: str, package: Package) -> Json:
        more: Json = {}
        if package.maintainer:
            more["suppliedBy"] = self._base + "Agent-" + _short(package.maintainer)
        if package.homepage:
            more["software_homePage"] = package.homepage
        if package.description:
            more["summary"] = package.description
        if package.deb_sha256:
            more["verifiedUsing"] = [_hash(package.deb_sha256)]
        return self._element(
            "software_Package",
            name,
            name=package.name,
            software_packageVersion=package.version,
            software_packageUrl=purl(package, self._sbom.image.codename),
            software_primaryPurpose="library" if package.section.endswith("libs") else "application",
            software_sourceInfo=f"built from: {package.source} {package.source_version}",
            **more,
        )

    def _file(self, path: str, node: Node) -> Json:
        element = self._element(
            "software_File", "", name=f"/{name_of(path)}", verifiedUsing=[_hash(node.sha256)]
        )
        return element | {"spdxId": self._file_id(path)}

    def _file_id(self, path: str) -> str:
        return self._base + "File-" + _short(path)

    def _relation(self, name: str, kind: str, others: list[str]) -> Json:
        return self._element(
            "Relationship",
            f"{name}-{kind}",
            **{"from": self._base + name, "relationshipType": kind, "to": others},
        )

    def _element(self, kind: str, identifier: str, /, **more: Any) -> Json:
        return {"type": kind, "spdxId": self._base + identifier, "creationInfo": _INFO, **more}


def _hash(value: str, algorithm: str = "sha256") -> Json:
    return {"type": "Hash", "algorithm": algorithm, "hashValue": value}


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
