"""Debconf's protocol (debconf-devel(7)) as the frontend Noninteractive answers it."""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sysimage.commands.debconf_database import Database, DebconfError, lower, split_list

_PRIORITIES = ("low", "medium", "high", "critical")
_TYPES = ("", "Boolean", "Error", "Multiselect", "Note", "Password", "Progress", "Select", "String", "Text")
_WORDS = re.compile(r"(\\.|\s+)", re.ASCII)
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", re.ASCII)
_METHODS = frozenset((
    "new", "get", "iterator", "addowner", "removeowner", "_expand_vars", "debug", "warn", "can", "isa",
    "import",
))  # fmt: skip
_TEMPLATE_METHODS = frozenset((
    "new", "get", "i18n", "load", "template", "fields", "clearall", "stringify", "can", "isa", "import",
    "debug", "warn",
))  # fmt: skip

_BAD, _SYNTAX, _HIDDEN, _INTERNAL = "10", "20", "30", "100"
_COUNT = f"{_SYNTAX} Incorrect number of arguments"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the frontend finds in its environment. `read` gives a file's bytes, or raises OSError."""

    read: Callable[[str], bytes]
    display: Callable[[str], None]  # shows what an administrator has to see
    priority: str = ""  # DEBIAN_PRIORITY
    marks: bool = True  # DEBCONF_NONINTERACTIVE_SEEN


@dataclass(slots=True)
class Session:
    """A conversation with one script (Debconf::ConfModule)."""

    data: Database
    settings: Settings
    owner: str = "unknown"
    escapes: bool = False
    title: str = ""
    progress: bool = False
    asked: dict[str, tuple[str, bool]] = field(default_factory=dict)  # for GO: type, whether it marks as seen
    busy: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def reply(self, line: str) -> str | None:
        """Answers a line; None is the answer to STOP. Raises DebconfError where the frontend would die."""
        line = line.removesuffix("\n")
        command, *words = unescaped_words(line) if self.escapes else perl_words(line) or [None]
        if command is None:
            return f'{_SYNTAX} Bad line "{line}" received from confmodule.'
        command = lower(command)
        if command == "stop":
            return None
        function = _COMMANDS.get(command)
        if function is None:
            answer = (
                f'{_SYNTAX} Unsupported command "{command}" (full line was "{line}") received from'
                " confmodule."
            )
        else:
            answer = function(self, words)
        return answer.partition("\n")[0]

    def finish(self) -> None:
        """Ends the conversation: what was shown is seen."""
        for name in self.seen:
            if name in self.data.questions:
                self.data.set_flag(name, "seen", "true")
        self.seen = []

    def missing(self, name: str) -> str | None:
        """Returns the answer for a question that there is not, None if there is."""
        return None if name in self.data.questions else f"{_BAD} {name} doesn't exist"

    def text(self, value: str) -> str:
        """Answers with a value, escaped if the script can unescape it."""
        if not self.escapes:
            return f"0 {value}"
        return "1 " + value.replace("\\", "\\\\").replace("\n", "\\n")


def perl_words(text: str) -> list[str]:
    """Splits at ASCII's white space, as Perl's split(' ') does."""
    return [word for word in re.split(r"[ \t\n\r\f\v]+", text) if word]


def unescaped_words(text: str) -> list[str | None]:
    """Splits a line in which backslashes guard characters."""
    words: list[str | None] = []
    word = ""
    for index, chunk in enumerate(_WORDS.split(text)):
        if index % 2 == 0:
            word += chunk
        elif chunk.startswith("\\"):
            word += "\n" if chunk == "\\n" else chunk[1]
        else:
            words.append(word)
            word = ""
    if word:
        words.append(word)
    return words or [None]


def _number(text: str) -> float:
    match = _NUMBER.match(text)
    return float(match[1]) if match else 0


