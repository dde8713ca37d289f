"""The effects that a ledger can name: what carries each out, and when."""

import enum
from collections.abc import Callable
from dataclasses import dataclass

from tools.sysimage.effects import (
    accounts,
    adduser,
    alternatives,
    catalog,
    certificates,
    files,
    initscripts,
    ldconfig,
    locales,
    overrides,
    pam,
    shells,
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
    """Of effects at the end, each has a number of its own; the smallest is the first."""
    reads_script: bool = False
    """Whether it takes its parameters from the script's own text, as the parameter `text`."""


def _late(name: str, order: int, function: Callable[..., None], *, reads_script: bool = False) -> Effect:
    return Effect(name, function, When.AT_THE_END, order, reads_script)


_ALL = (
    Effect("add_member", adduser.add_member),
    Effect("addgroup", adduser.addgroup),
    Effect("adduser", adduser.adduser),
    Effect("alternatives", alternatives.from_script, reads_script=True),
    Effect("apparmor_local", files.apparmor_local),
    Effect("arch_native", files.arch_native),
    Effect("base_passwd", accounts.base_passwd),
    Effect("copy", files.copy),
    Effect("divert", overrides.divert),
    Effect("enable", units.enable),
    Effect("helper_enable", units.helper_enable),
    Effect("helper_enable_user", units.helper_enable_user),
    Effect("helper_update_state", units.helper_update_state),
    Effect("helper_update_state_user", units.helper_update_state_user),
    Effect("heredoc", files.heredoc, reads_script=True),
    Effect("link", files.link),
    Effect("locale_gen", locales.locale_gen, reads_script=True),
    Effect("merged_usr", files.merged_usr),
    Effect("mkdir", files.mkdir),
    Effect("nginx_modules", files.nginx_modules),
    Effect("own", files.own),
    Effect("shadowconfig", adduser.shadowconfig),
    Effect("statoverride", overrides.statoverride),
    Effect("sysusers", accounts.sysusers),
    Effect("tmpfiles", tmpfiles.tmpfiles),
    Effect("touch", files.touch),
    Effect("ucf", ucf.ucf),
    Effect("ucf_calls", ucf.ucf_calls, reads_script=True),
    Effect("update_rc_d", initscripts.update_rc_d),
    Effect("usrlocal", files.usrlocal, reads_script=True),
    # Links come before ldconfig looks for libraries.
    _late("alternatives_late", 10, alternatives.collected, reads_script=True),
    _late("alternatives_link", 20, alternatives.link_if_there),
    _late("ca_certificates", 30, certificates.update, reads_script=True),
    _late("catalog", 40, catalog.update),
    _late("ldconfig", 50, ldconfig.update),
    _late("not_with", 60, files.not_with),
    _late("pam_auth_update", 70, pam.auth_update),
    _late("update_shells", 80, shells.update_shells),
)
EFFECTS = {effect.name: effect for effect in _ALL}
"""All effects by name."""
