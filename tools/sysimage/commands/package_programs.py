"""Compiled programs of single packages, as far as their packages' scripts start them."""

import re
from collections.abc import Mapping

from tools.sysimage.commands import owners
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.tree import Kind
from tools.sysimage.effects.root import Root

_ISCSI_NAME = "/etc/iscsi/initiatorname.iscsi"
_ICINGA = "/etc/icinga2"
_AT_THE_END = 90  # place among the effects at the end


def _refuse(call: Call) -> int:
    call.refuse(f"{call.name} {' '.join(call.arguments)} is not modelled")


def exim4(call: Call) -> int:
    """exim4(8) -bV: a configuration of its packages' parts is sound; -bi makes nothing."""
    return 0 if {"-bV", "-bi"} & set(call.arguments) else _refuse(call)


def newaliases(call: Call) -> int:
    """newaliases(1): Exim reads the aliases as they are, others make a database of them."""
    found = call.machine.find(call.argv[0])
    path = call.files.lookup(call.machine.path(found))[0] if found else ""
    if path.rpartition("/")[2].startswith("exim"):
        return 0
    return call.leave("compiled data")


def auditctl(call: Call) -> int:
    """auditctl(8): the kernel has no audit that a chroot could ask; rules are loaded in the guest."""
    if call.arguments[:1] == ["-R"]:
        return call.leave("kernel")
    if list(call.arguments) != ["-s"]:
        _refuse(call)
    return call.complain("Error - audit support not in kernel")


def iscsi_iname(call: Call) -> int:
    """iscsi-iname(8): the name is each guest's own, which open-iscsi makes where its file says so."""

    def ask(root: Root) -> None:
        inode = root.tree.find(_ISCSI_NAME[1:])
        if inode is not None:
            root.write(_ISCSI_NAME[1:], "GenerateName=yes\n")

    words = list(call.arguments)
    call.root.late.setdefault((_AT_THE_END, _ISCSI_NAME), ask)
    call.leave("keys")
    call.out(
        f"{words[1] if words[:1] == ['-p'] and len(words) > 1 else 'iqn.2016-04.com.open-iscsi'}:guest\n"
    )
    return 0


def icinga2(call: Call) -> int:
    """icinga2(8) feature enable: links to features that are there, of the user that it becomes."""
    words = list(call.arguments)
    if words[:2] != ["feature", "enable"] or not words[2:] or any(word.startswith("-") for word in words):
        _refuse(call)
    status = 0
    for name in words[2:]:
        if call.files.find(f"{_ICINGA}/features-available/{name}.conf") is None:
            call.complain(f"critical/cli: Cannot enable feature '{name}'. Unknown feature.")
            status = 1
        elif call.files.find(f"{_ICINGA}/features-enabled/{name}.conf", follow=False) is None:
            link = f"{_ICINGA}/features-enabled/{name}.conf"
            call.files.make_symlink(f"../features-available/{name}.conf", link)
            owner = owners.parse(call.root, "nagios:nagios")
            call.files.chown(call.files.get(link, follow=False), owner.uid, owner.gid)
            call.out(
                f"Enabling feature {name}. Make sure to restart Icinga 2 for these changes to take effect.\n"
            )
    return status


def acngtool(call: Call) -> int:
    """acngtool(8): `printvar`, of a variable that the configuration has; `curl` finds no network."""
    words = list(call.arguments)
    if "curl" in words[:2]:
        return 1
    if len(words) != 4 or words[0] != "printvar" or words[2] != "-c":
        _refuse(call)
    value = None
    for name in call.files.names(call.path(words[3])):
        if name.endswith(".conf"):
            text = call.files.read(call.path(f"{words[3]}/{name}")).decode("utf-8", "surrogateescape")
            for match in re.finditer(
                rf"(?im)^[ \t]*{re.escape(words[1])}[ \t]*:[ \t]*([^\s#]+)[ \t]*$", text
            ):
                value = match[1]
    if value is None:
        call.refuse(f"acngtool: the default of {words[1]} is not modelled")
    call.out(f"{value}\n")
    return 0


def etckeeper(call: Call) -> int:
    """etckeeper(8): the history of /etc begins where it is kept."""
    return call.leave("machine")


def getcert(call: Call) -> int:
    """getcert(1) list-cas: certmonger, which it starts, makes an authority of the machine's own."""
    if call.arguments[:1] != ["list-cas"]:
        _refuse(call)
    return call.leave("keys")


def mono(call: Call) -> int:
    """mono(1): --version says its architecture; what --aot compiles saves time alone."""
    words = list(call.arguments)
    if words == ["--version"]:
        call.out(f"Mono JIT compiler\n\tArchitecture:  {call.root.architecture}\n")
        return 0
    if not words or not words[0].startswith("--aot"):
        _refuse(call)
    return call.leave("cache")


_DISTCC = "/usr/lib/distcc"
_CLANG = re.compile(r"(llvm-)?clang(\+\+)?(-[0-9.]+)?")


def update_distcc_symlinks(call: Call) -> int:
    """update-distcc-symlinks(1): a link for each compiler that is there."""
    names = ["cc", "c++", "gcc", "g++", "c89-gcc", "c89-g++", "c99-gcc", "c99-g++", "nvcc"]
    names += [name for name in _children(call, "/usr/bin") if _CLANG.fullmatch(name)]
    for folder in ("/usr/lib/gcc", "/usr/lib/gcc-cross", "/usr/lib/x86_64-linux-gnu/gcc"):
        for kind in _children(call, folder):
            for version in _children(call, f"{folder}/{kind}"):
                inode = call.files.find(f"{folder}/{kind}/{version}", follow=False)
                if inode is not None and inode.kind is Kind.DIRECTORY:
                    names += [f"{p}g{s}-{version}" for p in ("", f"{kind}-") for s in ("cc", "++")]
            names += [f"{kind}-gcc", f"{kind}-g++"]
    for name in _children(call, _DISTCC):
        inode = call.files.find(f"{_DISTCC}/{name}", follow=False)
        if inode is not None and inode.kind is Kind.SYMLINK and call.files.find(f"/usr/bin/{name}") is None:
            call.files.unlink(f"{_DISTCC}/{name}")
    for name in dict.fromkeys(names):
        inode = call.files.find(f"/usr/bin/{name}")
        there = call.files.find(f"{_DISTCC}/{name}", follow=False)
        if inode is not None and inode.mode & 0o111 and there is None:
            call.files.make_symlink("../../bin/distcc", f"{_DISTCC}/{name}")
    return 0


def _children(call: Call, folder: str) -> list[str]:
    """The names in a folder, hidden ones left out, none if it is not there."""
    inode = call.files.find(folder)
    if inode is None or inode.kind is not Kind.DIRECTORY:
        return []
    return sorted(name for name in call.files.names(folder) if not name.startswith("."))


COMMANDS: Mapping[str, Command] = {
    "acngtool": acngtool,
    "auditctl": auditctl,
    "etckeeper": etckeeper,
    "exim4": exim4,
    "getcert": getcert,
    "icinga2": icinga2,
    "iscsi-iname": iscsi_iname,
    **dict.fromkeys(("mono", "mono-sgen"), mono),
    "update-distcc-symlinks": update_distcc_symlinks,
    **dict.fromkeys(("newaliases", "postalias", "postmap"), newaliases),
}
"""This family's commands by name."""
