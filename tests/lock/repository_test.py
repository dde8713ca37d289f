"""This repository's manifest, lock and keyring: what every image is built from must hang together."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tools.sysimage.lock import manifest
from tools.sysimage.lock.check import check
from tools.sysimage.lock.signature import SHIPPED, Keyring

# Not resolved: in a Bazel test this is the tree of the runfiles, where the data lies.
FOLDER = Path(__file__).parents[2] / "system_image"


@pytest.fixture(scope="module")
def lock() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "debian.lock.json").read_bytes()))


@pytest.fixture(scope="module")
def wanted() -> manifest.Manifest:
    return manifest.load(FOLDER / "debian.toml")


def test_the_lock_is_current_and_sound(lock: dict[str, Any], wanted: manifest.Manifest) -> None:
    check(wanted, lock, FOLDER / "debian.lock.json", FOLDER / "debian.toml")


def test_the_shipped_keyring_holds_the_pinned_keys_and_those_of_no_one_but_debian(
    wanted: manifest.Manifest,
) -> None:
    assert wanted.keyring is None
    keyring = {certificate.fingerprint.upper(): certificate for certificate in Keyring(SHIPPED).certificates}
    assert {fingerprint for archive in wanted.archives for fingerprint in archive.signed_by} <= keyring.keys()
    for certificate in keyring.values():
        (owner,) = map(str, certificate.user_ids)
        assert re.fullmatch(r"Debian .* Key \(\d+/[a-z]+\) <[a-z-]+@(lists\.)?debian\.org>", owner)


def test_every_release_was_signed_by_a_pinned_key(lock: dict[str, Any], wanted: manifest.Manifest) -> None:
    for archive in wanted.archives:
        releases = lock["archives"][archive.name]["releases"]
        assert list(releases) == sorted(archive.suites)
        for release in releases.values():
            assert set(release["signed_by"]) <= archive.signed_by
            assert release["signed_by"]


def test_the_lock_is_written_as_the_tool_writes_it(lock: dict[str, Any]) -> None:
    text = json.dumps(lock, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert (FOLDER / "debian.lock.json").read_text() == text
