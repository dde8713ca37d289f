"""The effects that a ledger can name: what carries each out, and when."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from tools.sysimage.effects import (
    accounts,
    adduser,
    alternatives,
    catalog,
    files,
    ldconfig,
    overrides,
    tmpfiles,
    ucf,
)
from tools.sysimage.systemd import units


class When(enum.Enum):
    """When an effect is carried out."""

    AT_ONCE = "at once"
    """While its package is configured."""
    AT_THE_END = "at the end"
    """Once, when every package is configured: what triggers do, or what looks at all packages."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What stands for a part of a maintainer script."""

    name: str
    """As a ledger has it."""
    function: Callable[..., None]
    """Takes the root, the package's name, and the ledger's parameters by name."""
    when: When = When.AT_ONCE
    order: int = 0
    """The place of an effect at the end: a number that no other has; the smallest is the first."""


def _late(name: str, order: int, function: Callable[..., None]) -> Effect:
    return Effect(name, function, When.AT_THE_END, order)


_ALL = (
    Effect("add_member", adduser.add_member),
    Effect("addgroup", adduser.addgroup),
    Effect("adduser", adduser.adduser),
    Effect("copy", files.copy),
    Effect("divert", overrides.divert),
    Effect("enable", units.enable),
    Effect("link", files.link),
    Effect("mkdir", files.mkdir),
    Effect("own", files.own),
    Effect("statoverride", overrides.statoverride),
    Effect("sysusers", accounts.sysusers),
    Effect("tmpfiles", tmpfiles.tmpfiles),
    Effect("touch", files.touch),
    Effect("ucf", ucf.ucf),
    # Links come before ldconfig looks for libraries.
    _late("alternatives_link", 20, alternatives.link_if_there),
    _late("catalog", 40, catalog.update),
    _late("ldconfig", 50, ldconfig.update),
)
EFFECTS = {effect.name: effect for effect in _ALL}
"""All effects by name."""
