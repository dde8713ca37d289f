"""provenance: what an image was made of and how, as an in-toto statement with a predicate of SLSA v1.

Beside it, an endorsement as Oak's verifiers read it: both ready to be signed. Only the commit and the image
decide what they say: times are those of the lock's snapshot.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import run
from tools.sysimage.core.span import External, sha256
from tools.sysimage.evidence import dsse, facts
from tools.sysimage.evidence.components import name_of, purl
from tools.sysimage.evidence.facts import Facts
from tools.sysimage.formats.oci_layout import first_digest
from tools.sysimage.publish.workspace_status import public, status_values

type Json = dict[str, Any]

_SLSA = "https://slsa.dev/provenance/v1"
_ENDORSEMENT = "https://project-oak.github.io/oak/tr/endorsement/v1"
_BUILD_TYPE = "urn:rules_system_image:bazel:v1"
_SOMEBODY = "urn:rules_system_image:unnamed-builder"


@dataclass(frozen=True, slots=True)
class BaseInput:
    """An image that this one is made of."""

    label: str
    layout: Path


@dataclass(frozen=True, slots=True)
class ProvenanceInput:
    """What the rule hands over."""

    bases: tuple[BaseInput, ...]
    beside: tuple[Path, ...]
    """What was made with the image, such as its SBOMs."""
    builder: str
    claims: tuple[str, ...]
    facts: Path
    status: Path
    """Bazel's stable-status.txt."""
    valid_days: int


def main(argv: Sequence[str]) -> int:
    """Command line: --manifest FILE --output FILE --endorsement FILE."""
    parser = argparse.ArgumentParser(prog="provenance", description=__doc__)
    parser.add_argument(
        "--manifest", type=Path, required=True, help="JSON: the image, and what it is made of"
    )
    parser.add_argument("--output", type=Path, required=True, help="statement to write")
    parser.add_argument("--endorsement", type=Path, required=True, help="Oak's endorsement to write")
    options = parser.parse_args(argv)
    wanted = json_manifest.read(ProvenanceInput, options.manifest)
    found = facts.load(wanted.facts)
    with atomic.outputs(options.output, options.endorsement) as [output, endorsed]:
        output.write(_written(provenance(found, wanted)))
        endorsed.write(_written(endorsement(found, wanted.valid_days, wanted.claims)))
    return 0


def provenance(found: Facts, wanted: ProvenanceInput) -> Json:
    """The statement of how the image was made: SLSA v1, "Provenance"."""
    status = status_values(wanted.status.read_text("utf-8"))
    source = public(status.get("STABLE_GIT_URL", ""))
    external: Json = {"target": found.image.target}
    if source:
        external["source"] = source
    return statement(
        found,
        _SLSA,
        {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": external,
                "resolvedDependencies": list(_materials(found, wanted.bases, source, status)),
            },
            "runDetails": {
                "builder": {"id": wanted.builder or _SOMEBODY},
                "byproducts": [
                    {"name": path.name, "digest": {"sha256": sha256(External(path, path.stat().st_size))}}
                    for path in wanted.beside
                ],
            },
        },
    )


def endorsement(found: Facts, days: int, claims: Sequence[str]) -> Json:
    """Oak's endorsement: docs/tr/endorsement/v1.md. It is valid from the snapshot on, for so many days."""
    start = datetime.fromisoformat(found.image.created)
    return statement(
        found,
        _ENDORSEMENT,
        {
            "issuedOn": _time(start),
            "validity": {"notBefore": _time(start), "notAfter": _time(start + timedelta(days=days))},
            "claims": [{"type": claim} for claim in claims],
        },
    )


def statement(found: Facts, kind: str, predicate: Json) -> Json:
    """An in-toto statement about the image."""
    digest = {"sha256": found.image.sha256}
    if found.image.sha384 and kind != _ENDORSEMENT:
        digest["sha384"] = found.image.sha384
    return dsse.statement(found.image.name, digest, kind, predicate)


def _materials(
    found: Facts, bases: Sequence[BaseInput], source: str, status: Mapping[str, str]
) -> Iterator[Json]:
    commit = status.get("STABLE_GIT_COMMIT", "")
    if commit:
        material: Json = {"uri": f"git+{source}"} if source else {"name": "source"}
        # A checkout with changes is no commit, so it has no digest: verifiers then refuse it, as they should.
        if commit.endswith("-dirty"):
            material["annotations"] = {"commit": commit}
            material["name"] = "a checkout with changes"
        else:
            material["digest"] = {"gitCommit": commit}
        yield material
    if found.image.lock_sha256:
        yield {"name": "debian.lock.json", "digest": {"sha256": found.image.lock_sha256}}
    for base in bases:
        algorithm, _, value = first_digest(base.layout).partition(":")
        yield {"name": base.label, "digest": {algorithm: value}}
    for package in found.packages:
        if package.deb_sha256:
            yield {
                "uri": purl(package, found.image.codename),
                "name": package.pool.rpartition("/")[2] or package.name,
                "digest": {"sha256": package.deb_sha256},
            }
    for path, node in found.files():
        if node.label and not node.package:
            yield {"name": f"{node.label} as /{name_of(path)}", "digest": {"sha256": node.sha256}}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(value: Json) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"


if __name__ == "__main__":
    run(main)
