"""Debconf's protocol (debconf-devel(7)) as the frontend Noninteractive answers it."""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.commands.debconf_database import DebconfError, lower
from tools.sysimage.commands.debconf_questions import QUESTIONS
from tools.sysimage.commands.debconf_session import (
    BAD,
    COUNT,
    HIDDEN,
    INTERNAL,
    SYNTAX,
    Session,
    perl_words,
    unescaped_words,
)

_PRIORITIES = ("low", "medium", "high", "critical")
_TYPES = ("", "Boolean", "Error", "Multiselect", "Note", "Password", "Progress", "Select", "String", "Text")
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.ASCII)
_TEMPLATE_METHODS = frozenset((
    "new", "get", "i18n", "load", "template", "fields", "clearall", "stringify", "can", "isa", "import",
    "debug", "warn",
))  # fmt: skip


def reply(session: Session, line: str) -> str | None:
    """Answers a line; None is the answer to STOP. Raises DebconfError where the frontend would die."""
    line = line.removesuffix("\n")
    words = unescaped_words(line) if session.escapes else perl_words(line)
    if not words:
        return f'{SYNTAX} Bad line "{line}" received from confmodule.'
    command, *words = words
    command = lower(command)
    if command == "stop":
        return None
    function = _COMMANDS.get(command)
    if function is None:
        answer = (
            f'{SYNTAX} Unsupported command "{command}" (full line was "{line}") received from confmodule.'
        )
    else:
        answer = function(session, words)
    return answer.partition("\n")[0]


def _number(text: str) -> float:
    match = _NUMBER.match(text)
    return float(match[1]) if match else 0


