"""Messages of shell programs: gettext, ngettext, envsubst. No language is set, so nothing is translated."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command

_VARIABLE = re.compile(rb"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", re.ASCII)


def gettext(call: Call) -> int:
    """gettext(1): the message itself."""
    given = call.options("-d --domain=", "-E", "-n", "-s")
    words = given.operands
    if "s" in given:
        call.out(" ".join(words) + ("" if "n" in given else "\n"))
        return 0
    if len(words) not in (1, 2):
        return call.complain("missing arguments" if not words else "too many arguments")
    call.out(words[-1])
    return 0


def ngettext(call: Call) -> int:
    """ngettext(1): the message for one, or that for more."""
    given = call.options("-d --domain=", "-E")
    words = given.operands[-3:]
    if len(words) != 3 or not words[2].isdecimal():
        call.refuse(f"ngettext {' '.join(call.arguments)} is not modelled")
    call.out(words[0] if int(words[2]) == 1 else words[1])
    return 0


def envsubst(call: Call) -> int:
    """envsubst(1): the input with values of the environment, of the variables that a given text names."""
    given = call.options("-v --variables")
    if len(given.operands) > 1:
        return call.complain("too many arguments")
    text = given.operands[0].encode("utf-8", "surrogateescape") if given.operands else None
    named = None if text is None else [found[1] or found[2] for found in _VARIABLE.finditer(text)]
    if "variables" in given:
        if named is None:
            return call.complain("missing arguments")
        call.out(b"".join(name + b"\n" for name in named))
        return 0

    def value(found: re.Match[bytes]) -> bytes:
        name = found[1] or found[2]
        if named is not None and name not in named:
            return found[0]
        return (call.variable(name.decode()) or "").encode("utf-8", "surrogateescape")

    call.out(_VARIABLE.sub(value, call.stdin()))
    return 0


COMMANDS: Mapping[str, Command] = {"envsubst": envsubst, "gettext": gettext, "ngettext": ngettext}
"""This family's commands by name."""
