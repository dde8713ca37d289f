"""Provenance: every input of the image is a material with its digest, and no clock is read."""

import json
from pathlib import Path

import pytest

from tests.evidence import small_image
from tests.testing.layouts import layout
from tools.sysimage.evidence import provenance
from tools.sysimage.formats.oci_layout import first_digest
from tools.sysimage.publish import workspace_status

COMMIT = "a" * 40


def make(
    folder: Path, status: str = f"STABLE_GIT_COMMIT {COMMIT}\nSTABLE_GIT_URL git@example.org:a/b.git\n"
) -> tuple[dict, dict]:
    (folder / "status.txt").write_text(status)
    (folder / "sbom.json").write_text("sbom")
    if not (folder / "base").exists():
        layout(folder / "base", b"\0" * 1024)
    manifest = {
        "bases": [{"label": "//:base", "layout": str(folder / "base")}],
        "beside": [str(folder / "sbom.json")],
        "builder": "https://ci.example.org/build",
        "claims": ["https://example.org/claim"],
        "facts": str(small_image.write(folder, small_image.make())),
        "status": str(folder / "status.txt"),
        "valid_days": 30,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    outputs = [folder / "out.intoto.json", folder / "out.endorsement.json"]
    options = ["--output", str(outputs[0]), "--endorsement", str(outputs[1])]
    assert provenance.main(["--manifest", str(folder / "manifest.json"), *options]) == 0
    first, second = (json.loads(path.read_bytes()) for path in outputs)
    return first, second


def test_the_subject_is_the_image_by_its_digests(tmp_path: Path) -> None:
    image = small_image.make().image
    for statement in make(tmp_path):
        assert statement["_type"] == "https://in-toto.io/Statement/v1"
        [subject] = statement["subject"]
        assert (subject["name"], subject["digest"]["sha256"]) == (image.name, image.sha256)


def test_every_deb_base_lock_commit_and_injected_file_is_a_material_with_its_digest(tmp_path: Path) -> None:
    found, _ = make(tmp_path)
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    definition = found["predicate"]["buildDefinition"]
    digests = [next(iter(one["digest"].items())) for one in definition["resolvedDependencies"]]
    base = first_digest(tmp_path / "base").removeprefix("sha256:")
    orchestrator = small_image.make().paths["usr/bin/orchestrator"].sha256
    assert digests == [
        ("gitCommit", COMMIT),
        ("sha256", "d" * 64),
        ("sha256", base),
        ("sha256", "b" * 64),
        ("sha256", "c" * 64),
        ("sha256", orchestrator),
    ]
    assert definition["resolvedDependencies"][0]["uri"] == "git+https://example.org/a/b"
    assert definition["externalParameters"]["target"] == "//:app"
    details = found["predicate"]["runDetails"]
    assert details["builder"]["id"] == "https://ci.example.org/build"
    assert [one["name"] for one in details["byproducts"]] == ["sbom.json"]


def test_a_checkout_with_changes_is_told_and_has_no_digest_that_could_be_trusted(tmp_path: Path) -> None:
    found, _ = make(tmp_path, f"STABLE_GIT_COMMIT {COMMIT}-dirty\n")
    material = found["predicate"]["buildDefinition"]["resolvedDependencies"][0]
    assert "digest" not in material
    assert material["annotations"] == {"commit": f"{COMMIT}-dirty"}


@pytest.mark.parametrize(
    "url, public",
    [
        ("https://example.org/a.git", "https://example.org/a"),
        ("https://user:secret@example.org/a.git", "https://example.org/a"),
        ("git@example.org:a/b.git", "https://example.org/a/b"),
        ("/home/somebody/a", ""),
        ("file:///home/somebody/a", ""),
        ("", ""),
    ],
)
def test_a_folder_of_a_person_s_machine_is_in_no_statement(url: str, public: str) -> None:
    assert workspace_status.public(url) == public


def test_without_git_there_is_no_commit_and_the_rest_stands(tmp_path: Path) -> None:
    found, _ = make(tmp_path, "")
    assert len(found["predicate"]["buildDefinition"]["resolvedDependencies"]) == 5


def test_the_endorsement_is_oak_s_and_valid_from_the_snapshot_on(tmp_path: Path) -> None:
    _, found = make(tmp_path)
    assert found["predicateType"] == "https://project-oak.github.io/oak/tr/endorsement/v1"
    assert list(found["subject"][0]["digest"]) == ["sha256"]
    assert found["predicate"] == {
        "issuedOn": "2026-11-25T02:22:31Z",
        "validity": {"notBefore": "2026-11-25T02:22:31Z", "notAfter": "2026-12-25T02:22:31Z"},
        "claims": [{"type": "https://example.org/claim"}],
    }


def test_two_runs_give_the_same_statements(tmp_path: Path) -> None:
    assert make(tmp_path) == make(tmp_path)
