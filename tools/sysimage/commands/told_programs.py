"""Programs in Perl and Python that scripts bring along, told one by one by their SHA-256."""

import hashlib
import re
from collections.abc import Mapping, Sequence

from tools.sysimage.commands.call import Call, Command

_LISTEN = re.compile(r"\s*listen-address\s+(\S*)", re.ASCII)


def find(program: str) -> Command | None:
    """Returns what stands for a program, which gets the words of the call that come after its text."""
    return _PROGRAMS.get(hashlib.sha256(program.encode("utf-8", "surrogateescape")).hexdigest())


def operands(call: Call) -> Sequence[str]:
    """The words after a program's text."""
    words = list(call.arguments)
    at = next(place for place, word in enumerate(words) if re.fullmatch(r"-[lnpw]*e", word))
    return words[at + 2 :]


def talk(call: Call, line: str, output: int = 1) -> str:
    """Tells debconf's frontend a line. Returns its answer, "" for an error."""
    call.machine.stream(output).write(f"{line}\n".encode("utf-8", "surrogateescape"))
    answer = call.machine.stream(0).readline().decode("utf-8", "surrogateescape")
    code, _, text = answer.removesuffix("\n").partition(" ")
    return text if code == "0" else ""


def _lines(call: Call) -> list[str]:
    text = call.stdin().decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").split("\n") if text else []


def _privoxy_listens(call: Call) -> int:
    """privoxy's config script: the addresses of its configuration; the newline is there twice."""
    found = [match[1] for line in _lines(call) if (match := _LISTEN.match(line)) and match[1]]
    call.out(" ".join(found) + "\n\n")
    return 0


def _privoxy_configuration(call: Call) -> int:
    """privoxy's postinst: a line for each address in place of the first that has one."""
    done = False
    for line in _lines(call):
        if not _LISTEN.match(line):
            call.out(f"{line}\n")
        elif not done:
            call.out("".join(f"listen-address  {address}\n" for address in operands(call)))
            done = True
    return 0


def _spamassassin_version(call: Call) -> int:
    """spamassassin's postinst: no version, so that it makes no copy of the rules.

    SpamAssassin reads those of its package where there is no copy.
    """
    return call.leave("cache")


_LISTCHANGES = {
    "frontend": "medium",
    "which": "medium",
    "no-network": "high",
    "email-address": "low",
    "email-format": "low",
    "confirm": "low",
    "headers": "low",
    "reverse": "low",
    "save-seen": "low",
}


def _listchanges(call: Call) -> int:
    """apt-listchanges' config script, which asks, and its postinst, which writes the answers."""
    words = list(call.arguments)
    at = next((at for at, word in enumerate(words) if word in ("config", "postinst")), len(words))
    if len(words) < at + 3 or call.files.find(call.path(words[at + 1])) is not None:
        call.refuse("apt-listchanges: a configuration that is there already is not modelled")
    asking, path = words[at] == "config", words[at + 1]
    talk(call, "VERSION 2", 3)
    text = "[apt]\n"
    skipped: set[str] = set()
    for name, priority in _LISTCHANGES.items():
        if name in skipped:
            continue
        if asking:
            talk(call, f"INPUT {priority} apt-listchanges/{name}", 3)
            if name in ("frontend", "which", "email-address"):
                talk(call, "GO", 3)
        value = talk(call, f"GET apt-listchanges/{name}", 3)
        if name == "frontend" and value == "none":
            text += "frontend=none\n"
            break
        skipped |= {
            "frontend": {"confirm"} if value == "mail" else set(),
            "which": {"no-network"} if value == "news" else set(),
            "email-address": set() if value else {"email-format"},
        }.get(name, set())
        if name == "save-seen":
            value = "/var/lib/apt/listchanges" if value == "true" else "none"
        text += f"{name.replace('-', '_')}={value or 'none'}\n"
    else:
        if asking:
            talk(call, "GO", 3)
    if not asking:
        call.files.write(call.path(f"{path}.new"), f"{text}\n".encode("utf-8", "surrogateescape"))
    return 0


_PROGRAMS: Mapping[str, Command] = {
    "17a00fa8993b9de056fcad625af0598a3ca44aaed4f39e7189cfae8242fe04e5": _listchanges,
    "247826027c2fe01c68cb84d360b6b6402a2806212d3575aaa5a3e9006f020056": _privoxy_listens,
    "6dd76532dc48a8e8b9bafc4c7babfc6ad005abac8cfd3ed10b42970fb39a6af6": _privoxy_configuration,
    "3a9cc09286f6adb879b8983c7cf0db9ca678a0bb3c918449c1af0f6c98f26e35": _spamassassin_version,
}
