"""/etc/shells: add-shell(8), remove-shell(8), update-shells(8) of debianutils."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.effects import shells

_SHELLS = "/etc/shells"


def _named(call: Call, name: str) -> list[str]:
    """A shell's name, and where its folder really is: `realpath -m`."""
    path = call.root.tree.resolve(call.path(name).strip("/"))
    folder = path.rpartition("/")[0]
    last = name.rstrip("/").rpartition("/")[2] if name.rstrip("/") else "/"
    return [name, f"{'/' + folder}/{last}"]


def _edit(call: Call, *, add: bool) -> int:
    if not call.arguments:
        usage = f"usage: {call.argv[0]} shellname [shellname ...]\n"
        call.machine.stream(1 if add else 2).write(usage.encode())
        return 1
    inode = call.files.get(_SHELLS)
    text = inode.read().decode("utf-8", "surrogateescape")
    for argument in call.arguments:
        for name in _named(call, argument):
            # Both take names as regular expressions, in which a point fits what is there, too.
            pattern = re.compile(f"^{re.escape(name).replace(re.escape('.'), '.')}$", re.MULTILINE)
            if re.search(r"[\\*\[\]^$]", name):
                call.refuse(f"{call.name} takes {name!r} as a regular expression")
            if add and not pattern.search(text):
                text += f"{name}\n"
            elif not add:
                lines = text.split("\n")
                # grep ends the last line.
                lines = lines[:-1] if lines[-1] == "" else lines
                text = "".join(f"{line}\n" for line in lines if not pattern.fullmatch(line))
    path = call.root.tree.resolve(_SHELLS.strip("/"), last=False)
    mode, uid, gid = inode.mode, inode.uid, inode.gid
    call.files.write(f"{_SHELLS}.tmp", text.encode("utf-8", "surrogateescape"))
    made = call.files.get(f"{_SHELLS}.tmp")
    made.mode, made.uid, made.gid = mode, uid, gid
    call.files.rename(f"{_SHELLS}.tmp", f"/{path}")
    return 0


def add_shell(call: Call) -> int:
    """add-shell(8)."""
    return _edit(call, add=True)


def remove_shell(call: Call) -> int:
    """remove-shell(8)."""
    return _edit(call, add=False)


def update_shells(call: Call) -> int:
    """update-shells(8)."""
    call.options("--root=")
    if any(argument.startswith("--root") for argument in call.arguments):
        call.refuse("update-shells for another root is not modelled")
    shells.update_shells(call.root, call.world.who)
    return 0


COMMANDS: Mapping[str, Command] = {
    "add-shell": add_shell,
    "remove-shell": remove_shell,
    "update-shells": update_shells,
}
"""This family's commands by name."""
