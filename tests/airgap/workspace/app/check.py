"""What the adapters promise, seen from inside a Bazel test."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from compression import zstd
from pathlib import Path

import answer
import app.lib
import pytest
from runfiles import Runfiles

_RUNFILES = Runfiles.Create()


def _path(name: str) -> Path:
    return Path(_RUNFILES.Rlocation(f"_main/app/{name}"))


def test_the_library_of_a_dependency_is_imported_through_its_imports_attribute() -> None:
    assert (answer.ANSWER, answer.QUESTION) == (42, "six by nine")
    assert app.lib.VALUE == "lib"


def test_a_program_of_a_dependency_runs_as_the_tool_of_an_action_with_a_wheel_of_its_own() -> None:
    assert _path("answer.txt").read_text() == "six by nine: 42, by iniconfig\n"


def test_runfiles_are_found_by_the_names_that_this_repository_gives_others() -> None:
    assert Path(_RUNFILES.Rlocation("other/question.txt")).read_text() == "six by nine\n"
    assert _RUNFILES.CurrentRepository() == ""


def test_nothing_of_the_toolbox_or_the_user_is_importable() -> None:
    assert not [path for path in sys.path if "packages" in path and "runfiles" not in path]
    with pytest.raises(ImportError):
        __import__("pip")


def test_a_program_started_from_its_runfiles_finds_them(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "/nowhere"}
    done = subprocess.run(
        [_path("program"), "a b"], cwd=tmp_path, env=environment, capture_output=True, check=True
    )
    said = json.loads(done.stdout)
    assert said["argv"][1:] == ["a b"]
    assert said["value"] == "lib"
    assert "/nowhere" not in said["path"]


def test_attributes_env_and_args_reach_the_test() -> None:
    assert os.environ["FROM_TEST_ENV"] == "yes"


def test_a_static_cxx17_program_is_compiled_by_the_toolbox() -> None:
    assert subprocess.check_output([_path("static")]) == b"42\n"


def _blob(layout: Path, descriptor: dict) -> bytes:
    data = (layout / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    assert descriptor["size"] == len(data)
    assert descriptor["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
    return data


def test_an_image_is_a_valid_layout_whose_layers_unpack_to_their_diff_ids() -> None:
    layout = _path("both")
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads(_blob(layout, index["manifests"][0]))
    config = json.loads(_blob(layout, manifest["config"]))
    kinds = [layer["mediaType"].partition("layer.v1.")[2] for layer in manifest["layers"]]
    assert kinds == ["tar", "tar+gzip", "tar+zstd"]
    unpack = [bytes, gzip.decompress, zstd.decompress]
    tars = [how(_blob(layout, layer)) for how, layer in zip(unpack, manifest["layers"], strict=True)]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]
    assert _path("both.json.sha256").read_text().strip() == index["manifests"][0]["digest"]


def test_an_image_takes_over_and_changes_the_settings_of_its_base() -> None:
    layout = _path("both")
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads(_blob(layout, index["manifests"][0]))
    config = json.loads(_blob(layout, manifest["config"]))
    assert manifest["annotations"] == {"org.example.note": "a = b"}
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert config["created"] == "2026-01-02T03:04:05Z"
    assert config["config"] == {
        "Cmd": ["x"],
        "Entrypoint": ["/bin/sh", "-c", "echo a, b"],
        "Env": ["PATH=/opt/bin:/usr/bin"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"org.example.title": "one"},
        "User": "1000:1000",
        "WorkingDir": "/srv",
    }


def test_the_history_of_an_image_names_the_targets_of_its_layers_as_the_main_repository_does() -> None:
    layout = _path("both")
    index = json.loads((layout / "index.json").read_text())
    config = json.loads(_blob(layout, json.loads(_blob(layout, index["manifests"][0]))["config"]))
    made_by = [f"bazel build //app:layer_{kind}" for kind in ("plain", "gzipped", "zstandard")]
    assert [entry["created_by"] for entry in config["history"]] == made_by


def test_an_image_is_pushed_under_its_digest_and_all_tags() -> None:
    with subprocess.Popen(
        ["/usr/bin/crane", "registry", "serve", "--address", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as registry:
        try:
            assert registry.stderr
            port = re.search(r"(\d+)$", registry.stderr.readline().strip())
            assert port
            where = f"127.0.0.1:{port[1]}/some/image"
            push = [_path("push_push.py"), "--repository", where, "--tag=from_command_line"]
            subprocess.run(push, check=True, capture_output=True)
            digest = _path("both.json.sha256").read_text().strip()
            for tag in ("from_attribute", "from_command_line"):
                got = subprocess.check_output(["/usr/bin/crane", "digest", f"{where}:{tag}"], text=True)
                assert got.strip() == digest
        finally:
            registry.terminate()


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-p", "no:cacheprovider", "-q"]))
