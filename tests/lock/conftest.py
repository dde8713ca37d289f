"""What several tests of the stage lock start from."""

from pathlib import Path

import pytest

from tests.lock.archives import Workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = Workspace(tmp_path)
    monkeypatch.setenv("DEBIAN_MIRRORS", f"debian={made.debian.url} debian-security={made.security.url}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BUILD_WORKSPACE_DIRECTORY", raising=False)
    return made
