"""Stage annotate: what an image says about where it comes from, and nothing of who built it or when."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.testing.layouts import layout
from tools.sysimage.core.errors import ToolError
from tools.sysimage.publish import annotate, workspace_status

LOCK = b'{"snapshot": "20260102T030405Z"}'
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("remote", "source"),
    [
        ("https://git.example.org/team/images.git", "https://git.example.org/team/images"),
        ("https://user:secret@git.example.org:8443/images", "https://git.example.org:8443/images"),
        ("git@git.example.org:team/images.git", "https://git.example.org/team/images"),
        ("ssh://git@git.example.org:22/team/images/", "https://git.example.org/team/images"),
        ("/srv/checkout", ""),
        ("file:///srv/checkout", ""),
    ],
)
def test_a_remote_is_named_as_anybody_reads_it_without_credentials(remote: str, source: str) -> None:
    assert workspace_status.public(remote) == source


def test_every_annotation_follows_from_lock_commit_and_base(tmp_path: Path) -> None:
    base = layout(tmp_path / "base", b"layer")
    digest = json.loads((base / "index.json").read_text())["manifests"][0]["digest"]
    status = workspace_status.status_values(
        f"BUILD_HOST there\nSTABLE_GIT_COMMIT {COMMIT}\nSTABLE_GIT_URL git@a.example:b\n"
    )
    assert annotate.annotations(LOCK, status, "", base) == {
        "rules_system_image.lock.sha256": hashlib.sha256(LOCK).hexdigest(),
        "org.opencontainers.image.base.digest": digest,
        "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
        "org.opencontainers.image.revision": COMMIT,
        "org.opencontainers.image.source": "https://a.example/b",
    }


def test_the_setting_goes_before_the_remote() -> None:
    found = annotate.annotations(LOCK, {"STABLE_GIT_URL": "git@a.example:b"}, "https://mine.example", None)
    assert found["org.opencontainers.image.source"] == "https://mine.example"


def test_what_is_not_known_is_left_out_not_empty() -> None:
    assert set(annotate.annotations(LOCK, {}, "", None)) == {
        "rules_system_image.lock.sha256",
        "org.opencontainers.image.created",
    }


def test_the_files_end_without_a_line_break_which_rules_oci_would_take_for_content(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(LOCK)
    (tmp_path / "status").write_text("BUILD_HOST there\n")
    paths = {name: str(tmp_path / name) for name in ("lock", "status", "output", "created")}
    assert annotate.main([word for name, path in paths.items() for word in (f"--{name}", path)]) == 0
    assert (tmp_path / "created").read_text() == "2026-01-02T03:04:05Z"
    assert (tmp_path / "output").read_text().splitlines()[
        -1
    ] == "org.opencontainers.image.created=2026-01-02T03:04:05Z"
    assert not (tmp_path / "output").read_text().endswith("\n")


@pytest.mark.parametrize("lock", [b"", b"[]", b"{}", b'{"snapshot": "now"}'])
def test_what_is_no_lock_is_refused(lock: bytes) -> None:
    with pytest.raises(ToolError, match="name the lock that the image is made of"):
        annotate.annotations(lock, {}, "", None)
