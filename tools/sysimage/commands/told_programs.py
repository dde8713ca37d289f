"""Programs in Perl that scripts give to perl(1) as an argument, told one by one by their SHA-256."""

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


_PROGRAMS: Mapping[str, Command] = {
    "247826027c2fe01c68cb84d360b6b6402a2806212d3575aaa5a3e9006f020056": _privoxy_listens,
    "6dd76532dc48a8e8b9bafc4c7babfc6ad005abac8cfd3ed10b42970fb39a6af6": _privoxy_configuration,
    "3a9cc09286f6adb879b8983c7cf0db9ca678a0bb3c918449c1af0f6c98f26e35": _spamassassin_version,
}
