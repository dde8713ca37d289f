"""SBOMs: each names all packages and what is no package, and two runs give the same bytes.

Programs of others judge them in judges_check.py.
"""

import hashlib
import json
from pathlib import Path

import pytest

from tests.evidence import small_image
from tests.testing.debs import Node
from tools.sysimage.evidence import sbom


def make(folder: Path, name: str = "a", supplier: str = "Example", **changes: Node | None) -> dict[str, dict]:
    folder = folder / name
    folder.mkdir()
    path = small_image.write(folder, small_image.make(small_image.tree(**changes)))
    outputs = {form: folder / f"{form}.json" for form in ("spdx2", "spdx3", "cyclonedx")}
    options = [word for form, output in outputs.items() for word in (f"--{form}", str(output))]
    (folder / "vmlinuz").write_bytes(b"kernel")
    options += ["--beside", "//:kernel", str(folder / "vmlinuz")]
    assert sbom.main(["--facts", str(path), "--supplier", supplier, *options]) == 0
    return {form: json.loads(output.read_bytes()) for form, output in outputs.items()}


def purls(documents: dict[str, dict]) -> dict[str, set[str]]:
    return {
        "spdx2": {
            reference["referenceLocator"]
            for package in documents["spdx2"]["packages"]
            for reference in package.get("externalRefs", ())
        },
        "spdx3": {
            element["software_packageUrl"]
            for element in documents["spdx3"]["@graph"]
            if "software_packageUrl" in element
        },
        "cyclonedx": {item["purl"] for item in documents["cyclonedx"]["components"] if "purl" in item},
    }


def test_each_form_names_the_installed_packages_and_what_is_linked_into_them_and_no_other(
    tmp_path: Path,
) -> None:
    for found in purls(make(tmp_path)).values():
        assert found == {
            "pkg:deb/debian/bash@5.2-1%2Bb1?arch=amd64&distro=trixie&upstream=bash%405.2-1",
            "pkg:deb/debian/libstdc%2B%2B6@14.2-1?arch=amd64&distro=trixie&upstream=gcc-14",
            "pkg:deb/debian/golang-x@1.2-3?arch=source&distro=trixie",  # which is linked into bash
        }


def test_what_is_no_package_has_its_label_and_its_digest(tmp_path: Path) -> None:
    documents = make(tmp_path)
    digest = small_image.make().paths["usr/bin/orchestrator"].sha256
    [built] = [one for one in documents["spdx2"]["packages"] if one["name"] == "//app:orchestrator"]
    assert built["versionInfo"] == f"sha256:{digest}"
    [built] = [one for one in documents["cyclonedx"]["components"] if one["name"] == "//app:orchestrator"]
    assert built["components"][0]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    names = [element.get("name") for element in documents["spdx3"]["@graph"]]
    assert "//app:orchestrator" in names


def test_what_is_beside_the_image_has_its_label_its_digest_and_what_relates_it(tmp_path: Path) -> None:
    documents = make(tmp_path)
    digest = hashlib.sha256(b"kernel").hexdigest()
    [kernel] = [one for one in documents["spdx2"]["packages"] if one["name"] == "//:kernel"]
    assert kernel["checksums"] == [{"algorithm": "SHA256", "checksumValue": digest}]
    assert {
        "spdxElementId": kernel["SPDXID"],
        "relationshipType": "RUNTIME_DEPENDENCY_OF",
        "relatedSpdxElement": "SPDXRef-Image",
    } in documents["spdx2"]["relationships"]
    [kernel] = [one for one in documents["cyclonedx"]["components"] if one["name"] == "//:kernel"]
    assert kernel["hashes"] == [{"alg": "SHA-256", "content": digest}]
    [image] = [one for one in documents["cyclonedx"]["dependencies"] if one["ref"] == "Image"]
    assert kernel["bom-ref"] in image["dependsOn"]
    graph = documents["spdx3"]["@graph"]
    [kernel] = [one for one in graph if one.get("name") == "//:kernel"]
    assert kernel["verifiedUsing"][0]["hashValue"] == digest
    assert [one for one in graph if one.get("to") == [kernel["spdxId"]] and one["from"].endswith("#Image")]


