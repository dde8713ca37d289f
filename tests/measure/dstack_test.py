"""dstack's artifact manifest: what its assembler refuses is not made, and each path leads to the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.measure import dstack

ROOT_HASH = "0123456789abcdef" * 4


def make(folder: Path, **changed: Any) -> Path:
    """The folder that is made of small files."""
    contents = {
        "kernel": "kernel",
        "initrd": "initramfs",
        "firmware": "firmware",
        "firmware_sev": "firmware for SEV",
        "uki": "uki",
        "status": "STABLE_GIT_COMMIT abc\nBUILD_TIMESTAMP 1\n",
        "data": "d" * 4096,
        "hash_tree": "h" * 4096,
        "root_hash": f"{ROOT_HASH}\n",
    }
    for name, text in contents.items():
        (folder / name).write_text(changed.pop(f"text_of_{name}", text))
    parts = {name: str(folder / name) for name in contents}
    fields: dict[str, Any] = {
        "name": "app",
        "version": "1.2",
        "flavor": "prod",
        "development": False,
        "ovmf_variant": "pre202505",
        "verity": {name: parts.pop(name) for name in ("data", "hash_tree", "root_hash")},
    }
    (folder / "in.json").write_text(json.dumps(fields | parts | changed))
    assert dstack.main(["--manifest", str(folder / "in.json"), "--output", str(folder / "out")]) == 0
    return folder / "out"


def test_the_manifest_has_the_fields_of_the_schema_and_no_other(tmp_path: Path) -> None:
    found = json.loads((make(tmp_path) / "manifest.json").read_bytes())
    assert {name: set(part) for name, part in found.items() if isinstance(part, dict)} == {
        "image": {"name", "version", "flavor", "is_dev"},
        "source": {"git_revision"},
        "boot": {"ovmf_variant"},
        "verity": {"root_hash", "data_size"},
        "artifacts": {"initramfs", "kernel", "firmware", "rootfs_verity", "firmware_sev", "uki"},
    }
    assert found["schema_version"] == 1
    assert found["backend"]
    assert found["source"]["git_revision"] == "abc"
    assert found["verity"] == {"root_hash": ROOT_HASH, "data_size": 4096}
    assert found["image"]["is_dev"] is False


def test_each_path_is_relative_and_leads_to_its_file(tmp_path: Path) -> None:
    folder = make(tmp_path)
    artifacts = json.loads((folder / "manifest.json").read_bytes())["artifacts"]
    assert {name: (folder / path).read_text() for name, path in artifacts.items()} == {
        "initramfs": "initramfs",
        "kernel": "kernel",
        "firmware": "firmware",
        "firmware_sev": "firmware for SEV",
        "uki": "uki",
        "rootfs_verity": "d" * 4096 + "h" * 4096,
    }
    assert all("/" not in path for path in artifacts.values())
    assert {path.name for path in folder.iterdir()} == {*artifacts.values(), "manifest.json"}


def test_what_is_not_given_is_null_and_has_no_file(tmp_path: Path) -> None:
    folder = make(tmp_path, firmware_sev=None, uki=None)
    artifacts = json.loads((folder / "manifest.json").read_bytes())["artifacts"]
    assert (artifacts["firmware_sev"], artifacts["uki"]) == (None, None)
    assert len(list(folder.iterdir())) == 5


def test_without_a_commit_the_source_is_named_unknown(tmp_path: Path) -> None:
    found = json.loads((make(tmp_path, text_of_status="") / "manifest.json").read_bytes())
    assert found["source"]["git_revision"] == "unknown"


@pytest.mark.parametrize("name", ["name", "version", "flavor", "ovmf_variant"])
def test_a_text_that_dstack_refuses_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ToolError, match=rf"{name}: is empty, which dstack refuses"):
        make(tmp_path, **{name: ""})


@pytest.mark.parametrize("text", ["", "0123", "g" * 64, ROOT_HASH.upper()])
def test_a_root_hash_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ToolError, match="root_hash: is no root hash"):
        make(tmp_path, text_of_root_hash=text)
    assert not list((tmp_path / "out").iterdir())
