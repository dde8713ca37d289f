"""A real registry: what is signed is attached to the image there, and images there are compared."""

import io
import json
import lzma
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evidence import small_image
from tests.publish.push.registries import ORAS, RUNFILES, Registry, run
from tests.testing.layouts import layout
from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence import diff, sign
from tools.sysimage.formats import tar
from tools.sysimage.formats.oci_layout import first_digest
from tools.sysimage.publish.registry import Oras


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "registry").mkdir()
    made = Registry(tmp_path / "registry").start()
    yield made
    made.stop()


def oras(*arguments: str) -> str:
    done = run([*ORAS, *arguments], {"HOME": "/nowhere", "TMPDIR": os.environ["TEST_TMPDIR"]})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_oras_discovers_all_that_is_attached_to_a_pushed_image(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "app.tar").write_bytes(b"image")
    names = ["app.tar.sig", "app.intoto.json.sig", "app.intoto.json.dsse.json", "app.spdx.json.dsse.json"]
    for name in names:
        (tmp_path / name).write_text(name)
    pushing = ("push", "--plain-http", "--artifact-type", "application/x", "--disable-path-validation")
    image = str(tmp_path / "app.tar")
    said = oras(*pushing, "--format", "json", f"{registry.host}/app:v1", image)
    subject = json.loads(said)["reference"]
    sign.attach(Oras(ORAS), subject, [tmp_path / name for name in names])
    found = json.loads(oras("discover", "--plain-http", "--format", "json", subject))["manifests"]
    kinds = sorted(one["artifactType"] for one in found)
    assert kinds == 2 * ["application/vnd.in-toto+json"] + 2 * ["application/vnd.system-image.v1.signature"]


def test_a_system_image_and_an_image_in_a_registry_are_compared_by_digest_and_tag(
    tmp_path: Path, registry: Registry, capsys: pytest.CaptureFixture
) -> None:
    out = io.BytesIO()
    tar.write(small_image.tree(), out)
    (tmp_path / "app.tar.xz").write_bytes(lzma.compress(out.getvalue()))
    kind = "application/vnd.system-image.v1"
    pushing = (
        "push",
        "--plain-http",
        "--artifact-type",
        kind,
        "--disable-path-validation",
        "--format",
        "json",
    )
    file = f"{tmp_path / 'app.tar.xz'}:{kind}.tar+xz"
    first = json.loads(oras(*pushing, f"{registry.host}/app:v1", file))["reference"]
    changed = io.BytesIO()
    tar.write(small_image.tree(**{"etc/made": "otherwise"}), changed)
    image = layout(tmp_path / "layout", changed.getvalue())
    digest = first_digest(image)
    oras("cp", "--from-oci-layout", "--to-plain-http", f"{image}@{digest}", f"{registry.host}/app:v2")
    client = ["--oras", str(RUNFILES / "system_image/tools/oras")]
    for second in (f"{registry.host}/app@{digest}", f"{registry.host}/app:v2"):
        assert diff.main([first, second, *client, "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["files"] == {
            "base": {"added": {}, "removed": {}, "changed": {"etc/made": "content (-2 bytes)"}}
        }
    with pytest.raises(ToolError, match="app:v3: the registry has no such tag"):
        diff.main([first, f"{registry.host}/app:v3", *client])


def test_an_image_that_is_not_there_is_an_error_in_one_line(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "app.tar.sig").write_text("x")
    subject = f"{registry.host}/app@sha256:{'0' * 64}"
    with pytest.raises(ToolError, match=r"app\.tar\.sig can't be attached to 127"):
        sign.attach(Oras(ORAS), subject, [tmp_path / "app.tar.sig"])
