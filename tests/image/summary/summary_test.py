"""summary: what people are told of an image."""

import io
import json
from pathlib import Path

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.image import contents, summary

FACTS = contents.ImageFacts(
    name="guest", compression="xz", size=21_240_000, tar_size=96_060_000, sha256="ab" * 32, sha384="cd" * 48
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "guest.contents.json"
    out = io.BytesIO()
    listing = (
        '"packages": [\n{"name": "a", "size": 1}],\n"paths": {"a": {"type": "file", "size": 1}, "b": {}}'
    )
    contents.write(FACTS, listing, out)
    path.write_bytes(out.getvalue())
    return path


def test_says_where_how_large_and_which_digests(
    written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without it people look for the path below bazel-out."""
    (tmp_path / "out/bin/images").mkdir(parents=True)
    image = tmp_path / "out/bin/images/guest.tar.xz"
    image.touch()
    (tmp_path / "home").mkdir()
    (tmp_path / "home/bazel-bin").symlink_to(tmp_path / "out/bin")
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path / "home"))
    assert summary.main(["--image", str(image), "--contents", str(written)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "bazel-bin/images/guest.tar.xz",
        "  size     21.2 MB, 96.1 MB unpacked",
        "  content  2 paths, 1 packages",
        f"  sha256   {FACTS.sha256}",
        f"  sha384   {FACTS.sha384}",
    ]


def test_the_whole_path_where_bazel_bin_leads_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it another build's symlink would name a file that is not there."""
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    (tmp_path / "guest.tar").touch()
    assert summary.shown(tmp_path / "guest.tar") == str(tmp_path / "guest.tar")


def test_the_digest_alone_for_scripts(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without it scripts take the summary apart."""
    summary.main(["--image", "x", "--contents", str(written), "--sha256"])
    assert capsys.readouterr().out == f"{FACTS.sha256}\n"


def test_what_is_no_contents_file_is_refused(tmp_path: Path) -> None:
    """Without it a traceback ends the program."""
    for text in ("", "[]", "[" * 100_000, json.dumps({"version": 1}), '{"image": {"name": "x"}}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(ToolError, match="is no contents file"):
            summary.main(["--image", "x", "--contents", str(tmp_path / "x.json")])
