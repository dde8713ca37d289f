"""Downloads from an archive's mirrors, tried in turn, outside of build actions."""

import email.utils
import hashlib
import http.client
import os
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.credentials import access, shown

_TIMEOUT = 30  # seconds without a byte
_PAUSES = (0.5, 2.0)  # seconds before each further try of the same URL
_LONGEST_WAIT = 60  # seconds that a mirror may ask for; then another one is asked
_CHUNK = 1 << 16  # little enough that a slow line still moves
_REFRESH = 0.1  # seconds between two states of a line on a terminal
_AGENT = "rules_system_image"
_REMEDY = "name a mirror that works in DEBIAN_MIRRORS, or see the host's apt sources and proxies"


class Mirrors:
    """The mirrors of one archive. The one that served last is asked first: mirrors may differ in age."""

    def __init__(self, archive: str, urls: list[str]) -> None:
        self.archive = archive
        self.urls = list(urls)

    def fetch[T](
        self, what: str, paths: tuple[str, ...], accept: Callable[[BinaryIO], T], missing: str = ""
    ) -> T:
        """Downloads the first of `paths` (below the archive's root) that a mirror has, from any mirror.

        `accept` reads the response to its end and returns what is made of it, or raises ToolError to
        refuse it; then the next mirror is asked. Of several mirrors, a line on standard error tells of
        each that failed. Raises ToolError if all did; `what` names the thing in messages, and `missing`
        says what to do where a mirror is up but does not have it.
        """
        reason, remedy = "there is no mirror", ""
        for url in tuple(self.urls):
            for path in paths:
                try:
                    result = _get(f"{url}/{path}", accept)
                except ToolError as error:
                    reason = shown(f"{url}/{path}: {error}")
                    if isinstance(error, _MissingError):
                        remedy = f"; {missing or _REMEDY}"
                        continue
                    remedy = f"; {_REMEDY}" if isinstance(error, _UnreachableError) else ""
                    break
                else:
                    self.urls.remove(url)
                    self.urls.insert(0, url)
                    return result
            if len(self.urls) > 1:
                print(f"{what}: {reason}", file=sys.stderr)
        which = f"none of {len(self.urls)} mirrors of {self.archive} served it; the last: "
        raise ToolError(f"{what}: {which if len(self.urls) > 1 else ''}{reason}{remedy}")


class _UnreachableError(ToolError):
    """The mirror is down, or what lies between it and us."""


class _MissingError(ToolError):
    """The mirror answers that it does not have the path."""


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows a redirection; user and password go along to the same host alone, never in clear after TLS."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> Any:
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        authorization = req.unredirected_hdrs.get("Authorization")
        if made is not None and authorization and (made.type, made.host) == (req.type, req.host):
            made.add_unredirected_header("Authorization", authorization)
        return made


def _get[T](url: str, accept: Callable[[BinaryIO], T]) -> T:
    """Opens `url` and hands it to `accept`; tries again after what may pass. Raises ToolError."""
    asked = access(url, os.environ)
    request = urllib.request.Request(asked.url, headers={"User-Agent": _AGENT})
    if asked.authorization:
        request.add_unredirected_header("Authorization", asked.authorization)
    opener = urllib.request.build_opener(_SameHost)
    for pause in (*_PAUSES, None):
        wait = pause
        try:
            with opener.open(request, timeout=_TIMEOUT) as response:
                try:
                    return accept(response)
                except ToolError:
                    if not _broke_off(response):
                        raise
            problem, passing = "the transfer broke off", True
        except urllib.error.HTTPError as error:
            problem, passing = f"HTTP {error.code} {error.reason}", error.code >= 500 or error.code == 429
            if error.code in (401, 407):
                problem += ", it wants a user and a password: name them in ~/.netrc, or in the URL"
            if passing and (later := _retry_after(error.headers.get("Retry-After", ""))) is not None:
                problem += f", try again in {later:.0f} s"
                passing, wait = later <= _LONGEST_WAIT, max(pause or 0, later)
            if error.code in (404, 410):
                raise _MissingError(problem) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, FileNotFoundError):
                raise _MissingError("no such file") from error
            problem, passing = _reason(error.reason), not isinstance(error.reason, ConnectionRefusedError)
        except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
            problem, passing = _reason(error), True
        if pause is None or not passing:
            raise _UnreachableError(problem)
        time.sleep(wait or pause)
    raise AssertionError("the last try returns or raises")


def _retry_after(value: str) -> float | None:
    """The seconds of a header Retry-After (RFC 9110, 10.2.3), a number or a time; None for neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError, OverflowError:
        return None


def _broke_off(response: Any) -> bool:
    """Whether `response` ended before its Content-Length, which reading by pieces does not tell."""
    return bool(getattr(response, "length", None)) and not response.read(1)


def _reason(error: BaseException | str) -> str:
    """What the operating system or the HTTP library says, without numbers of errors."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


class Progress:
    """How far a download is: on a terminal one line that is rewritten, elsewhere one line at its start."""

    def __init__(self, what: str, size: int, stream: TextIO) -> None:
        """`size` is in bytes; the lines go to `stream`."""
        self._what, self._size, self._stream = what, size, stream
        self._received = 0
        self._shown = 0.0
        self._terminal = stream.isatty()
        if not self._terminal:
            print(f"fetching {what} ({_megabytes(size)} MB)", file=stream)

    def show(self, received: int) -> None:
        """Tells how many bytes there are, unless that was told a moment ago."""
        self._received = received
        if self._terminal and time.monotonic() - self._shown >= _REFRESH:
            self._write("")
            self._shown = time.monotonic()

    def end(self) -> None:
        """Leaves the line as it is at last, whole or broken off, so that others may write below it."""
        if self._terminal:
            self._write("\n")

    def _write(self, end: str) -> None:
        whole = _megabytes(self._size)
        # Numbers keep their width, so that a shorter line never leaves the end of a longer one behind.
        done = f"{_megabytes(self._received):>{len(whole)}}"
        percent = 100 * self._received // max(self._size, 1)
        line = f"fetching {self._what}: {done} of {whole} MB ({percent:3} %)"
        # A line that the terminal breaks in two can't be rewritten.
        fitting = line[: shutil.get_terminal_size().columns - 1]
        print(f"\r{fitting}", end=end, file=self._stream, flush=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}"


def save(stream: BinaryIO, path: Path, sha256: str, size: int, *, named: str, progress: Progress) -> Path:
    """Reads `stream` into a file, which is whole or absent. Returns its path.

    Raises ToolError if its size or its SHA-256 is not the given; `named` says in messages who gave them.
    """
    with atomic.output(path) as copy:
        received, found = _copy(stream, copy, size, progress)
        if received > size:
            raise ToolError(f"it is longer than the {size} bytes that {named} names")
        if received < size:
            raise ToolError(f"it ends after {received} of the {size} bytes that {named} names")
        if found != sha256:
            raise ToolError(f"its SHA-256 is {found}, but {named} names {sha256}")
    return path


def _copy(source: BinaryIO, target: BinaryIO, limit: int, progress: Progress) -> tuple[int, str]:
    """Copies up to a little over `limit` bytes; returns how many, and their SHA-256."""
    digest = hashlib.sha256()
    received = 0
    try:
        while received <= limit and (chunk := source.read(_CHUNK)):
            received += len(chunk)
            digest.update(chunk)
            target.write(chunk)
            progress.show(received)
    finally:
        progress.end()
    return received, digest.hexdigest()
