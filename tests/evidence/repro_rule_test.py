"""image_repro_test passes for an image that is a function of its sources, and finds a planted clock."""

import os
import subprocess
from pathlib import Path

RUNFILES = Path(os.environ["TEST_SRCDIR"])


def run(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RUNFILES / "_main/tests/evidence" / name], capture_output=True, text=True, check=False
    )


def test_an_image_that_is_a_function_of_its_sources_passes() -> None:
    result = run("plain_repro_test")
    assert result.returncode == 0, result.stderr
    assert "two builds gave the same bytes in " in result.stdout


def test_a_planted_timestamp_is_found_with_the_target_that_made_it() -> None:
    result = run("planted_repro_test")
    assert result.returncode == 1, result.stdout
    assert "//tests/evidence:planted: //tests/evidence:clock is the first that differs" in result.stderr
    assert "it is laid at /etc/greeting\n" in result.stderr