def _input(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return _COUNT
    priority, name = words
    data = session.data
    if name not in data.questions:
        return f'{_BAD} "{name}" doesn\'t exist'
    if priority not in _PRIORITIES:
        return f'{_SYNTAX} "{priority}" is not a valid priority'
    data.priorities[name] = priority
    kind = data.field(name, "type") or ""
    shown = kind == "error" or (_high(session, priority) and data.flag(name, "seen") != "true")
    if kind[:1].upper() + kind[1:] not in _TYPES:
        raise DebconfError(f"the question {name} has the type {kind}, which can't be asked")
    session.busy.append(name)
    session.asked.setdefault(name, (lower(kind), shown and session.settings.marks))
    return f"{_HIDDEN} question skipped"


def _high(session: Session, priority: str) -> bool:
    least = session.settings.priority
    if not least:
        data = session.data
        least = (data.value("debconf/priority") if "debconf/priority" in data.questions else "") or "high"
    return least not in _PRIORITIES or _PRIORITIES.index(priority) >= _PRIORITIES.index(least)


def _go(session: Session, words: Sequence[str]) -> str:
    if words:
        return _COUNT
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
            if session.title:
                lines = [session.title, "-" * len(session.title), "", *lines]
                session.title = ""
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
    return [part for line in text.split("\n") for part in textwrap.wrap(line, 75) or [""]]


def _clear(session: Session, words: Sequence[str]) -> str:
    if words:
        return _COUNT
    session.asked.clear()
    session.busy.clear()
    return "0"


def _version(_session: Session, words: Sequence[str]) -> str:
    if len(words) > 1:
        return _COUNT
    if words:
        number = int(_number(words[0]))
        if number != 2:
            return f"{_HIDDEN} Version too {'low' if number < 2 else 'high'} ({words[0]})"
    return "0 2.0"


def _capb(session: Session, words: Sequence[str]) -> str:
    session.escapes = "escape" in words
    return "0 multiselect escape "


def _nothing(_session: Session, _words: Sequence[str]) -> str:
    return "0"


def _settitle(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return _COUNT
    if words[0] not in session.data.questions:
        return f'{_BAD} "{words[0]}" doesn\'t exist'
    session.title = session.data.field(words[0], "description") or ""
    return "0"


def _title(session: Session, words: Sequence[str]) -> str:
    session.title = " ".join(words)
    return "0"


def _info(session: Session, words: Sequence[str]) -> str:
    if len(words) > 1:
        return _COUNT
    if words and words[0] not in session.data.questions:
        return f'{_BAD} "{words[0]}" doesn\'t exist'
    return "0"


def _get(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return _COUNT
    name = words[0]
    answer = session.missing(name)
    if answer:
        return answer
    value = session.data.value(name)
    return "0 " if value is None else session.text(value)


def _set(session: Session, words: Sequence[str]) -> str:
    if not words:
        return _COUNT
    name, *value = words
    answer = session.missing(name)
    if answer:
        return answer
    session.data.set_value(name, " ".join(value))
    return "0 value set"


def _reset(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return _COUNT
    name = words[0]
    answer = session.missing(name)
    if answer:
        return answer
    session.data.set_value(name, session.data.field(name, "default") or "")
    session.data.set_flag(name, "seen", "false")
    return "0"


def _subst(session: Session, words: Sequence[str]) -> str:
    if len(words) < 2:
        return _COUNT
    name, variable, *value = words
    answer = session.missing(name)
    if answer:
        return answer
    session.data.questions[name].variables[variable] = " ".join(value)
    return "0"


def _register(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return _COUNT
    template, name = words
    data = session.data
    if template not in data.questions:
        return f'{_BAD} No such template, "{template}"'
    if name in data.questions:
        data.questions[name].owners.add(session.owner)
    else:
        if (data.field(template, "type") or "0") == "0":
            raise DebconfError("no type given for question")
        data.new_question(name, session.owner)
    data.set_template(name, template)
    if name in data.used:
        data.check_answer(name)
    return "0"


def _unregister(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return _COUNT
    name = words[0]
    answer = session.missing(name)
    if answer:
        return answer
    if name in session.busy:
        return f"{_BAD} {name} is busy, cannot unregister right now"
    session.data.remove_owner(name, session.owner)
    return "0"


def _purge(session: Session, words: Sequence[str]) -> str:
    if words:
        return _COUNT
    for name in list(session.data.questions):
        session.data.remove_owner(name, session.owner)
    return "0"


def _metaget(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return _COUNT
    name, key = words
    answer = session.missing(name)
    if answer:
        return answer
    value = _meta(session, name, lower(key))
    return f"{_BAD} {key} does not exist" if value is None else session.text(value)


def _meta(session: Session, name: str, key: str) -> str | None:
    data = session.data
    if key in _METHODS or not re.fullmatch(r"[-\w.@]+", key, re.ASCII):
        raise DebconfError(f"METAGET {name} {key} asks for no field")
    match key:
        case "name":
            return name
        case "template":
            return data.template_of(name)
        case "value":
            return data.value(name)
        case "owners":
            return ", ".join(sorted(data.questions[name].owners))
        case "priority":
            return data.priorities.get(name)
        case "flag":
            return data.flag(name, "")
        case "variable":
            return data.questions[name].variables.get("")
        case "choices_split":
            return str(len(split_list(data.field(name, "choices") or "")))
        case "value_split":
            return str(len(split_list(data.value(name) or "")))
        case _:
            return data.field(name, key)


def _fget(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return _COUNT
    answer = session.missing(words[0])
    return answer or f"0 {session.data.flag(words[0], words[1])}"


def _fset(session: Session, words: Sequence[str]) -> str:
    if len(words) < 3:
        return _COUNT
    name, flag, *value = words
    answer = session.missing(name)
    if answer:
        return answer
    if flag == "seen":
        session.seen = [other for other in session.seen if other != name]
    return f"0 {session.data.set_flag(name, flag, ' '.join(value))}"


def _progress(session: Session, words: Sequence[str]) -> str:
    if not words:
        return _COUNT
    command, *rest = words
    command = lower(command)
    counts = {"start": 3, "set": 1, "step": 1, "info": 1, "stop": 0}
    if command not in counts:
        return f"{_SYNTAX} Unknown subcommand"
    if len(rest) != counts[command]:
        return _COUNT
    if command == "start" and _number(rest[0]) > _number(rest[1]):
        return f"{_SYNTAX} min ({rest[0]}) > max ({rest[1]})"
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
        return _COUNT
    name, key, *rest = words
    value = re.sub(r'\\([n"\\])', lambda m: "\n" if m[1] == "n" else m[1], " ".join(rest))
    data = session.data
    if data.template(name) is None:
        if key != "type":
            return f"{_BAD} Template data field '{key}' received before type field"
        data.new_template(name, session.owner, value)
        return "0"
    if key == "type":
        return f"{_BAD} Template type already set"
    if key in _TEMPLATE_METHODS or not re.fullmatch(r"[-\w.@]+", key, re.ASCII):
        raise DebconfError(f"DATA {name} {key} sets no field")
    # Without Text::Iconv, debconf converts the value to nothing, and sets nothing.
    if data.converts and name in data.templates:
        data.templates[name].fields[key] = value
    return "0"


def _visible(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return _COUNT
    return session.missing(words[1]) or "0 true"


def _exist(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return _COUNT
    return "0 true" if words[0] in session.data.questions else "0 false"


def _load(session: Session, words: Sequence[str]) -> str:
    if not 1 <= len(words) <= 2:
        return _COUNT
    name = words[0]
    try:
        data = session.settings.read(name)
    except OSError as error:
        return f"{_BAD} failed to open {name}: {error.strerror}"
    try:
        session.data.load(data, words[1] if len(words) == 2 else session.owner, name)
    except DebconfError as error:
        return f"{_INTERNAL} " + str(error).replace("\n", "\\n")
    return "0"


_COMMANDS: Mapping[str, Callable[[Session, Sequence[str]], str]] = {
    "beginblock": _nothing,
    "capb": _capb,
    "clear": _clear,
    "data": _data,
    "endblock": _nothing,
    "exist": _exist,
    "fget": _fget,
    "fset": _fset,
    "get": _get,
    "go": _go,
    "info": _info,
    "input": _input,
    "metaget": _metaget,
    "progress": _progress,
    "purge": _purge,
    "register": _register,
    "reset": _reset,
    "set": _set,
    "settitle": _settitle,
    "subst": _subst,
    "title": _title,
    "unregister": _unregister,
    "version": _version,
    "visible": _visible,
    "x_loadtemplatefile": _load,
}
