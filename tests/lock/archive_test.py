"""Stage lock: between a signature and a package stand Release and Packages; each link must hold."""

import functools
import gzip
import hashlib
import http.server
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lock.archives import KEY, OTHER_KEY, Mirror, fingerprint, packages
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian import fetch
from tools.sysimage.debian.fetch import Mirrors
from tools.sysimage.lock.archive import Release, fetch_release, read_packages
from tools.sysimage.lock.cache import Cache
from tools.sysimage.lock.index import Index
from tools.sysimage.lock.manifest import Archive
from tools.sysimage.lock.signature import Keyring

ARCHIVE = Archive("debian", ("trixie",), ("main",), frozenset({fingerprint(KEY)}))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_PAUSES", (0.0, 0.0))


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    path = tmp_path / "archive.asc"
    path.write_text("\n".join(str(key.extract_certificate()) for key in (KEY, OTHER_KEY)))
    return Keyring(path)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def release(
    keyring: Keyring,
    *urls: str,
    archive: Archive = ARCHIVE,
    suite: str = "trixie",
    not_before: datetime | None = None,
) -> Release:
    return fetch_release(archive, suite, Mirrors("debian", list(urls)), keyring, not_before)


def names(mirrors: Mirrors, found: Release, cache: Cache, architecture: str = "amd64") -> str:
    index = Index(architecture)
    read_packages(index, ARCHIVE, found, mirrors, cache)
    return " ".join(sorted(index.names()))


def test_a_release_tells_what_the_lock_records(mirror: Mirror, keyring: Keyring) -> None:
    mirror.publish("a", valid_until="Sat, 28 Nov 2126 02:10:46 UTC")
    found = release(keyring, mirror.url)
    assert found.date == datetime(2026, 11, 21, 2, 10, 46, tzinfo=UTC)
    assert found.valid_until == datetime(2126, 11, 28, 2, 10, 46, tzinfo=UTC)
    assert found.signed_by == (fingerprint(KEY),)
    assert found.sha256 == hashlib.sha256((mirror.suite() / "InRelease").read_bytes()).hexdigest()


