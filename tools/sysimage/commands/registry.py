"""All commands by name."""

from collections.abc import Mapping

from tools.sysimage.commands import (
    accounts_adduser,
    accounts_shadow,
    alternatives,
    apache,
    attributes,
    awk_run,
    basic,
    ca_certificates,
    caches,
    catalogs,
    compare_files,
    coreutils_copy,
    coreutils_look,
    coreutils_make,
    coreutils_mode,
    coreutils_move,
    daemons,
    debconf,
    debianutils,
    disks,
    dpkg_divert,
    dpkg_program,
    dpkg_query,
    dpkg_statoverride,
    dpkg_tools,
    encodings,
    expression,
    find,
    getopt,
    grep,
    initscripts,
    locales,
    maintscript_helper,
    offline,
    pam_auth_update,
    probes,
    sed_run,
    system,
    systemctl,
    systemd_helper,
    systemd_tmpfiles,
    text_lines,
    triggers,
    ucf,
    xargs,
)
from tools.sysimage.commands.call import Command

_FAMILIES = (
    accounts_adduser,
    accounts_shadow,
    alternatives,
    apache,
    attributes,
    awk_run,
    basic,
    ca_certificates,
    caches,
    catalogs,
    compare_files,
    coreutils_copy,
    coreutils_look,
    coreutils_make,
    coreutils_mode,
    coreutils_move,
    debconf,
    daemons,
    debianutils,
    disks,
    dpkg_divert,
    dpkg_program,
    dpkg_query,
    dpkg_statoverride,
    dpkg_tools,
    encodings,
    expression,
    find,
    getopt,
    grep,
    initscripts,
    locales,
    maintscript_helper,
    offline,
    pam_auth_update,
    probes,
    sed_run,
    system,
    systemctl,
    systemd_helper,
    systemd_tmpfiles,
    text_lines,
    triggers,
    ucf,
    xargs,
)


def _merged() -> dict[str, Command]:
    found: dict[str, Command] = {}
    for family in _FAMILIES:
        for name, command in family.COMMANDS.items():
            if name in found:
                raise ValueError(f"two families have the command {name}")
            found[name] = command
    return found


COMMANDS: Mapping[str, Command] = _merged()
"""Commands by the name that scripts call them by."""
