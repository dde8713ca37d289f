"""Stage lock: a download that says nothing for minutes is killed; one that says too much hides the rest."""

import errno
import hashlib
import io
import time
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.fetch import Progress
from tools.sysimage.lock.cache import Cache

DATA = bytes(2_500_000)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def states(self) -> list[str]:
        """What the line said, one after the other."""
        return self.getvalue().removeprefix("\r").split("\r")


class Slow:
    """DATA as a server sends it: 100,000 bytes every 50 ms of a clock that stands still otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, data: bytes = DATA) -> None:
        self.data = io.BytesIO(data)
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def read(self, _size: int) -> bytes:
        self.now += 0.05
        return self.data.read(100_000)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def store(folder: Path, slow: Slow, stream: io.StringIO, size: int = len(DATA)) -> None:
    progress = Progress("trixie main/binary-amd64/Packages.xz", size, stream)
    Cache(folder).store(cast(BinaryIO, slow), hashlib.sha256(DATA).hexdigest(), size, progress)


def test_a_terminal_shows_one_line_that_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    store(tmp_path, Slow(monkeypatch), terminal)
    states = terminal.states()
    assert states[0] == "fetching trixie main/binary-amd64/Packages.xz: 0.1 of 2.5 MB (  4 %)"
    assert states[-1] == "fetching trixie main/binary-amd64/Packages.xz: 2.5 of 2.5 MB (100 %)\n"
    assert terminal.getvalue().count("\n") == 1


def test_it_is_not_rewritten_more_than_ten_times_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    slow = Slow(monkeypatch)
    store(tmp_path, slow, terminal)
    *moving, _last = terminal.states()
    assert 5 < len(moving) <= 10 * (slow.now - 1000.0)


def test_a_state_covers_all_of_the_one_before() -> None:
    terminal = Terminal()
    progress = Progress("x", 12_500_000, terminal)
    for received in (1, 9_990_000, 12_500_000):
        progress.show(received)
        progress.end()
    assert len({len(state.rstrip("\n")) for state in terminal.states()}) == 1


def test_a_narrow_terminal_never_breaks_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    terminal = Terminal()
    store(tmp_path, Slow(monkeypatch), terminal)
    assert {len(state.rstrip("\n")) for state in terminal.states()} == {29}


def test_a_download_that_breaks_off_leaves_the_line_to_the_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    with pytest.raises(ToolError, match="it ends after"):
        store(tmp_path, Slow(monkeypatch, DATA[:1_000_000]), terminal)
    assert terminal.states()[-1].endswith("1.0 of 2.5 MB ( 40 %)\n")


def test_without_a_terminal_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    store(tmp_path, Slow(monkeypatch), log)
    assert log.getvalue() == "fetching trixie main/binary-amd64/Packages.xz (2.5 MB)\n"


def test_a_full_disk_is_told_with_the_folder_of_the_cache(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    cache = Cache(tmp_path / "indexes")
    with pytest.raises(OSError, match="No space left") as caught:
        cache.store(Full(), "0" * 64, 1, Progress("x", 1, io.StringIO()))
    assert caught.value.filename == str(tmp_path / "indexes")
    assert list((tmp_path / "indexes").iterdir()) == []


def test_an_empty_index_is_no_division_by_zero() -> None:
    terminal = Terminal()
    Progress("x", 0, terminal).end()
    assert terminal.states() == ["fetching x: 0.0 of 0.0 MB (  0 %)\n"]
