"""Licences of a package, from its copyright file, where that can be read by a machine.

Debian's copyright-format/1.0 (DEP-5) names licences by short names, most of which are near to SPDX's. A name
that SPDX does not list becomes a `LicenseRef-` of it. A copyright file in free text says nothing here: no
guess is made.
"""

import re
from collections.abc import Iterator

from tools.sysimage.formats import deb822

_FORMAT = re.compile(r"https?://www\.debian\.org/doc/packaging-manuals/copyright-format/1\.0/?$")
# Debian's short names that mean one of SPDX's list, 3.27; a "+" means "or any later version" in both.
_SPDX = {
    "0bsd": "0BSD",
    "afl-2.1": "AFL-2.1",
    "apache-2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "artistic-2.0": "Artistic-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "bsl-1.0": "BSL-1.0",
    "cc-by-3.0": "CC-BY-3.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-sa-3.0": "CC-BY-SA-3.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "cc0-1.0": "CC0-1.0",
    "expat": "MIT",
    "fsfap": "FSFAP",
    "fsful": "FSFUL",
    "fsfullr": "FSFULLR",
    "gfdl-1.2": "GFDL-1.2-only",
    "gfdl-1.2+": "GFDL-1.2-or-later",
    "gfdl-1.3": "GFDL-1.3-only",
    "gfdl-1.3+": "GFDL-1.3-or-later",
    "gpl-1": "GPL-1.0-only",
    "gpl-1+": "GPL-1.0-or-later",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "isc": "ISC",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.0": "LGPL-2.0-only",
    "lgpl-2.0+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
    "mit": "MIT",
    "mpl-1.1": "MPL-1.1",
    "mpl-2.0": "MPL-2.0",
    "openssl": "OpenSSL",
    "unicode-3.0": "Unicode-3.0",
    "w3c": "W3C",
    "wtfpl": "WTFPL",
    "x11": "X11",
    "zlib": "Zlib",
}
_WORD = re.compile(r"[^A-Za-z0-9.\-]+")


def licence(text: str) -> str:
    """The SPDX licence expression of a copyright file, AND between its files; "" if it is in free text.

    Words between licences are `and` and `or`, with a comma as the weaker `and`: section "License names" of
    the format. An exception (`with …`) is part of a `LicenseRef-`, since names of exceptions are Debian's
    own.
    """
    return " AND ".join(sorted(dict.fromkeys(_expressions(text))))


def _expressions(text: str) -> Iterator[str]:
    paragraphs = iter(deb822.paragraphs(text))
    if not _FORMAT.match(next(paragraphs, {}).get("Format", "").strip()):
        return
    for fields in paragraphs:
        names = fields.get("License", "").split("\n")[0].strip()
        if "Files" in fields and names:
            yield from _parsed(names)


def _parsed(names: str) -> Iterator[str]:
    """What has to hold at once: names, and choices between names in brackets."""
    for group in re.split(r",\s*(?:and\s+)?", names):
        choices = [
            [_spdx(name) for name in re.split(r"\s+and\s+", choice.strip()) if name.strip()]
            for choice in re.split(r"\s+or\s+", group)
        ]
        choices = [choice for choice in choices if choice]
        if len(choices) == 1:
            yield from choices[0]
        elif choices:
            both = [f"({' AND '.join(choice)})" if choice[1:] else choice[0] for choice in choices]
            yield f"({' OR '.join(both)})"


def _spdx(name: str) -> str:
    name = " ".join(name.split())
    word = name.lower()
    found = _SPDX.get(word) or _SPDX.get(re.sub(r"(\.0)(\+?)$", r"\2", word))
    return found or "LicenseRef-" + (_WORD.sub("-", name.replace("+", "-or-later")).strip("-.") or "none")