def _input(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return COUNT
    priority, name = words
    data = session.data
    if name not in data.questions:
        return f'{BAD} "{name}" doesn\'t exist'
    if priority not in _PRIORITIES:
        return f'{SYNTAX} "{priority}" is not a valid priority'
    data.priorities[name] = priority
    kind = data.field(name, "type") or ""
    shown = kind == "error" or (_high(session, priority) and data.flag(name, "seen") != "true")
    if kind[:1].upper() + kind[1:] not in _TYPES:
        raise DebconfError(f"the question {name} has the type {kind}, which can't be asked")
    session.busy.append(name)
    session.asked.setdefault(name, (lower(kind), shown and session.settings.marks))
    return f"{HIDDEN} question skipped"


def _high(session: Session, priority: str) -> bool:
    least = session.settings.priority
    if not least:
        data = session.data
        least = (data.value("debconf/priority") if "debconf/priority" in data.questions else "") or "high"
    return least not in _PRIORITIES or _PRIORITIES.index(priority) >= _PRIORITIES.index(least)


def _go(session: Session, words: Sequence[str]) -> str:
    if words:
        return COUNT
    data = session.data
    values = {name: _shown(session, name, kind) for name, (kind, _) in session.asked.items()}
    for name, value in values.items():
        data.set_value(name, value)
        if session.asked[name][1]:
            session.seen.append(name)
    return _clear(session, ()) + " ok"


def _shown(session: Session, name: str, kind: str) -> str:
    """Returns the value that a question has when nobody answers it."""
    data = session.data
    if kind == "text":
        return ""
    if kind == "error":
        if data.template_of(name) is None:
            raise DebconfError(f"the question {name} was purged before it was shown")
        if data.flag(name, "seen") != "true":
            text = f"{data.field(name, 'description')}\n\n{data.field(name, 'extended_description')}\n"
            lines = [*_wrapped(text.rstrip("\n")), ""]
            if session.data.title:
                lines = [session.data.title, "-" * len(session.data.title), "", *lines]
                session.data.title = ""
            session.settings.display("".join(f"{line}\n" for line in lines))
        return ""
    value = data.value(name) or ""
    if kind == "select":
        if data.template_of(name) is None:
            raise DebconfError(f"the question {name} was purged before it was shown")
        choices = data.choices(name)
        if value not in choices:
            if name in data.used and value == data.answers[name]:
                raise DebconfError(f"the answer {value!r} to {name} is none of: {', '.join(choices)}")
            return choices[0] if choices else ""
    return value


def _wrapped(text: str) -> list[str]:
    lines = text.split("\n")
    return [part for line in lines for part in (textwrap.wrap(line, 75) if len(line) > 75 else [line])]


def _clear(session: Session, words: Sequence[str]) -> str:
    if words:
        return COUNT
    session.asked.clear()
    session.busy.clear()
    return "0"


def _version(_session: Session, words: Sequence[str]) -> str:
    if len(words) > 1:
        return COUNT
    if words:
        number = int(_number(words[0]))
        if number != 2:
            return f"{HIDDEN} Version too {'low' if number < 2 else 'high'} ({words[0]})"
    return "0 2.0"


def _capb(session: Session, words: Sequence[str]) -> str:
    session.escapes = "escape" in words
    return "0 multiselect escape "


def _nothing(_session: Session, _words: Sequence[str]) -> str:
    return "0"


def _settitle(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return COUNT
    if words[0] not in session.data.questions:
        return f'{BAD} "{words[0]}" doesn\'t exist'
    session.data.title = session.data.field(words[0], "description") or ""
    return "0"


def _title(session: Session, words: Sequence[str]) -> str:
    session.data.title = " ".join(words)
    return "0"


def _info(session: Session, words: Sequence[str]) -> str:
    if len(words) > 1:
        return COUNT
    if words and words[0] not in session.data.questions:
        return f'{BAD} "{words[0]}" doesn\'t exist'
    return "0"


def _progress(session: Session, words: Sequence[str]) -> str:
    if not words:
        return COUNT
    command, *rest = words
    command = lower(command)
    counts = {"start": 3, "set": 1, "step": 1, "info": 1, "stop": 0}
    if command not in counts:
        return f"{SYNTAX} Unknown subcommand"
    if len(rest) != counts[command]:
        return COUNT
    if command == "start" and _number(rest[0]) > _number(rest[1]):
        return f"{SYNTAX} min ({rest[0]}) > max ({rest[1]})"
    if command in ("start", "info"):
        answer = session.missing(rest[-1])
        if answer:
            return answer
    if command != "start" and not session.progress:
        raise DebconfError(f"PROGRESS {command.upper()} comes before PROGRESS START")
    session.progress = command != "stop"
    return "0 OK"


def _data(session: Session, words: Sequence[str]) -> str:
    if len(words) < 3:
        return COUNT
    name, key, *rest = words
    value = re.sub(r'\\([n"\\])', lambda m: "\n" if m[1] == "n" else m[1], " ".join(rest))
    data = session.data
    if data.template(name) is None:
        if key != "type":
            return f"{BAD} Template data field '{key}' received before type field"
        data.new_template(name, session.owner, value)
        return "0"
    if key == "type":
        return f"{BAD} Template type already set"
    if key in _TEMPLATE_METHODS or not re.fullmatch(r"[-\w.@]+", key, re.ASCII):
        raise DebconfError(f"DATA {name} {key} sets no field")
    # Without Text::Iconv, debconf converts the value to nothing, and sets nothing.
    if data.converts and name in data.templates:
        data.templates[name].fields[key] = value
    return "0"


def _load(session: Session, words: Sequence[str]) -> str:
    if not 1 <= len(words) <= 2:
        return COUNT
    name = words[0]
    try:
        data = session.settings.read(name)
    except OSError as error:
        return f"{BAD} failed to open {name}: {error.strerror}"
    try:
        session.data.load(data, words[1] if len(words) == 2 else session.owner, name)
    except DebconfError as error:
        return f"{INTERNAL} " + str(error).replace("\n", "\\n")
    return "0"


_COMMANDS: Mapping[str, Callable[[Session, Sequence[str]], str]] = {
    **QUESTIONS,
    "beginblock": _nothing,
    "capb": _capb,
    "clear": _clear,
    "data": _data,
    "endblock": _nothing,
    "go": _go,
    "info": _info,
    "input": _input,
    "progress": _progress,
    "settitle": _settitle,
    "title": _title,
    "version": _version,
    "x_loadtemplatefile": _load,
}
