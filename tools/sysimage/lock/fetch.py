"""Downloads from an archive's mirrors, tried in turn, and the cache of indexes between runs."""

import hashlib
import http.client
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from tools.sysimage.errors import ToolError

_TIMEOUT = 30  # seconds without a byte
_PAUSES = (0.5, 2.0)  # seconds before each further try of the same URL
_CHUNK = 1 << 20
_AGENT = "rules_system_image"


class Mirrors:
    """The mirrors of one archive. The one that served last is asked first: mirrors may differ in age."""

    def __init__(self, archive: str, urls: list[str]) -> None:
        self.archive = archive
        self.urls = list(urls)

    def fetch[T](self, what: str, paths: tuple[str, ...], accept: Callable[[BinaryIO], T]) -> T:
        """Downloads the first of `paths` (below the archive's root) that a mirror has, from any mirror.

        `accept` reads the response to its end and returns what is made of it, or raises ToolError to
        refuse it; then the next mirror is asked. A line on standard error tells of each mirror that
        failed; if all did, ToolError says why the last one failed.
        """
        failures: list[str] = []
        for url in list(self.urls):
            for path in paths:
                try:
                    result = _get(f"{url}/{path}", accept)
                except _MissingError as error:
                    reason = str(error)
                    continue
                except ToolError as error:
                    reason = str(error)
                    break
                self.urls.remove(url)
                self.urls.insert(0, url)
                return result
            failures.append(f"{url}: {reason}")
            if len(self.urls) > 1:
                print(f"{what}: {failures[-1]}", file=sys.stderr)
        count = "the mirror" if len(failures) == 1 else f"none of {len(failures)} mirrors"
        raise ToolError(
            f"{what}: {count} of {self.archive} gave no usable copy; {failures[-1]}"
            if len(failures) == 1
            else f"{what}: {count} of {self.archive} gave a usable copy; the last was {failures[-1]}"
        )


class _MissingError(ToolError):
    """The mirror answers that it does not have the path."""


def _get[T](url: str, accept: Callable[[BinaryIO], T]) -> T:
    """Opens `url` and hands it to `accept`; tries again after what may pass. Raises ToolError."""
    request = urllib.request.Request(url, headers={"User-Agent": _AGENT})
    for pause in (*_PAUSES, None):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
                return accept(response)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise _MissingError(f"it has no {url} (HTTP {error.code})") from error
            problem, passing = f"HTTP {error.code} {error.reason} for {url}", error.code >= 500
        except urllib.error.URLError as error:
            if isinstance(error.reason, FileNotFoundError):
                raise _MissingError(f"it has no {url}") from error
            problem, passing = str(error.reason), not isinstance(error.reason, ConnectionRefusedError)
        except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
            problem, passing = f"{type(error).__name__} {error}".strip(), True
        if pause is None or not passing:
            raise ToolError(problem)
        time.sleep(pause)
    raise AssertionError("the last try returns or raises")


class Cache:
    """Compressed indexes by their SHA-256, in the user's cache folder; it may be removed at any time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> Cache:
        """The cache below XDG_CACHE_HOME, or ~/.cache (XDG Base Directory Specification)."""
        base = environ.get("XDG_CACHE_HOME", "")
        root = Path(base) if base.startswith("/") else Path(environ.get("HOME", "/")) / ".cache"
        return cls(root / "rules_system_image" / "indexes")

    def find(self, sha256: str) -> Path | None:
        """The file with this digest if it is there and whole; a damaged one is removed."""
        path = self.folder / sha256
        try:
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() == sha256:
                    path.touch()
                    return path
        except OSError:
            return None
        path.unlink(missing_ok=True)
        return None

    def store(self, stream: BinaryIO, sha256: str, size: int) -> Path:
        """Reads `stream` into the cache. Raises ToolError if its size or its SHA-256 is not the given."""
        self.folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        received = 0
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".part-", delete=False) as aside:
            try:
                while chunk := stream.read(_CHUNK):
                    received += len(chunk)
                    if received > size:
                        break
                    digest.update(chunk)
                    aside.write(chunk)
                if received != size:
                    more = "more than " if received > size else f"{received} of "
                    raise ToolError(f"it sent {more}the {size} bytes that the Release names")
                if digest.hexdigest() != sha256:
                    found = digest.hexdigest()
                    raise ToolError(f"its SHA-256 is {found}, and the Release names {sha256}")
                aside.close()
                os.replace(aside.name, self.folder / sha256)
            except BaseException:
                Path(aside.name).unlink(missing_ok=True)
                raise
        return self.folder / sha256

    def prune(self, keep: int) -> None:
        """Removes all but the `keep` files used last."""
        files = [path for path in self.folder.glob("*") if path.is_file()]
        files.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[keep:]:
            path.unlink(missing_ok=True)
