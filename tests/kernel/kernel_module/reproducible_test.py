"""Two builds of the same modules, each in a folder of its own with a name of its own, give the same bytes."""

import os
from pathlib import Path


def test_two_builds_are_equal() -> None:
    first, second = (
        {Path(path).name: Path(path).read_bytes() for path in os.environ[name].split()}
        for name in ("FIRST", "SECOND")
    )
    assert len(first) == 2
    assert first == second
