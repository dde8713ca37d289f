"""User and password for a mirror, from its URL or from netrc(5). Neither is ever shown."""

import base64
import netrc
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tools.sysimage.core.errors import ToolError

# To the last @: a password that is not encoded may have any character but a blank.
_USERINFO = re.compile(r"(?<=://)[^\s]*@")


@dataclass(frozen=True, slots=True)
class Access:
    """A URL without user and password, and the value of the header Authorization; "" for none."""

    url: str
    authorization: str


def shown(text: str) -> str:
    """The same without users and passwords of URLs in it, for messages."""
    return _USERINFO.sub("", text)


def access(url: str, environ: Mapping[str, str]) -> Access:
    """How a URL is asked for, as apt and curl take it; a user in the URL counts before netrc.

    netrc is the file of the variable NETRC, or ~/.netrc. Raises ToolError if it can't be read, or if the URL
    is none.
    """
    try:
        parts = urlsplit(url)
        userinfo, at, host = parts.netloc.rpartition("@")
        machine = parts.hostname or ""
        bool(parts.port)  # a password that has a slash leaves no number here
    except ValueError as error:
        raise _broken(url) from error
    if "@" in parts.path.partition("?")[0] and not at:
        raise _broken(url)
    bare = parts._replace(netloc=host).geturl()
    if at:
        user, _, password = userinfo.partition(":")
        return Access(bare, _basic(unquote(user), unquote(password)))
    if parts.scheme not in ("http", "https"):
        return Access(bare, "")
    found = _netrc(environ, machine)
    return Access(bare, _basic(*found) if found else "")


def _broken(url: str) -> ToolError:
    return ToolError(
        f"{shown(url)}: is no URL; in a user or password, write @ : / ? # and % as %40 %3A %2F %3F %23 "
        "and %25"
    )


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _netrc(environ: Mapping[str, str], machine: str) -> tuple[str, str] | None:
    named = environ.get("NETRC")
    home = environ.get("HOME")
    path = Path(named) if named else Path(home, ".netrc") if home else None
    if path is None or not _is_file(path):
        return None
    try:
        found = netrc.netrc(str(path)).authenticators(machine)
    except netrc.NetrcParseError as error:
        # The error's own words can have a password.
        raise ToolError(f"{path}: is no netrc, at line {error.lineno}; correct it (netrc(5))") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(
            f"{path}: can't be read ({type(error).__name__}); correct it, or unset NETRC"
        ) from None
    return (found[0], found[2] or "") if found else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
