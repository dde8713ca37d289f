"""pam-auth-update(8): what a noninteractive call makes of /etc/pam.d/common-*."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.effects import pam
from tools.sysimage.effects.root import Root

_MODIFIED = """
pam-auth-update: Local modifications to /etc/pam.d/common-*, not updating.
pam-auth-update: Run pam-auth-update --force to override.

"""
_LISTS = ("--remove", "--disable", "--enable")


@dataclass(slots=True)
class _Asked:
    force: bool = False
    lists: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _LISTS})


def pam_auth_update(call: Call) -> int:
    """Enables profiles that are new and wanted by default, and those that are named.

    Files that someone changed since are left alone unless --force is given, as the program does; changes
    that it would merge end the build.
    """
    asked = _asked(call)
    root = call.root
    profiles, order = pam.profiles_of(root)
    if any("pam_tally" in value for profile in profiles.values() for value in profile.values()):
        call.refuse("a profile with pam_tally is not modelled")
    if "libpam-runtime/profiles" in call.world.answers:
        call.refuse("an answer to libpam-runtime/profiles is not modelled")
    order = [name for name in order if name not in asked.lists["--remove"]]
    saved = _saved(root)
    unmodified = saved is not None and _unmodified(call, saved, profiles)
    if not unmodified:
        if saved is not None and any(root.text(f"etc/pam.d/common-{kind}") for kind in pam.KINDS):
            call.refuse("pam-auth-update over changed files is not modelled")
        if not asked.force:
            call.machine.stream(2).write(_MODIFIED.encode())
            return 0
    seen = set(root.text("var/lib/pam/seen").splitlines())
    enabled = [name for name in saved or () if name in order]
    enabled += [name for name in order if name in asked.lists["--enable"]]
    enabled = [name for name in enabled if name not in asked.lists["--disable"]]
    seen |= set(asked.lists["--disable"])
    if not enabled:
        seen = set()
    enabled += [name for name in order if profiles[name].get("Default") == "yes" and name not in seen]
    enabled = pam.without_conflicts(profiles, [name for name in order if name in enabled])
    if not enabled:
        call.refuse("pam-auth-update without any profile would ask for ever")
    if asked.force:
        for kind in pam.KINDS:
            text = root.text(f"etc/pam.d/common-{kind}")
            if text:
                root.write(f"etc/pam.d/common-{kind}.pam-old", text, origin=call.world.who)
    pam.write(root, call.world.who, order, enabled, profiles)
    call.world.state["pam-auth-update"] = _current(root)
    return 0


def _asked(call: Call) -> _Asked:
    asked = _Asked()
    words = list(call.arguments)
    while words:
        word = words.pop(0)
        if word == "--force":
            asked.force = True
        elif word == "--root":
            if (words.pop(0) if words else "").rstrip("/"):
                call.refuse("pam-auth-update of another root is not modelled")
        elif word in _LISTS:
            while words and not words[0].startswith("--"):
                asked.lists[word].append(words.pop(0))
        elif word.startswith("-") and word != "--package":
            # A word that is no option it passes over.
            call.refuse(f"pam-auth-update: {word} is not modelled")
    return asked


def _current(root: Root) -> dict[str, str]:
    return {kind: root.text(f"etc/pam.d/common-{kind}") for kind in pam.KINDS}


def _saved(root: Root) -> list[str] | None:
    """The profiles that are enabled, by the program's record; None if it has none."""
    if any(root.tree.find(f"var/lib/pam/{kind}") is None for kind in pam.KINDS):
        return None
    names: list[str] = []
    for kind in pam.KINDS:
        names += re.findall(r"^Module: (.*)", root.text(f"var/lib/pam/{kind}"), re.MULTILINE)
    return list(dict.fromkeys(names))


def _unmodified(call: Call, saved: list[str], profiles: dict[str, pam.Profile]) -> bool:
    """Whether /etc/pam.d/common-* are as they were written the last time."""
    current = _current(call.root)
    if current == call.world.state.get("pam-auth-update"):
        return True
    _, order = pam.profiles_of(call.root)
    enabled = [name for name in order if name in saved]
    who = call.world.who
    return all(current[kind] == pam.filled(call.root, who, kind, enabled, profiles) for kind in pam.KINDS)


COMMANDS: Mapping[str, Command] = {"pam-auth-update": pam_auth_update}
"""This family's commands by name."""
