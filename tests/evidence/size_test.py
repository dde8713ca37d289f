"""image_size_test: what grew is named, what hardly did is not, and the file can be written anew."""

from pathlib import Path

import pytest

from tests.evidence import small_image
from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence import size


def run(folder: Path, golden: str, *more: str) -> int:
    facts = small_image.write(folder, small_image.make())
    (folder / "sizes.txt").write_text(golden)
    return size.main(
        ["--facts", str(facts), "--golden", str(folder / "sizes.txt"), "--golden-path", "sizes.txt", *more]
    )


def test_sizes_are_of_packages_targets_and_the_whole() -> None:
    found = size.sizes(small_image.make())
    assert found["bash"] == 4
    assert found["//app:orchestrator"] == 12
    assert found["(unpacked)"] == small_image.make().image.tar_size


def test_what_is_written_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    assert run(tmp_path, "", "--update") == 0
    assert run(tmp_path, (tmp_path / "sizes.txt").read_text()) == 0


@pytest.mark.parametrize(
    "before, now, lines",
    [
        ({"a": 10_000_000}, {"a": 10_100_000}, []),
        ({"a": 10_000_000}, {"a": 10_300_000}, ["a: +300,000 bytes: 10,000,000 → 10,300,000"]),
        ({"a": 10_000_000}, {"a": 9_000_000}, ["a: -1,000,000 bytes: 10,000,000 → 9,000,000"]),
        ({}, {"new": 70_000}, ["new: +70,000 bytes: 0 → 70,000"]),
        ({"gone": 70_000}, {}, ["gone: -70,000 bytes: 70,000 → 0"]),
        ({"a": 1}, {"a": 60_000}, []),
    ],
)
def test_what_differs_by_more_than_the_tolerance_is_named(
    before: dict[str, int], now: dict[str, int], lines: list[str]
) -> None:
    assert list(size.differences(before, now, 2)) == lines


def test_an_image_that_grew_fails_and_says_how_to_update(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(tmp_path, "900000 (unpacked)\n", "--target", "//:t") == 1
    said = capsys.readouterr()
    assert "(unpacked): -" in said.err
    assert "run `bazel run //:t -- --update`" in said.out


def test_a_line_that_is_no_size_is_an_error_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"sizes\.txt:2: 'bash 4' is not bytes"):
        run(tmp_path, "4 a\nbash 4\n")
