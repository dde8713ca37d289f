"""Aliases (XCU 2.3.1): the lexer puts their text in place of a command's name."""

from tools.sysimage.scripts.arguments import options, single_quoted
from tools.sysimage.scripts.machine import Machine

_BUCKETS = 39


def _bucket(name: str) -> int:
    """Returns dash's place for an alias, which is the order of its list."""
    return ((ord(name[0]) << 4) + sum(map(ord, name))) % _BUCKETS if name else 0


def described(machine: Machine, name: str) -> str:
    """Returns a line that defines an alias again."""
    return f"{name}={single_quoted(machine.aliases[name])}\n"


def alias(machine: Machine, argv: list[str], _tested: bool) -> int:
    """alias [NAME[=TEXT]…]."""
    status = 0
    for word in argv[1:] or sorted(machine.aliases, key=_bucket):
        end = word.find("=", 1)
        if end > 0 and argv[1:]:
            machine.aliases[word[:end]] = word[end + 1 :]
        elif word in machine.aliases:
            machine.write(described(machine, word))
        else:
            machine.write(f"alias: {word} not found\n", 2)
            status = 1
    return status


def unalias(machine: Machine, argv: list[str], _tested: bool) -> int:
    """unalias -a | NAME…."""
    letters, operands = options(argv, "a")
    if letters:
        machine.aliases.clear()
        return 0
    status = 0
    for name in operands:
        if machine.aliases.pop(name, None) is None:
            machine.write(f"unalias: {name} not found\n", 2)
            status = 1
    return status
