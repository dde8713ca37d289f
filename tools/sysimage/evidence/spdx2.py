"""An SBOM as SPDX 2.3 JSON."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from tools.sysimage.evidence.components import (
    DEBIAN,
    TOOL,
    Beside,
    Sbom,
    name_of,
    person,
    plain,
    purl,
    references,
    source_purl,
    summary,
)
from tools.sysimage.evidence.facts import Node, Package

type Json = dict[str, Any]

_NONE = "NOASSERTION"
_UNKNOWN = {"licenseConcluded": _NONE, "copyrightText": _NONE}


def document(sbom: Sbom) -> Json:
    """The document, ready for JSON. Everything in it is a function of the image and its lock."""
    image = sbom.image
    refs = references(package.licence for package in sbom.facts.packages)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": image.name,
        # Nothing is there to be fetched; the digest makes it unique, as section 6.5 asks.
        "documentNamespace": f"https://spdx.org/spdxdocs/{plain(image.name)}-{image.sha256}",
        "creationInfo": {
            "created": image.created,
            "creators": [
                f"Tool: {TOOL}",
                *([f"Organization: {sbom.supplier}"] if sbom.supplier else []),
            ],
        },
        "packages": [_image(sbom)]
        + [_package(sbom, name, package, files) for name, package, files in sbom.packages()]
        + [_built(sbom, name, label, files) for name, label, files in sbom.built()]
        + [_beside(sbom, one) for one in sbom.beside]
        + [_linked(sbom, name, source, version) for name, (source, version, _) in sbom.linked().items()],
        "files": [_file(path, node) for path, node in sbom.facts.files()],
        "hasExtractedLicensingInfos": [
            {
                "licenseId": ref,
                "name": name,
                "extractedText": f"{name}: as it is in the copyright files of the packages that declare it.",
            }
            for ref, name in refs.items()
        ],
        "relationships": list(_relationships(sbom)),
    }


def _image(sbom: Sbom) -> Json:
    image = sbom.image
    return {
        "SPDXID": "SPDXRef-Image",
        "name": image.name,
        "versionInfo": sbom.image_version,
        "packageFileName": image.name,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        "supplier": f"Organization: {sbom.supplier}" if sbom.supplier else _NONE,
        "downloadLocation": _NONE,
        "checksums": _checksums(image.sha256, SHA384=image.sha384),
        **_analyzed(sbom.rest()),
        "licenseDeclared": _NONE,
        **({"comment": f"built by {image.target}"} if image.target else {}),
        **_UNKNOWN,
    }


def _package(sbom: Sbom, name: str, package: Package, files: Sequence[tuple[str, Node]]) -> Json:
    who, address = person(package.maintainer)
    supplier = f"Organization: {who} ({address})" if address else f"Organization: {who}"
    return {
        "SPDXID": f"SPDXRef-{name}",
        "name": package.name,
        "versionInfo": package.version,
        "supplier": supplier if who else _NONE,
        "downloadLocation": _NONE,
        **({"homepage": package.homepage} if package.homepage else {}),
        **({"summary": package.description} if package.description else {}),
        "sourceInfo": f"built from: {package.source} {package.source_version}",
        **({"packageFileName": package.pool.rpartition("/")[2]} if package.pool else {}),
        **({"checksums": _checksums(package.deb_sha256)} if package.deb_sha256 else {}),
        **_analyzed(files),
        "licenseDeclared": package.licence or _NONE,
        "externalRefs": [_purl(purl(package, sbom.image.codename))],
        **_UNKNOWN,
    }


def _built(sbom: Sbom, name: str, label: str, files: Sequence[tuple[str, Node]]) -> Json:
    return {
        "SPDXID": f"SPDXRef-{name}",
        "name": label,
        "versionInfo": f"sha256:{summary(files)}",
        "supplier": f"Organization: {sbom.supplier}" if sbom.supplier else _NONE,
        "downloadLocation": _NONE,
        **_analyzed(files),
        "licenseDeclared": _NONE,
        **_UNKNOWN,
    }


def _beside(sbom: Sbom, one: Beside) -> Json:
    return {
        "SPDXID": f"SPDXRef-{one.identifier}",
        "name": one.label,
        "versionInfo": f"sha256:{one.sha256}",
        "supplier": f"Organization: {sbom.supplier}" if sbom.supplier else _NONE,
        "downloadLocation": _NONE,
        "checksums": _checksums(one.sha256),
        "filesAnalyzed": False,
        "licenseDeclared": _NONE,
        **_UNKNOWN,
    }


def _linked(sbom: Sbom, name: str, source: str, version: str) -> Json:
    return {
        "SPDXID": f"SPDXRef-{name}",
        "name": source,
        "versionInfo": version,
        "primaryPackagePurpose": "SOURCE",
        "supplier": f"Organization: {DEBIAN}",
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseDeclared": _NONE,
        "externalRefs": [_purl(source_purl(source, version, sbom.image.codename))],
        **_UNKNOWN,
    }


def _purl(url: str) -> Json:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}


def _analyzed(files: Sequence[tuple[str, Node]]) -> Json:
    """What the fields are of a package of which these files are in the image: section 7.9."""
    if not files:
        return {"filesAnalyzed": False}
    sums = "".join(sorted(node.sha1 for _, node in files))
    code = hashlib.sha1(sums.encode(), usedforsecurity=False).hexdigest()
    return {
        "filesAnalyzed": True,
        "packageVerificationCode": {"packageVerificationCodeValue": code},
        "licenseInfoFromFiles": [_NONE],
    }


def _file(path: str, node: Node) -> Json:
    return {
        "SPDXID": _file_id(path),
        "fileName": f"./{name_of(path)}",
        "checksums": _checksums(node.sha256, SHA1=node.sha1),
        "licenseInfoInFiles": [_NONE],
        **_UNKNOWN,
    }


def _relationships(sbom: Sbom) -> Iterator[Json]:
    yield _relationship("DOCUMENT", "DESCRIBES", "SPDXRef-Image")
    contents = [*((name, files) for name, _, files in sbom.packages())]
    contents += [(name, files) for name, _, files in sbom.built()]
    for name, files in contents:
        yield _relationship("Image", "CONTAINS", f"SPDXRef-{name}")
        for path, _ in files:
            yield _relationship(name, "CONTAINS", _file_id(path))
    for path, _ in sbom.rest():
        yield _relationship("Image", "CONTAINS", _file_id(path))
    for name, needed in sbom.dependencies().items():
        for other in needed:
            yield _relationship(name, "DEPENDS_ON", f"SPDXRef-{other}")
    for one in sbom.beside:
        yield _relationship(one.identifier, "RUNTIME_DEPENDENCY_OF", "SPDXRef-Image")
    for name, (_, _, packages) in sbom.linked().items():
        for package in packages:
            yield _relationship(package, "GENERATED_FROM", f"SPDXRef-{name}")


def _relationship(one: str, kind: str, other: str) -> Json:
    return {
        "spdxElementId": f"SPDXRef-{one}",
        "relationshipType": kind,
        "relatedSpdxElement": other,
    }


def _file_id(path: str) -> str:
    return f"SPDXRef-File-{hashlib.sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}"


def _checksums(sha256: str, **more: str) -> list[Json]:
    found = [*more.items(), ("SHA256", sha256)]
    return [{"algorithm": name, "checksumValue": value} for name, value in found if value]
