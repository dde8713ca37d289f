"""This repository's locks: one that --check refuses is written anew, and images with it, by the next run."""

from pathlib import Path

import pytest

from tools.sysimage.lock.main import main

_WORKSPACE = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name",
    [
        "system_image/debian",
        "system_image/firmware",
        "tests/rootfs/bookworm",
        "tests/rootfs/forky",
        "tests/rootfs/more_sets",
        "tests/rootfs/sets",
    ],
)
def test_lock_of_this_repository_would_be_unsound(name: str) -> None:
    manifest, lock = _WORKSPACE / f"{name}.toml", _WORKSPACE / f"{name}.lock.json"
    assert main(["--manifest", str(manifest), "--lock", str(lock), "--check"]) == 0