def test_an_expired_release_is_a_warning_with_its_date(
    mirror: Mirror, keyring: Keyring, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.publish("a", valid_until="Sat, 21 Nov 2020 02:10:46 UTC")
    release(keyring, mirror.url)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: debian, suite trixie: its Release was valid until 2020-11-21T02:10:46Z:")


def test_a_release_that_is_valid_is_silent(
    mirror: Mirror, keyring: Keyring, capsys: pytest.CaptureFixture[str]
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    mirror.publish("a", valid_until=tomorrow.strftime("%a, %d %b %Y %H:%M:%S UTC"))
    release(keyring, mirror.url)
    assert capsys.readouterr().err == ""


def test_a_tampered_release_is_refused(mirror: Mirror, keyring: Keyring) -> None:
    mirror.publish("a")
    path = mirror.suite() / "InRelease"
    path.write_bytes(path.read_bytes().replace(b"Codename: trixie", b"Codename: trixiE"))
    with pytest.raises(ToolError, match=r"^debian, suite trixie: file:.*/InRelease: no good signature"):
        release(keyring, mirror.url)


def test_a_release_of_another_key_is_refused(mirror: Mirror, keyring: Keyring) -> None:
    mirror.publish("a", key=OTHER_KEY)
    with pytest.raises(ToolError, match="none of which is pinned in signed_by"):
        release(keyring, mirror.url)


def test_the_signed_release_of_another_suite_is_refused(mirror: Mirror, keyring: Keyring) -> None:
    mirror.publish("a", "sid")
    mirror.suite("sid").rename(mirror.suite())
    with pytest.raises(ToolError, match="the Release is that of sid, not of trixie"):
        release(keyring, mirror.url)


def test_a_release_without_sha256_is_refused(mirror: Mirror, keyring: Keyring) -> None:
    mirror.sign("Codename: trixie\nDate: Sat, 21 Nov 2026 02:10:46 UTC\nMD5Sum:\n 00 1 main/x\n")
    with pytest.raises(ToolError, match="has no SHA256 field"):
        release(keyring, mirror.url)


def test_a_file_that_is_listed_without_a_sha256_is_not_in_the_release(
    mirror: Mirror, keyring: Keyring
) -> None:
    digest = "0" * 64
    others = ("1", "x no-size", "1 two words", "-1 negative")
    lines = [f" {digest} 1 good", *(f" {digest} {other}" for other in others), f" {digest[1:]} 1 short"]
    head = "Codename: trixie\nDate: Sat, 21 Nov 2026 02:10:46 UTC\nComponents: main\n"
    mirror.sign(f"{head}SHA256:\n{'\n'.join(lines)}\nSHA1:\n {digest} 1 weak\n")
    assert release(keyring, mirror.url).files == {"good": (digest, 1)}
    mirror.sign(f"{head}SHA256: {digest} 1 good\n")
    with pytest.raises(ToolError, match="has no SHA256 field"):
        release(keyring, mirror.url)


@pytest.mark.parametrize(
    ("fields", "priority"),
    [
        ({}, 500),
        ({"notautomatic": "yes"}, 1),
        ({"notautomatic": "yes", "butautomaticupgrades": "yes"}, 100),
        ({"notautomatic": "no", "butautomaticupgrades": "yes"}, 500),
    ],
)
def test_a_suite_has_the_priority_that_apt_gives_it(
    mirror: Mirror, keyring: Keyring, fields: dict[str, Any], priority: int
) -> None:
    mirror.publish("a", **fields)
    assert release(keyring, mirror.url).priority == priority


@pytest.mark.parametrize(
    ("suite", "label", "security"),
    [
        ("trixie", "Debian", False),
        ("trixie", "Debian-Security", True),
        ("trixie-security", "Somebody", True),
        ("trixie-updates", "Debian", False),
    ],
)
def test_a_suite_of_security_updates_is_known_by_its_label_or_its_name(
    mirror: Mirror, keyring: Keyring, suite: str, label: str, security: bool
) -> None:
    mirror.publish("a", suite, label=label)
    assert release(keyring, mirror.url, suite=suite).security == security


def test_a_release_older_than_the_one_of_the_lock_is_refused(mirror: Mirror, keyring: Keyring) -> None:
    mirror.publish("a", date="Sat, 21 Nov 2026 02:10:46 UTC")
    same = datetime(2026, 11, 21, 2, 10, 46, tzinfo=UTC)
    assert release(keyring, mirror.url, not_before=same).date == same
    with pytest.raises(ToolError) as caught:
        release(keyring, mirror.url, not_before=same + timedelta(seconds=1))
    assert str(caught.value) == (
        f"debian, suite trixie: {mirror.url}/dists/trixie/InRelease: its Release of 2026-11-21T02:10:46Z is "
        "older than that of 2026-11-21T02:10:47Z in the lock; name another mirror in DEBIAN_MIRRORS, or "
        "accept it with --allow-rollback"
    )


def test_a_mirror_that_is_not_stale_is_asked_after_one_that_is(
    mirror: Mirror, keyring: Keyring, tmp_path: Path
) -> None:
    mirror.publish("a", date="Sun, 22 Nov 2026 02:10:46 UTC")
    stale = Mirror(tmp_path / "stale")
    stale.publish("a", date="Sat, 21 Nov 2026 02:10:46 UTC")
    recorded = datetime(2026, 11, 22, tzinfo=UTC)
    assert release(keyring, stale.url, mirror.url, not_before=recorded).date > recorded


def test_an_unknown_component_is_named_with_what_there_is(mirror: Mirror, keyring: Keyring) -> None:
    mirror.publish("a", components="main contrib non-free-firmware")
    archive = Archive("debian", ("trixie",), ("main", "contib"), ARCHIVE.signed_by)
    message = (
        r"no component contib \(did you mean contrib\?\); its Release lists main, contrib, non-free-firmw"
    )
    with pytest.raises(ToolError, match=message):
        release(keyring, mirror.url, archive=archive)


def test_components_are_known_without_the_prefix_of_the_security_archive(
    mirror: Mirror, keyring: Keyring
) -> None:
    mirror.publish("a", components="updates/main updates/contrib")
    assert release(keyring, mirror.url).components == ("main", "contrib")


def test_an_unknown_suite_is_named(mirror: Mirror, keyring: Keyring) -> None:
    mirror.publish("a")
    with pytest.raises(
        ToolError, match=r"^debian, suite trixi: file:.*/dists/trixi/InRelease: no such file; either"
    ):
        release(keyring, mirror.url, suite="trixi")


def test_an_unknown_architecture_is_named_with_what_there_is(
    mirror: Mirror, keyring: Keyring, cache: Cache
) -> None:
    mirror.publish("a", architectures=("amd64", "arm64"))
    mirrors = Mirrors("debian", [mirror.url])
    with pytest.raises(ToolError, match=r"no architecture riscv64; its Release lists amd64, arm64$"):
        names(mirrors, release(keyring, mirror.url), cache, "riscv64")


def test_a_packages_index_that_does_not_match_is_refused(
    mirror: Mirror, keyring: Keyring, cache: Cache
) -> None:
    mirror.publish("a", acquire_by_hash="no")
    path = mirror.index()
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    mirrors = Mirrors("debian", [mirror.url])
    message = (
        r"^debian, suite trixie, main/binary-amd64/Packages\.xz: file:.*: its SHA-256 is .*, but the Release"
    )
    with pytest.raises(ToolError, match=message):
        names(mirrors, release(keyring, mirror.url), cache)
    assert list(cache.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("cut", "message"), [(-1, "it ends after .* of the"), (None, "it is longer than the")]
)
def test_a_packages_index_of_another_length_is_refused(
    mirror: Mirror, keyring: Keyring, cache: Cache, cut: int | None, message: str
) -> None:
    mirror.publish("a", acquire_by_hash="no")
    path = mirror.index()
    path.write_bytes(path.read_bytes()[:cut] + (b"" if cut else b"more"))
    with pytest.raises(ToolError, match=message):
        names(Mirrors("debian", [mirror.url]), release(keyring, mirror.url), cache)
    assert list(cache.folder.iterdir()) == []


def test_by_hash_outlives_an_update_of_the_mirror(mirror: Mirror, keyring: Keyring, cache: Cache) -> None:
    mirror.publish("a")
    found = release(keyring, mirror.url)
    mirror.publish("a\nb")
    assert names(Mirrors("debian", [mirror.url]), found, cache) == "a"


def test_a_mirror_without_by_hash_still_serves(mirror: Mirror, keyring: Keyring, cache: Cache) -> None:
    mirror.publish("a")
    for path in (mirror.index().parent / "by-hash/SHA256").iterdir():
        path.unlink()
    assert names(Mirrors("debian", [mirror.url]), release(keyring, mirror.url), cache) == "a"


def test_an_index_compressed_with_gzip_is_read(mirror: Mirror, keyring: Keyring, cache: Cache) -> None:
    mirror.publish("a")
    data = gzip.compress(packages("b").encode())
    (mirror.index().parent / "Packages.gz").write_bytes(data)
    mirror.sign(
        "Codename: trixie\nDate: Sat, 21 Nov 2026 02:10:46 UTC\nArchitectures: amd64\nComponents: main\n"
        f"SHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-amd64/Packages.gz\n"
    )
    assert names(Mirrors("debian", [mirror.url]), release(keyring, mirror.url), cache) == "b"


def test_an_index_of_packages_for_all_architectures_is_read_where_there_is_one(
    mirror: Mirror, keyring: Keyring, cache: Cache
) -> None:
    mirror.publish("a", architectures=("amd64", "all"))
    shutil.rmtree(mirror.index(architecture="all").parent)
    with pytest.raises(ToolError, match=r"binary-all/Packages\.xz"):
        names(Mirrors("debian", [mirror.url]), release(keyring, mirror.url), cache)


def test_it_is_not_read_where_other_indexes_hold_those_packages_too(
    mirror: Mirror, keyring: Keyring, cache: Cache
) -> None:
    mirror.publish("a", architectures=("amd64", "all"), no_support_for_architecture_all="Packages")
    shutil.rmtree(mirror.index(architecture="all").parent)
    assert names(Mirrors("debian", [mirror.url]), release(keyring, mirror.url), cache) == "a"


def test_a_second_run_takes_the_index_from_the_cache(mirror: Mirror, keyring: Keyring, cache: Cache) -> None:
    mirror.publish("a")
    mirrors = Mirrors("debian", [mirror.url])
    found = release(keyring, mirror.url)
    assert names(mirrors, found, cache) == "a"
    mirror.index().parent.rename(mirror.folder / "gone")
    assert names(mirrors, found, cache) == "a"


def test_a_damaged_cache_is_not_trusted(mirror: Mirror, keyring: Keyring, cache: Cache) -> None:
    mirror.publish("a")
    mirrors = Mirrors("debian", [mirror.url])
    found = release(keyring, mirror.url)
    names(mirrors, found, cache)
    (cached,) = cache.folder.iterdir()
    cached.write_bytes(b"damaged")
    assert names(mirrors, found, cache) == "a"


def test_the_cache_forgets_what_was_used_longest_ago(cache: Cache) -> None:
    cache.folder.mkdir()
    for number in range(4):
        (cache.folder / str(number)).touch()
        time = 1_000_000 + (number + 2) % 4
        os.utime(cache.folder / str(number), (time, time))
    cache.prune(2)
    assert sorted(path.name for path in cache.folder.iterdir()) == ["0", "1"]


class Flaky(http.server.SimpleHTTPRequestHandler):
    """Answers the first requests with what `failures` says, then serves the folder."""

    failures: list[str]

    def do_GET(self) -> None:
        match self.failures.pop(0) if self.failures else "":
            case "":
                super().do_GET()
            case "cut":
                self.send_response(200)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                self.wfile.write(b"-----BEGIN PGP")
                self.close_connection = True
            case status:
                self.send_error(int(status))

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def served(folder: Path, failures: list[str]) -> Iterator[str]:
    handler = type("Handler", (Flaky,), {"failures": failures})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def down() -> Iterator[str]:
    """The URL of a port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("failures", [["503"], ["503", "500"], ["cut"]])
def test_what_passes_is_tried_again(mirror: Mirror, keyring: Keyring, failures: list[str]) -> None:
    mirror.publish("a")
    with served(mirror.folder, failures) as url:
        assert release(keyring, url).suite == "trixie"
    assert failures == []


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        (["503"] * 3, r"HTTP 503 Service Unavailable; name a mirror that works in DEBIAN_MIRRORS"),
        (["403"], r"HTTP 403 Forbidden; name a mirror"),
        (
            ["404"],
            r"HTTP 404 Not Found; either the archive has no suite trixie, or the mirror is not one",
        ),
        (["cut"] * 3, r"the transfer broke off; name a mirror"),
    ],
)
def test_what_stays_is_told(mirror: Mirror, keyring: Keyring, failures: list[str], message: str) -> None:
    mirror.publish("a")
    with served(mirror.folder, failures) as url, pytest.raises(ToolError, match=message):
        release(keyring, url)
    assert failures == []


def test_mirrors_are_tried_in_turn_with_a_line_for_each_that_failed(
    mirror: Mirror, keyring: Keyring, cache: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.publish("a")
    evil = Mirror(tmp_path / "evil")
    evil.publish("a", key=OTHER_KEY)
    with down() as url:
        mirrors = Mirrors("debian", [url, evil.url, mirror.url])
        found = fetch_release(ARCHIVE, "trixie", mirrors, keyring)
        refused, unsigned = capsys.readouterr().err.splitlines()
        assert refused == f"debian, suite trixie: {url}/dists/trixie/InRelease: Connection refused"
        assert unsigned.startswith(f"debian, suite trixie: {evil.url}/dists/trixie/InRelease: signed by ")
        # The one that served is asked first from then on.
        assert names(mirrors, found, cache) == "a"
        (progress,) = capsys.readouterr().err.splitlines()
    assert progress == "fetching trixie main/binary-amd64/Packages.xz (0.0 MB)"


def test_all_mirrors_down_is_one_line_with_the_remedy(keyring: Keyring) -> None:
    with down() as one, down() as other, pytest.raises(ToolError) as caught:
        release(keyring, one, other)
    assert str(caught.value) == (
        f"debian, suite trixie: none of 2 mirrors of debian served it; the last: "
        f"{other}/dists/trixie/InRelease: Connection refused; name a mirror that works in DEBIAN_MIRRORS, "
        f"or see the host's apt sources and proxies"
    )
