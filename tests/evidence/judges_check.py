#!/usr/bin/env python3
"""Asks programs of others about the SBOMs of an image, and what they find in the image themselves.

    tests/evidence/judges_check.py IMAGE SBOM [TRIVY]

IMAGE is a system image, SBOM the path of its SBOMs without ending. Run by the Python of an environment with
tests/evidence/judges_requirements.txt. spdx-tools, spdx-python-model, cyclonedx-python-lib and
ntia-conformance-checker read the documents; debsbom, and the program TRIVY if one is given, look into the
unpacked image, and have to name the packages that the SBOM names. TRIVY is started in a root of its own, by
chroot(2), which needs root.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, cast

Found = set[tuple[str, str]]  # names and versions; the Python of a host may be older than `type`


def main(arguments: list[str]) -> int:
    """Prints each judge's findings; returns 1 if one of them finds anything."""
    image, prefix = Path(arguments[0]), arguments[1]
    trivy = Path(arguments[2]) if arguments[2:] else None
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        unpack(image, root)
        ours = named_by(json.loads(Path(f"{prefix}.cdx.json").read_bytes()))
        judges: dict[str, Callable[[], Iterable[str]]] = {
            "spdx-tools, SPDX 2.3": lambda: spdx2(Path(f"{prefix}.spdx.json")),
            "spdx-python-model, SPDX 3.0.1": lambda: spdx3(Path(f"{prefix}.spdx3.json")),
            "cyclonedx-python-lib, CycloneDX 1.6, strict": lambda: cyclonedx(Path(f"{prefix}.cdx.json")),
            "ntia-conformance-checker, SPDX 2.3": lambda: ntia(Path(f"{prefix}.spdx.json"), "spdx2"),
            "ntia-conformance-checker, SPDX 3.0.1": lambda: ntia(Path(f"{prefix}.spdx3.json"), "spdx3"),
            "dpkg's status": lambda: differences(ours, status(root)),
            "debsbom": lambda: differences(ours, debsbom(root, Path(folder))),
        }
        if trivy:
            judges["trivy"] = lambda: differences(ours, run_trivy(trivy, root, Path(folder)))
        for judge, ask in judges.items():
            print(f"asking {judge}", file=sys.stderr, flush=True)
            found = list(ask())
            failures += bool(found)
            print(f"{judge}: {len(found)} problems", flush=True)
            for problem in found[:10]:
                print(f"  {problem[:300]}")
    if not trivy:
        print("trivy: not asked, none was given")
    print(f"{len(ours)} packages, {failures} judges found something")
    return 1 if failures else 0


def unpack(image: Path, root: Path) -> None:
    """Unpacks what the judges read: dpkg's database and the release."""
    with tarfile.open(image) as archive:
        for entry in archive:
            name = entry.name.removeprefix("./")
            if name.startswith(
                ("var/lib/dpkg/", "usr/lib/os-release", "etc/os-release", "etc/debian_version")
            ):
                archive.extract(entry, root, filter="data")


def status(root: Path) -> Found:
    """The packages that dpkg has as installed."""
    text = (root / "var/lib/dpkg/status").read_text("utf-8")
    return {
        (field(part, "Package"), field(part, "Version"))
        for part in text.split("\n\n")
        if field(part, "Status").endswith(" installed")
    }


def field(paragraph: str, name: str) -> str:
    """A field of a paragraph, "" if it is not there."""
    match = re.search(rf"^{name}: (.*)$", paragraph, re.MULTILINE)
    return match[1] if match else ""


def named_by(document: dict[str, Any]) -> Found:
    """The Debian packages that a CycloneDX document names."""
    from packageurl import PackageURL

    urls = [PackageURL.from_string(one["purl"]) for one in document["components"] if "purl" in one]
    return {
        (url.name, with_epoch(url))
        for url in urls
        # Source packages apart.
        if url.type == "deb" and url.qualifiers.get("arch") != "source"
    }


def with_epoch(url: Any) -> str:
    """The version of a package URL; trivy has the epoch apart."""
    epoch = url.qualifiers.get("epoch", "")
    return f"{epoch}:{url.version}" if epoch else str(url.version)


def differences(ours: Found, theirs: Found) -> Iterator[str]:
    """What one of both names and the other does not."""
    for name, version in sorted(ours ^ theirs):
        yield f"{name} {version}: only {'the SBOM' if (name, version) in ours else 'the judge'} has it"


def spdx2(path: Path) -> Iterator[str]:
    """What spdx-tools finds."""
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    for message in validate_full_spdx_document(parse_file(str(path))):
        yield message.validation_message


def spdx3(path: Path) -> Iterator[str]:
    """What the model refuses, and references to nothing."""
    from spdx_python_model.bindings import v3_0_1 as model

    objects = model.SHACLObjectSet()
    with path.open() as stream:
        model.JSONLDDeserializer().read(stream, objects)
    yield from (f"{name}: is not there" for name in objects.missing_ids)
    if not list(objects.foreach_type(model.software_Package)):
        yield "there is no package"


def cyclonedx(path: Path) -> Iterator[str]:
    """What the schema refuses, unknown fields among it."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text("utf-8"))
    if problem:
        yield str(problem)


def ntia(path: Path, form: str) -> Iterator[str]:
    """What NTIA's minimum elements ask for, and is missing."""
    import ntia_conformance_checker

    with redirect_stdout(io.StringIO()) as said:
        checker = ntia_conformance_checker.SbomChecker(str(path), sbom_spec=form)
        checker.print_table_output()
    if not checker.compliant:
        yield said.getvalue()


def debsbom(root: Path, folder: Path) -> Found:
    """The packages that debsbom finds in the image."""
    from debsbom.cli import main as debsbom_main

    out = folder / "debsbom"
    old = sys.argv
    sys.argv = ["debsbom", "generate", "-t", "cdx", "-r", str(root), "-o", str(out), "--distro-arch", "amd64"]
    try:
        debsbom_main()
    except SystemExit as stop:
        assert not stop.code, f"debsbom ended with {stop.code}"
    finally:
        sys.argv = old
    return named_by(json.loads(out.with_suffix(".cdx.json").read_bytes()))


def run_trivy(program: Path, root: Path, folder: Path) -> Found:
    """The packages that trivy finds in the image."""
    jail = folder / "jail"
    for name in ("image", "tmp", "proc"):
        (jail / name).mkdir(parents=True)
    shutil.copytree(root, jail / "image", dirs_exist_ok=True, symlinks=True)
    shutil.copy(program, jail / "trivy")
    (jail / "trivy").chmod(0o755)
    result = subprocess.run(
        ["/trivy", "rootfs", "--offline-scan", "--skip-db-update", "--format", "cyclonedx", "/image"],
        preexec_fn=lambda: os.chroot(jail),
        cwd=jail,
        env={"HOME": "/tmp"},
        capture_output=True,
        check=False,
    )
    assert not result.returncode, result.stderr.decode()
    return named_by(cast(dict[str, Any], json.loads(result.stdout)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
