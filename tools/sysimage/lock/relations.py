"""Relations between packages: `libc6 (>= 2.34) | libc6.1:any`, after Debian policy 7.1 and deb822(5)."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from debian.debian_support import NativeVersion

from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import control_file

# As Debian's indexes have nearly all of them; the rest is read by the reader of packages, which takes longer.
_RELATION = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*)(?::(?P<qualifier>[a-z0-9-]+))?"
    r"(?:\s*\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*"
    r"(?P<version>(?:[0-9]{1,9}:)?[0-9][A-Za-z0-9.+~]*(?:-[A-Za-z0-9.+~]+)?)\s*\))?"
)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">>": operator.gt,
}
# dpkg reads the obsolete forms `<` and `>` as "or equal".
_OBSOLETE = {"<": "<=", ">": ">="}


@lru_cache(maxsize=1 << 16)
def parse_version(text: str) -> NativeVersion:
    """A version that can be compared, in the order of Debian policy 5.6.12. Raises ToolError.

    python-debian has a faster class too, but only where the host's python3-apt can be imported: one order
    of versions on every host is worth more than the time.
    """
    try:
        version = NativeVersion(text)
    except ValueError as error:
        raise ToolError(f"'{text}' is not the version of a package; the index is damaged") from error
    # What dpkg refuses, and the library takes for a part of the upstream version.
    upstream, hyphen, revision = (text.partition(":")[2] if ":" in text else text).rpartition("-")
    if hyphen and not (upstream and revision):
        raise ToolError(f"'{text}' is not the version of a package; the index is damaged")
    return version


@dataclass(frozen=True, slots=True)
class Relation:
    """One alternative of a dependency, or one entry of Conflicts, Breaks, Provides and Replaces."""

    name: str
    qualifier: str | None
    """`any`, `native` or the name of an architecture."""
    operator: str | None
    version: str | None

    def admits(self, version: str | None) -> bool:
        """Whether `version` fulfils the relation; None is the version of an unversioned Provides."""
        if self.operator is None or self.version is None:
            return True
        return version is not None and bool(
            _COMPARE[self.operator](parse_version(version), parse_version(self.version))
        )

    def __str__(self) -> str:
        qualifier = f":{self.qualifier}" if self.qualifier else ""
        version = f" ({self.operator} {self.version})" if self.operator else ""
        return f"{self.name}{qualifier}{version}"


type AlternativeRelations = tuple[Relation, ...]
"""`a | b | c`: one of them is enough."""


def parse_relations(field: str, where: str) -> tuple[AlternativeRelations, ...]:
    """Parses the value of Depends, Conflicts, Provides and the like; `where` names it in messages.

    Raises ToolError if it is not written as Debian policy 7.1 says.
    """
    groups = []
    for group in field.split(","):
        if group.strip():
            groups.append(tuple(_relation(part.strip(), where) for part in group.split("|")))
    return tuple(groups)


def _relation(text: str, where: str) -> Relation:
    match = _RELATION.fullmatch(text)
    if not match:
        return _as_dpkg(text, where)
    sign = match["operator"]
    return Relation(match["name"], match["qualifier"], _OBSOLETE.get(sign, sign), match["version"])


def _as_dpkg(text: str, where: str) -> Relation:
    try:
        [[one]] = control_file.relations(text, where)
    except (ToolError, ValueError) as error:
        raise ToolError(f"{where}: '{text}' is not a relation to a package; the index is damaged") from error
    return Relation(one.name, one.architecture or None, one.operator or None, one.version or None)


def format_alternatives(alternatives: AlternativeRelations) -> str:
    """The text of alternatives as Depends writes it."""
    return " | ".join(map(str, alternatives))
