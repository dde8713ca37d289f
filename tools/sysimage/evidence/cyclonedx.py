"""An SBOM as CycloneDX 1.6 JSON."""

import uuid
from collections.abc import Sequence
from typing import Any

from tools.sysimage.evidence.components import DEBIAN, TOOL, Beside, Sbom, name_of, person, purl, source_purl
from tools.sysimage.evidence.facts import Node, Package

type Json = dict[str, Any]

_SPACE = uuid.UUID("5a1f2f3e-6f0b-5d7d-9f2c-1d8f0f6b7c11")  # of the serial numbers, made once


def document(sbom: Sbom) -> Json:
    """The document, ready for JSON. Its serial number follows from the image's digest."""
    image = sbom.image
    root: Json = {
        "type": "operating-system",
        "bom-ref": "Image",
        "name": image.name,
        "version": sbom.image_version,
        "hashes": _hashes(image.sha256, image.sha384),
    }
    if sbom.supplier:
        root["supplier"] = {"name": sbom.supplier}
    dependencies = {"Image": [], **sbom.dependencies()}
    components = [_package(sbom, name, package, files) for name, package, files in sbom.packages()]
    components += [_built(sbom, name, label, files) for name, label, files in sbom.built()]
    components += [_beside(sbom, one) for one in sbom.beside]
    for name, (source, version, packages) in sbom.linked().items():
        components.append(_linked(sbom, name, source, version))
        for package in packages:
            dependencies[package].append(name)
    dependencies["Image"] = [component["bom-ref"] for component in components]
    components += [_file(path, node) for path, node in sbom.rest()]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, f'{image.name} {image.sha256}')}",
        "version": 1,
        "metadata": {
            "timestamp": image.created,
            "tools": {"components": [{"type": "application", "name": TOOL}]},
            "component": root,
            **({"supplier": {"name": sbom.supplier}} if sbom.supplier else {}),
        },
        "components": components,
        "dependencies": [
            {"ref": name, "dependsOn": list(dict.fromkeys(needed))} for name, needed in dependencies.items()
        ],
    }


def _package(sbom: Sbom, name: str, package: Package, files: Sequence[tuple[str, Node]]) -> Json:
    found: Json = {
        "type": "library" if package.section.endswith("libs") else "application",
        "bom-ref": name,
        "name": package.name,
        "version": package.version,
    }
    who, address = person(package.maintainer)
    if who:
        found["supplier"] = {"name": who} | ({"contact": [{"email": address}]} if address else {})
    if package.description:
        found["description"] = package.description
    if package.deb_sha256:
        found["hashes"] = _hashes(package.deb_sha256)
    if package.licence:
        found["licenses"] = [{"expression": package.licence, "acknowledgement": "declared"}]
    found["purl"] = purl(package, sbom.image.codename)
    if package.homepage:
        found["externalReferences"] = [{"type": "website", "url": package.homepage}]
    found["properties"] = [
        {"name": "debian:architecture", "value": package.architecture},
        {"name": "debian:source", "value": package.source},
        {"name": "debian:source_version", "value": package.source_version},
    ]
    if files:
        found["components"] = [_file(path, node) for path, node in files]
    return found


def _linked(sbom: Sbom, name: str, source: str, version: str) -> Json:
    return {
        "type": "library",
        "bom-ref": name,
        "supplier": {"name": DEBIAN},
        "name": source,
        "version": version,
        "purl": source_purl(source, version, sbom.image.codename),
    }


def _built(sbom: Sbom, name: str, label: str, files: Sequence[tuple[str, Node]]) -> Json:
    return {
        "type": "application",
        "bom-ref": name,
        "name": label,
        **({"supplier": {"name": sbom.supplier}} if sbom.supplier else {}),
        "components": [_file(path, node) for path, node in files],
    }


def _beside(sbom: Sbom, one: Beside) -> Json:
    return {
        "type": "application",
        "bom-ref": one.identifier,
        "name": one.label,
        "version": f"sha256:{one.sha256}",
        "scope": "required",
        **({"supplier": {"name": sbom.supplier}} if sbom.supplier else {}),
        "hashes": _hashes(one.sha256),
    }


def _file(path: str, node: Node) -> Json:
    return {
        "type": "file",
        "bom-ref": f"/{name_of(path)}",
        "name": f"/{name_of(path)}",
        "hashes": _hashes(node.sha256),
    }


def _hashes(sha256: str, sha384: str = "") -> list[Json]:
    found = [("SHA-256", sha256), ("SHA-384", sha384)]
    return [{"alg": name, "content": value} for name, value in found if value]
