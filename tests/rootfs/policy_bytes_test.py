"""What our policies say that their lines bring, beside what they bring in our images."""

import json
import os
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_IMAGES = [_ROOT / path for path in os.environ["EFFECTS"].split()]
_TOLERANCE = 0.15  # packages grow, and differ by architecture


@pytest.mark.parametrize("name", ["guest", "lean"])
def test_lines_bring_as_many_bytes_as_they_say(name: str) -> None:
    entries = tomllib.loads((_ROOT / f"system_image/{name}.toml").read_text())["exclude"]
    brought: dict[str, tuple[int, int]] = {}
    for path in _IMAGES:
        for item in json.loads(path.read_text())["excluded"]:
            paths, size = brought.get(item["reason"], (0, 0))
            brought[item["reason"]] = max(paths, item["paths"]), max(size, item["bytes"])
    wrong = []
    for entry in entries:
        paths, size = brought[entry["reason"]]
        # What an entry with 0 names is in nobody's image here, or has no size.
        if entry["bytes"] and not paths:
            wrong.append(f"{entry['reason']}: it leaves nothing out of any image; delete it")
        if abs(size - entry["bytes"]) > _TOLERANCE * size + 20_000:
            wrong.append(f"{entry['reason']}: bytes = {entry['bytes']:_}, and it brings {size:_}")
    assert not wrong
