"""image_repro_test passes for an image that is a function of its sources, and finds what is planted."""

import os
import re
import subprocess
from pathlib import Path

import pytest

RUNFILES = Path(os.environ["TEST_SRCDIR"])


def run(name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [RUNFILES / "_main/tests/evidence" / name], capture_output=True, text=True, check=False
    )


def test_an_image_that_is_a_function_of_its_sources_passes() -> None:
    result = run("plain_repro_test")
    assert result.returncode == 0, result.stderr
    assert "two builds gave the same bytes in " in result.stdout


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("clock", r"\d+\.\d+", r"\d+\.\d+"),
        ("folder", "out/", "out/"),
        ("jobs", r"\d+", "1"),
        ("locale", "", "tr_TR.UTF-8"),
        # In 1970 these islands were on the other side of the date line.
        ("timezone", "Thu Jan  1 00:00:00 UTC", "Wed Dec 31 "),
        ("umask", "0022", "0077"),
    ],
)
def test_what_differs_between_builds_is_found_with_the_target_that_made_it(
    name: str, first: str, second: str
) -> None:
    result = run(f"planted_{name}_repro_test")
    if name == "jobs" and os.process_cpu_count() == 1:
        pytest.skip("this machine has one processor for the first build, too")
    assert result.returncode == 1, result.stdout
    found = result.stderr
    assert f"//tests/evidence:planted_{name}: //tests/evidence:{name} is the first that differs" in found
    assert "it is laid at /etc/greeting\n" in found
    assert re.search(rf"byte \d+: b'{first}.* and b'{second}", found), found
