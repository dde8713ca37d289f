"""systemd-sysusers, and the checks and conversions of account databases."""

from tools.sysimage.commands.call import Call
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import accounts as sysusers_accounts
from tools.sysimage.effects import adduser as adduser_effects


def systemd_sysusers(call: Call) -> int:
    """systemd-sysusers(8): the files that are named, or all."""
    given = call.options("--root=", "--replace=", "--inline", "--no-pager", "--cat-config", "--dry-run")
    if given.value("root") not in ("", "/") or "cat-config" in given or "dry-run" in given:
        call.refuse("systemd-sysusers: these options are not modelled")
    try:
        if "inline" in given:
            items = [sysusers_accounts.parse(call.root, line, line) for line in given.operands]
            sysusers_accounts.apply(call.root, call.world.who, items)
            return 0
        folders = ("etc/sysusers.d", "run/sysusers.d", "usr/local/lib/sysusers.d", "usr/lib/sysusers.d")
        names = [name.rpartition("/")[2] if name.startswith("/") else name for name in given.operands]
        if not names or "replace" in given:
            names = sorted({name for folder in folders for name in call.root.names(folder, ".conf")})
        sysusers_accounts.sysusers(call.root, call.world.who, names=names)
    except ToolError as error:
        return call.complain(str(error))
    return 0


def convert(call: Call) -> int:
    """pwconv(8) and grpconv(8)."""
    call.options()
    {"pwconv": adduser_effects.pwconv, "grpconv": adduser_effects.grpconv}[call.name](
        call.root, call.world.who
    )
    return 0


def check(call: Call) -> int:
    """pwck(8) and grpck(8) with -r: the databases are as programs have written them."""
    given = call.options("-q --quiet", "-r --read-only", "-s --sort")
    if "read-only" not in given:
        call.refuse(f"{call.name}: without -r it is not modelled")
    return 0
