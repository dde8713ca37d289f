"""Measurements that were reviewed: a reviewer sees which input moved which value, and why a test fails."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats.measured_file import values
from tools.sysimage.measure import measurements_golden

MEASURED: dict[str, Any] = {
    "format": "rules_system_image measurements 1",
    "inputs": {"kernel": {"size": 7, "sha256": "aa"}, "cmdline": {"text": "quiet"}},
    "sev_snp": {
        "vmm": "qemu",
        "launch_digests": [
            {
                "cpu_type": "EPYC-Milan",
                "vcpus": 2,
                "value": "11",
                "id_block": "x",
                "of": ["kernel", "cmdline"],
            }
        ],
    },
    "tpm": {
        "boots": {
            "direct": {
                "pcrs": {"4": {"sha256": "22", "sha384": "33", "of": ["kernel"]}},
                "events": [
                    {"register": 4, "what": "separator", "sha256": "44", "of": []},
                    {"register": 4, "what": "separator", "sha256": "44", "of": []},
                ],
            }
        }
    },
}


def _main(folder: Path, golden: Any, measured: Any, *words: str) -> int:
    for name, value in (("golden", golden), ("measured", measured)):
        (folder / name).write_text(value if isinstance(value, str) else json.dumps(value))
    return measurements_golden.main(
        ["--measurements", str(folder / "measured"), "--golden", str(folder / "golden"), *words]
    )


def test_the_same_measurements_pass(tmp_path: Path) -> None:
    assert _main(tmp_path, MEASURED, MEASURED) == 0


def test_a_change_is_told_with_the_input_that_moved_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = copy.deepcopy(MEASURED)
    new["inputs"]["cmdline"]["text"] = "debug"
    new["sev_snp"]["launch_digests"][0]["value"] = "99"
    with pytest.raises(ToolError, match=r"golden: 2 differences; .*anew: bazel run //x:y.update"):
        _main(tmp_path, MEASURED, new, "--command", "bazel run //x:y.update")
    assert capsys.readouterr().out.splitlines() == [
        "input cmdline: text was quiet, and is debug",
        "sev_snp launch_digests EPYC-Milan vcpus=2: moved by cmdline; it was 11, and is 99",
    ]


def test_a_value_that_moves_without_an_input_is_a_change_of_rules(tmp_path: Path) -> None:
    new = copy.deepcopy(MEASURED)
    new["tpm"]["boots"]["direct"]["pcrs"]["4"]["sha384"] = "00"
    [line] = measurements_golden.differences(MEASURED, new)
    assert line == (
        "tpm boots direct pcrs 4 sha384: moved by a change of how it is measured, not of an input; "
        "it was 33, and is 00"
    )


def test_what_is_new_and_what_is_gone_is_told(tmp_path: Path) -> None:
    new = copy.deepcopy(MEASURED)
    new["sev_snp"]["launch_digests"][0]["vcpus"] = 4
    del new["inputs"]["kernel"]
    assert measurements_golden.differences(MEASURED, new) == [
        "input kernel: is gone",
        "sev_snp launch_digests EPYC-Milan vcpus=2: is gone",
        "sev_snp launch_digests EPYC-Milan vcpus=4: is new",
    ]


def test_events_of_the_same_text_are_told_apart() -> None:
    names = [name for name, _ in values(MEASURED)]
    assert len(names) == len(set(names)) == 5


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100000, '{"inputs": 1}', "\x00"])
def test_a_file_without_measurements_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ToolError, match=r"golden: has no measurements .*; write it anew"):
        _main(tmp_path, text, MEASURED)


def test_update_writes_into_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(tmp_path))
    (tmp_path / "images").mkdir()
    assert _main(tmp_path, "", MEASURED, "--update", "images/new.json") == 0
    assert json.loads((tmp_path / "images/new.json").read_bytes()) == MEASURED
