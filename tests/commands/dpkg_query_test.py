"""Compares what dpkg and dpkg-query answer with what the real ones answered to a script in a chroot."""

import re

import pytest

from tests.commands.dpkg_answers import POSTINST, PREINST
from tests.commands.rooted import package
from tests.commands.world import machine_of, world
from tools.sysimage.commands import triggers
from tools.sysimage.commands.world import World
from tools.sysimage.scripts import shell

_OLD = """Package: old
Version: 1:2.0-3
Architecture: amd64
Multi-Arch: same
Source: oldsrc (2.0)
Maintainer: x <x@example.org>
Section: misc
Priority: optional
Installed-Size: 12
Depends: nothing | dash
Description: an old one
 long text
 .
 more
X-Own: yes
"""
_NEW = """Package: new
Version: 5
Architecture: all
Maintainer: x <x@example.org>
Depends: old
Description: new one
"""


def _world(script: str) -> World:
    made = world()
    old = package(
        _OLD,
        {
            "conffiles": "/etc/old.conf\n",
            "triggers": "interest old-trig\ninterest-noawait /usr/share/new\n",
            "postinst": "",
        },
        ["", "etc", "etc/old.conf", "usr", "usr/share", "usr/share/old", "usr/share/old/f"],
    )
    new = package(
        _NEW,
        {
            "conffiles": "/etc/new.conf\n",
            "triggers": "activate-await old-trig\n",
            "postinst": "",
            "preinst": "",
        },
        ["", "etc", "etc/new.conf", "usr", "usr/share", "usr/share/new", "usr/share/new/f"],
    )
    made.root.packages["old"] = old
    made.configured.add("old")
    triggers.unpacking(made, new)
    if script == "postinst":
        made.root.packages["new"] = new
        triggers.unpacked(made, new)
        triggers.new_run(made)
        triggers.configuring(made, new)
    made.package, made.script = new, script
    return made


def _cases(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"(?m)^== ", text.removeprefix("\n"))
    return [(command, answer) for command, _, answer in (part.partition("\n") for part in parts) if command]


_COMMANDS = {
    "dpkg-query -W -f ${Package} ${Status} ${Triggers-Pending}|${Triggers-Awaited}": None,
    "dpkg-query -W -f ": "dpkg-query -W -f ''",
    "dpkg -s bad Name!": "dpkg -s 'bad Name!'",
}


def _script(command: str) -> str:
    if command in _COMMANDS:
        return _COMMANDS[command] or command.replace("-f ", "-f '") + "\\n'"
    if "-f ${Package}|${Version}" in command:
        return command.replace("-f ", "-f '") + "\\n' new old"
    if "-f ${Package;10}" in command:
        return command.replace("-f ", "-f '") + "\\n' old"
    if command == "dpkg-query -W -f ${Package old":
        return "dpkg-query -W -f '${Package' old"
    return re.sub(r"(\S*\*\S*)", r"'\1'", command)


def _ask(script: str, command: str) -> str:
    made = _world(script)
    machine = machine_of(made)
    machine.descriptors[2] = machine.descriptors[1]
    if "Triggers-Awaited" in command:
        shell.run(machine_of(made), b"dpkg-trigger --by-package=new old-trig\n", "script")
    shell.run(machine, f"{_script(command)}\necho status $?\n".encode(), "script")
    return shell.output(machine, 1).decode()


def _cut(answer: str) -> str:
    # The script's own format ended with a line break, which its heading shows.
    return re.sub(r"\A(?: new old| old)?\n(?=\S| {3})", "", answer) if answer[:1] in " \n" else answer


@pytest.mark.parametrize(("command", "answer"), _cases(PREINST), ids=lambda text: text[:60])
def test_a_preinst_would_be_told_something_else(command: str, answer: str) -> None:
    assert _ask("preinst", command) == _cut(answer)


@pytest.mark.parametrize(("command", "answer"), _cases(POSTINST), ids=lambda text: text[:60])
def test_a_postinst_would_be_told_something_else(command: str, answer: str) -> None:
    assert _ask("postinst", command) == _cut(answer)
