"""What users of rules_oci expect: an image of theirs on one of ours and the reverse, and loading."""

import json
from pathlib import Path

from tests.publish.push.registries import RUNFILES, SKOPEO, run

HERE = RUNFILES / "tests/publish/push"


def manifest(layout: Path) -> dict:
    digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())


def inspect(image: str, *options: str) -> dict:
    done = run([*SKOPEO, "inspect", *options, image], {"HOME": "/nowhere"})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_their_image_on_our_base_has_its_layers_and_what_they_say() -> None:
    ours, theirs = manifest(RUNFILES / "system_image/built_vanilla"), manifest(HERE / "theirs")
    assert theirs["layers"][:-1] == ours["layers"]
    config = inspect(f"oci:{HERE}/theirs", "--config")
    assert config["config"]["Labels"] == {"org.example.team": "theirs"}
    assert config["config"]["Entrypoint"] == ["/usr/bin/orchestrator"]


def test_our_system_image_on_their_image_has_what_each_layer_brought() -> None:
    (mtree,) = HERE.glob("on_theirs*.mtree")
    paths = {line.split(" ", 1)[0] for line in mtree.read_text().splitlines()}
    assert {"./etc/note", "./usr/bin/orchestrator", "./usr/lib/systemd/systemd"} <= paths


def test_what_is_loaded_is_the_image_with_its_tag() -> None:
    (tarball,) = (HERE / "load_theirs").glob("*.tar")
    loaded = inspect(f"docker-archive:{tarball}:theirs:latest", "--config")
    assert loaded == inspect(f"oci:{HERE}/theirs", "--config")
