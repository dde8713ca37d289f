"""Commands that ask nothing of the tree: names, the system's answers."""

from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command


def basename(call: Call) -> int:
    """basename(1)."""
    given = call.options("-a --multiple", "-s --suffix=", "-z --zero", permute=False)
    operands, suffix = list(given.operands), given.value("suffix")
    if not operands:
        return call.complain("missing operand")
    if not ("multiple" in given or suffix):
        if len(operands) > 2:
            return call.complain(f"extra operand '{operands[2]}'")
        suffix = operands[1] if len(operands) == 2 else ""
        operands = operands[:1]
    end = "\0" if "zero" in given else "\n"
    for operand in operands:
        stripped = operand.rstrip("/")
        name = stripped.rpartition("/")[2] if stripped else operand[:1]
        if suffix and name != suffix:
            name = name.removesuffix(suffix)
        call.out(name + end)
    return 0


def dirname(call: Call) -> int:
    """dirname(1)."""
    given = call.options("-z --zero")
    if not given.operands:
        return call.complain("missing operand")
    for operand in given.operands:
        stripped = operand.rstrip("/")
        folder = stripped.rpartition("/")[0].rstrip("/")
        if not folder:
            folder = "/" if operand.startswith("/") else "."
        call.out(folder + ("\0" if "zero" in given else "\n"))
    return 0


COMMANDS: Mapping[str, Command] = {
    "basename": basename,
    "dirname": dirname,
}
"""This family's commands by name."""
