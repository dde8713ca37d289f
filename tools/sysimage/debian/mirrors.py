"""Where archives are fetched from: the host's own configuration, never the repository's.

In this order, for each archive by itself: the variable DEBIAN_MIRRORS, the host's apt sources, and
snapshot.debian.org. Everything here is a pure function over text, except `host_mirrors`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.credentials import shown
from tools.sysimage.formats import deb822

VARIABLE = "DEBIAN_MIRRORS"
SNAPSHOT = "https://snapshot.debian.org/archive"

_SCHEMES = frozenset({"http", "https", "file"})
_DISABLED = frozenset({"no", "false", "without", "off", "disable", "0"})


@dataclass(frozen=True, slots=True)
class AptSource:
    """One entry of apt's sources that serves binary packages: URIs and the suites asked of them."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]


def parse_variable(value: str) -> dict[str, list[str]]:
    """Reads DEBIAN_MIRRORS: white-space separated `archive=URL`, an archive may come several times.

    Returns archive → URLs in the order given, without a trailing slash. Raises ToolError.
    """
    mirrors: dict[str, list[str]] = {}
    for word in value.split():
        archive, equals, url = word.partition("=")
        if not equals or not archive or urlsplit(url).scheme not in _SCHEMES:
            raise ToolError(
                f"{VARIABLE}: '{shown(word)}' is not archive=URL, as in debian=http://mirror.example/debian"
            )
        _add(mirrors, archive, url)
    return mirrors


def parse_one_line(text: str) -> list[AptSource]:
    """Reads a `.list` file of apt, sources.list(5): `deb [options] URI suite component…` lines."""
    sources = []
    for raw in text.splitlines():
        line = re.sub(r"\[[^\]]*\]", " ", raw.partition("#")[0])
        words = line.split()
        if len(words) >= 3 and words[0] == "deb":
            sources.append(AptSource((words[1],), (words[2],)))
    return sources


def parse_deb822(text: str) -> list[AptSource]:
    """Reads a `.sources` file of apt, sources.list(5): stanzas with Types, URIs, Suites, Enabled."""
    sources = []
    for stanza in deb822.paragraphs(text):
        fields = {name.lower(): value for name, value in stanza.items()}
        enabled = fields.get("enabled", "yes").strip().lower() not in _DISABLED
        if enabled and "deb" in fields.get("types", "").split():
            sources.append(
                AptSource(tuple(fields.get("uris", "").split()), tuple(fields.get("suites", "").split()))
            )
    return sources


def serve(sources: Iterable[AptSource], archives: Iterable[str]) -> dict[str, list[str]]:
    """Assigns the URIs of apt's sources to archives.

    A URI whose last path segment is an archive's name serves that archive. A URI that serves only
    security suites (`trixie-security`, `bullseye/updates`…) serves `debian-security`, under any path.
    """
    wanted = set(archives)
    mirrors: dict[str, list[str]] = {}
    for source in sources:
        for uri in source.uris:
            parts = urlsplit(uri)
            if parts.scheme not in _SCHEMES:
                continue
            archive = parts.path.rstrip("/").rpartition("/")[2]
            if archive not in wanted and source.suites and all(map(is_security, source.suites)):
                archive = "debian-security"
            if archive in wanted:
                _add(mirrors, archive, uri)
    return mirrors


def snapshot_mirror(archive: str, stamp: str) -> str:
    """The URL of `archive` as it was at `stamp` (YYYYMMDDTHHMMSSZ), on snapshot.debian.org."""
    return f"{SNAPSHOT}/{archive}/{stamp}"


def host_mirrors(
    archives: Iterable[str], stamp: str, environ: Mapping[str, str], apt: Path = Path("/etc/apt")
) -> dict[str, list[str]]:
    """The mirrors of each archive, in the order in which they are tried; never an empty list.

    `stamp` is the time for snapshot.debian.org, which serves the archives that neither DEBIAN_MIRRORS
    nor the sources under `apt` name. Raises ToolError where DEBIAN_MIRRORS can't be read.
    """
    names = list(archives)
    named = parse_variable(environ.get(VARIABLE, ""))
    served = serve(_apt_sources(apt), names)
    return {name: named.get(name) or served.get(name) or [snapshot_mirror(name, stamp)] for name in names}


def _apt_sources(apt: Path) -> list[AptSource]:
    """Apt's sources in apt's order; what is missing or can't be read is not an error of ours."""
    files = [apt / "sources.list"]
    folder = apt / "sources.list.d"
    if folder.is_dir():
        files += sorted(folder.iterdir(), key=lambda path: path.name)
    parsers: dict[str, Callable[[str], list[AptSource]]] = {
        ".list": parse_one_line,
        ".sources": parse_deb822,
    }
    sources: list[AptSource] = []
    for file in files:
        parse = parsers.get(file.suffix)
        if parse:
            sources += [_expand(source) for source in parse(_text(file))]
    return sources


def _expand(source: AptSource) -> AptSource:
    """Replaces `mirror+file:LIST` (Debian's cloud images) by the URIs in the file LIST."""
    uris: list[str] = []
    for uri in source.uris:
        if uri.startswith("mirror+file:"):
            lines = _text(Path(urlsplit(uri.removeprefix("mirror+")).path)).splitlines()
            uris += [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
        else:
            uris.append(uri)
    return AptSource(tuple(uris), source.suites)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def is_security(suite: str) -> bool:
    """Whether a suite of this name holds security updates, as `trixie-security` or `buster/updates`."""
    return suite.endswith(("-security", "/updates"))


def _add(mirrors: dict[str, list[str]], archive: str, url: str) -> None:
    urls = mirrors.setdefault(archive, [])
    if url.rstrip("/") not in urls:
        urls.append(url.rstrip("/"))
