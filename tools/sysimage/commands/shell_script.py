"""Which texts the shell here can run, by their first line."""

import re

from tools.sysimage.commands.regex import PatternError, UnmodelledPatternError, compile_pattern
from tools.sysimage.scripts.failures import Refused

_SHELL = re.compile(rb"#![ \t]*/(?:usr/)?bin/(?:env[ \t]+)?(sh|dash|bash)(?:[ \t]+-(\w+))?[ \t]*\n")
# What bash alone reads, and is not modelled; words where a command begins.
_BASH = re.compile(
    rb"\b\w+\+?=\((?!\))|[<>]\(|(?:^|[\s;&|({!])\(\(|\$\{!|\$\{#?\w+\[|\$\[|\|&|;;?&"
    rb"|(?:^|[;&|({]|\b(?:then|else|do|if|while|until))[ \t]*(?:let|mapfile|readarray|select|pushd|"
    rb"popd|dirs|coproc|time|enable|builtin|caller|disown|suspend|compgen|complete|history|fc|bind|"
    rb"read[ \t]+-[a-zA-Z]*[adeinNtsu]|type[ \t]+-\w+|hash[ \t]+-[dlpt])[ \t\n]",
    re.MULTILINE,
)


def shell_options(data: bytes) -> str | None:
    """The options in the first line of a script of the shell, None for a text that is none."""
    match = _SHELL.match(data)
    if match is None or (match[1] == b"bash" and beyond(data)):
        return None
    return (match[2] or b"").decode()


def beyond(data: bytes) -> str:
    """What a script has of bash that is not modelled, "" if it has nothing of that."""
    match = _BASH.search(re.sub(rb"(?m)^[ \t]*#.*", b"", data))
    return match[0].decode("utf-8", "replace").strip(" \t\n;&|({") or match[0].decode() if match else ""


def is_bash(data: bytes) -> bool:
    """Whether a script is read as bash reads it."""
    match = _SHELL.match(data)
    return match is not None and match[1] == b"bash"


def search(expression: str, text: str) -> bool:
    """Whether an extended regular expression matches in a text. Raises Refused where that is not known."""
    try:
        return compile_pattern(expression, extended=True).search(text) is not None
    except (PatternError, UnmodelledPatternError) as error:
        raise Refused(
            f"bash: the expression {expression!r} is not modelled ({error}); write another"
        ) from error


def with_options(options: str, data: bytes) -> bytes:
    """Returns a script that sets the options of its first line itself, without a line more."""
    return "".join(f"set -{letter};" for letter in options).encode() + data
