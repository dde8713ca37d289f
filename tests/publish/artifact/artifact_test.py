"""Stage artifact: a system image as an OCI artifact that any client can fetch, and that no clock decides."""

import hashlib
import json
from pathlib import Path

import pytest

from tools.sysimage.publish import artifact

TYPE = "application/vnd.example.v1"


def make(folder: Path, name: str) -> Path:
    """Runs the stage on two files and a referrer; returns the layout."""
    for file, text in (("image.tar", "tarball"), ("image.mtree", "manifest"), ("sbom.json", "statement")):
        (folder / file).write_text(text)
    (folder / "annotations").write_text("b=2\na=1=1")
    fields = {
        "annotations": str(folder / "annotations"),
        "artifact_type": TYPE,
        "files": [item(folder / "image.tar", ".tar"), item(folder / "image.mtree", ".mtree")],
        "referrers": [item(folder / "sbom.json", ".sbom")],
    }
    (folder / "manifest").write_text(json.dumps(fields))
    output = folder / name
    assert artifact.main(["--manifest", str(folder / "manifest"), "--output", str(output)]) == 0
    return output


def item(path: Path, suffix: str) -> dict[str, str]:
    return {"path": str(path), "media_type": TYPE + suffix, "title": path.name}


def manifests(layout: Path) -> list[dict]:
    index = json.loads((layout / "index.json").read_text())
    return [json.loads(blob(layout, entry)) for entry in index["manifests"]]


def blob(layout: Path, descriptor: dict) -> bytes:
    data = (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    assert descriptor["size"] == len(data)
    return data


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = make(tmp_path, "first"), make(tmp_path, "second")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


def test_each_blob_has_the_digest_that_names_it_and_nothing_is_left_beside_them(tmp_path: Path) -> None:
    layout = make(tmp_path, "layout")
    blobs = {path.name: path.read_bytes() for path in (layout / "blobs/sha256").iterdir()}
    assert all(hashlib.sha256(data).hexdigest() == name for name, data in blobs.items())
    assert len(blobs) == 6  # three files, two manifests, the empty configuration
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}


def test_the_image_comes_first_with_its_files_by_name_and_type(tmp_path: Path) -> None:
    layout = make(tmp_path, "layout")
    image = manifests(layout)[0]
    assert (image["artifactType"], image["annotations"]) == (TYPE, {"a": "1=1", "b": "2"})
    assert blob(layout, image["config"]) == b"{}"
    assert "subject" not in image
    layers = [(layer["mediaType"], layer["annotations"], blob(layout, layer)) for layer in image["layers"]]
    title = "org.opencontainers.image.title"
    assert layers == [
        (f"{TYPE}.tar", {title: "image.tar"}, b"tarball"),
        (f"{TYPE}.mtree", {title: "image.mtree"}, b"manifest"),
    ]


def test_a_referrer_has_the_image_as_its_subject(tmp_path: Path) -> None:
    layout = make(tmp_path, "layout")
    index = json.loads((layout / "index.json").read_text())
    referrer = manifests(layout)[1]
    assert referrer["artifactType"] == f"{TYPE}.sbom"
    assert referrer["subject"] == index["manifests"][0]


def test_a_file_that_is_missing_leaves_no_layout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        artifact.make(
            TYPE, [artifact.ArtifactFile(tmp_path / "none", TYPE, "none")], [], {}, tmp_path / "layout"
        )
    assert not (tmp_path / "layout/index.json").exists()