def test_every_file_of_the_image_is_in_every_form_once(tmp_path: Path) -> None:
    documents = make(tmp_path)
    files = {f"/{path}" for path, _ in small_image.make().files()}
    spdx2 = [one["fileName"].removeprefix(".") for one in documents["spdx2"]["files"]]
    spdx3 = [one["name"] for one in documents["spdx3"]["@graph"] if one["type"] == "software_File"]
    components = documents["cyclonedx"]["components"]
    nested = [*components, *(inner for one in components for inner in one.get("components", ()))]
    cyclonedx = [one["name"] for one in nested if one["type"] == "file"]
    for found in (spdx2, spdx3, cyclonedx):
        assert sorted(found) == sorted(files)


def test_every_file_is_contained_in_exactly_one_package_or_the_image(tmp_path: Path) -> None:
    documents = make(tmp_path)
    spdx2 = [
        one["relatedSpdxElement"]
        for one in documents["spdx2"]["relationships"]
        if one["relationshipType"] == "CONTAINS" and one["relatedSpdxElement"].startswith("SPDXRef-File-")
    ]
    spdx3 = [
        other
        for one in documents["spdx3"]["@graph"]
        if one.get("relationshipType") == "contains"
        for other in one["to"]
        if "#File-" in other
    ]
    files = len(list(small_image.make().files()))
    assert len(spdx2) == len(set(spdx2)) == len(spdx3) == len(set(spdx3)) == files


def test_a_licence_that_no_file_declares_is_noassertion_and_not_a_guess(tmp_path: Path) -> None:
    documents = make(tmp_path)
    packages = {one["name"]: one for one in documents["spdx2"]["packages"]}
    assert packages["bash"]["licenseDeclared"] == "GPL-3.0-or-later AND LicenseRef-permissive"
    assert packages["libstdc++6"]["licenseDeclared"] == "NOASSERTION"
    assert [one["licenseId"] for one in documents["spdx2"]["hasExtractedLicensingInfos"]] == [
        "LicenseRef-permissive"
    ]
    [library] = [one for one in documents["cyclonedx"]["components"] if one["name"] == "libstdc++6"]
    assert "licenses" not in library


def test_every_reference_within_a_document_leads_somewhere(tmp_path: Path) -> None:
    documents = make(tmp_path)
    spdx2 = documents["spdx2"]
    there = {one["SPDXID"] for one in (spdx2, *spdx2["packages"], *spdx2["files"])}
    assert len(there) == 1 + len(spdx2["packages"]) + len(spdx2["files"])
    for one in spdx2["relationships"]:
        assert {one["spdxElementId"], one["relatedSpdxElement"]} <= there
    graph = documents["spdx3"]["@graph"]
    names = {one["spdxId"] for one in graph if "spdxId" in one}
    assert all({one["from"], *one["to"]} <= names for one in graph if one["type"] == "Relationship")
    references = {"Image", *(one["bom-ref"] for one in documents["cyclonedx"]["components"])}
    for one in documents["cyclonedx"]["dependencies"]:
        assert {one["ref"], *one["dependsOn"]} <= references


def test_two_runs_give_the_same_bytes_and_no_clock_is_read(tmp_path: Path) -> None:
    first, second = make(tmp_path, "first"), make(tmp_path, "second")
    assert first == second
    assert first["spdx2"]["creationInfo"]["created"] == "2026-11-25T02:22:31Z"
    assert first["cyclonedx"]["metadata"]["timestamp"] == "2026-11-25T02:22:31Z"


def test_another_image_has_another_namespace_and_serial_number(tmp_path: Path) -> None:
    first = make(tmp_path, "first")
    second = make(tmp_path, "second", **{"etc/made": "something else"})
    assert first["spdx2"]["documentNamespace"] != second["spdx2"]["documentNamespace"]
    assert first["cyclonedx"]["serialNumber"] != second["cyclonedx"]["serialNumber"]


def test_a_name_that_is_not_utf_8_does_not_make_a_document_that_nobody_reads(tmp_path: Path) -> None:
    documents = make(tmp_path, **{"etc/caf\udce9": "x"})
    text = json.dumps(documents, ensure_ascii=False)
    text.encode("utf-8")  # lone surrogates can't be encoded
    assert "./etc/caf\\xe9" in [one["fileName"] for one in documents["spdx2"]["files"]]


def test_packages_that_the_lock_does_not_have_are_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    status = small_image.STATUS.replace("14.2-1", "14.2-9")
    make(tmp_path, **{"var/lib/dpkg/status": status})
    assert "of 1 packages (libstdc++6…) the lock does not have this version" in capsys.readouterr().err
