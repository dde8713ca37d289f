"""Which texts the shell here can run, by their first line."""

import re

_SHELL = re.compile(rb"#![ \t]*/(?:usr/)?bin/(?:env[ \t]+)?(sh|dash|bash)(?:[ \t]+-(\w+))?[ \t]*\n")
# What bash reads otherwise than the shell here, or alone; words where a command begins.
_BASH = re.compile(
    rb"(?:^|[\s;&|(!])\[\[\s|\$['\"(]\(|<<<|\+=|=\(|[<>]\(|&>|\(\(|\$\{\w+(?:[\^,/@]|:-?\d|:\$)|\$\{!"
    rb"|\{\w+\.\.|\$\{?(?:BASH|RANDOM|SECONDS|EUID)|\becho\b.*\\[abcefnrtv0\\]|\bset -o\b|\$\{#?\w+\["
    rb"|(?:^|[;&|({]|\bthen|\belse|\bdo)[ \t]*(?:declare|typeset|source|function|shopt|let|mapfile|readarray|"
    rb"select|pushd|popd|coproc|read[ \t]+-[apdnNt]|type[ \t]+-)[ \t\n]",
    re.MULTILINE,
)


def shell_options(data: bytes) -> str | None:
    """The options in the first line of a script of the shell, None for a text that is none."""
    match = _SHELL.match(data)
    if match is None or (match[1] == b"bash" and _BASH.search(re.sub(rb"(?m)^[ \t]*#.*", b"", data))):
        return None
    return (match[2] or b"").decode()


def with_options(options: str, data: bytes) -> bytes:
    """Returns a script that sets the options of its first line itself, without a line more."""
    return "".join(f"set -{letter};" for letter in options).encode() + data
