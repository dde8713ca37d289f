"""image_repro_test's comparison: the first stage that differs, and in it paths, attributes and bytes."""

import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evidence import small_image
from tests.testing.debs import File
from tools.sysimage.core.tree import Tree
from tools.sysimage.evidence import repro
from tools.sysimage.formats import tar


def write(path: Path, tree: Tree) -> Path:
    with path.open("wb") as stream:
        tar.write(tree, stream)
    return path


def run(folder: Path, *stages: tuple[str, Path, Path]) -> int:
    manifest = folder / "manifest.json"
    fields = [
        {"label": label, "first": str(first), "second": str(second), "paths": []}
        for label, first, second in stages
    ]
    manifest.write_text(json.dumps({"image": "//:app", "stages": fields}))
    return repro.main(["--manifest", str(manifest)])


def test_the_same_bytes_pass(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    one = write(tmp_path / "one.tar", small_image.tree())
    other = write(tmp_path / "other.tar", small_image.tree())
    assert run(tmp_path, ("//:flat", one, other)) == 0
    assert "the same bytes in 1 stages" in capsys.readouterr().out


@pytest.mark.parametrize("pack", [lambda data: data, lzma.compress])
def test_a_planted_timestamp_is_found_by_path_and_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture, pack: Callable[[bytes], bytes]
) -> None:
    paths = []
    for name, text in (("one.tar", "built at 10:00"), ("other.tar", "built at 10:01")):
        path = write(tmp_path / name, small_image.tree(**{"etc/made": text}))
        path.write_bytes(pack(path.read_bytes()))
        paths.append(path)
    assert run(tmp_path, ("//:flat", paths[0], paths[1])) == 1
    said = capsys.readouterr().err
    assert "//:app: //:flat is the first that differs" in said
    assert "/etc/made: sha256digest=" in said
    assert "from byte 13: b'0' and b'1'" in said


def test_only_the_first_stage_that_differs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    one = write(tmp_path / "one.tar", small_image.tree())
    other = write(tmp_path / "other.tar", small_image.tree(**{"etc/made": "x"}))
    assert run(tmp_path, ("//:a", one, one), ("//:b", one, other), ("//:c", one, other)) == 1
    said = capsys.readouterr().err
    assert "//:b is the first" in said
    assert "//:c" not in said


@pytest.mark.parametrize(
    "change, line",
    [
        ({"etc/made": None}, "/etc/made: only in the first"),
        ({"etc/more": "x"}, "/etc/more: only in the second"),
        ({"usr/bin/su": File("su", 0o755)}, "/usr/bin/su: mode=4755 and mode=0755"),
    ],
)
def test_paths_and_modes_that_differ_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, change: dict, line: str
) -> None:
    one = write(tmp_path / "one.tar", small_image.tree())
    other = write(tmp_path / "other.tar", small_image.tree(**change))
    assert run(tmp_path, ("//:flat", one, other)) == 1
    assert line in capsys.readouterr().err


def test_an_order_of_entries_that_differs_is_not_taken_for_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    one = write(tmp_path / "one.tar", small_image.tree())
    other = tmp_path / "other.tar"
    other.write_bytes(one.read_bytes() + bytes(512))
    assert run(tmp_path, ("//:flat", one, other)) == 1
    assert "no path differs, but byte" in capsys.readouterr().err


def test_a_file_that_differs_says_the_bytes(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "one").write_bytes(b"version 1\n")
    (tmp_path / "other").write_bytes(b"version 2\n")
    assert run(tmp_path, ("//app", tmp_path / "one", tmp_path / "other")) == 1
    assert "byte 8: b'version 1\\n' and b'version 2\\n'" in capsys.readouterr().err
