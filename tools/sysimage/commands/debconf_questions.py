"""The commands of debconf's protocol that are about one question."""

import re
from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.commands.debconf_database import DebconfError, lower, split_list
from tools.sysimage.commands.debconf_session import BAD, COUNT, Session

_METHODS = frozenset((
    "new", "get", "iterator", "addowner", "removeowner", "_expand_vars", "debug", "warn", "can", "isa",
    "import",
))  # fmt: skip


def _get(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return COUNT
    name = words[0]
    answer = session.missing(name)
    if answer:
        return answer
    value = session.data.value(name)
    return "0 " if value is None else session.text(value)


def _set(session: Session, words: Sequence[str]) -> str:
    if not words:
        return COUNT
    name, *value = words
    answer = session.missing(name)
    if answer:
        return answer
    session.data.set_value(name, " ".join(value))
    return "0 value set"


def _reset(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return COUNT
    name = words[0]
    answer = session.missing(name)
    if answer:
        return answer
    session.data.set_value(name, session.data.field(name, "default") or "")
    session.data.set_flag(name, "seen", "false")
    return "0"


def _subst(session: Session, words: Sequence[str]) -> str:
    if len(words) < 2:
        return COUNT
    name, variable, *value = words
    answer = session.missing(name)
    if answer:
        return answer
    session.data.questions[name].variables[variable] = " ".join(value)
    return "0"


def _register(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return COUNT
    template, name = words
    data = session.data
    if template not in data.questions:
        return f'{BAD} No such template, "{template}"'
    data.template_of(template)
    if name in data.questions:
        data.questions[name].owners.add(session.owner)
    else:
        if (data.field(template, "type") or "0") == "0":
            raise DebconfError("no type given for question")
        data.new_question(name, session.owner)
    data.set_template(name, template)
    data.template_of(name)
    if name in data.used:
        data.check_answer(name)
    return "0"


def _unregister(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return COUNT
    name = words[0]
    answer = session.missing(name)
    if answer:
        return answer
    if name in session.busy:
        return f"{BAD} {name} is busy, cannot unregister right now"
    session.data.remove_owner(name, session.owner)
    return "0"


def _purge(session: Session, words: Sequence[str]) -> str:
    if words:
        return COUNT
    for name in list(session.data.questions):
        session.data.remove_owner(name, session.owner)
    return "0"


def _metaget(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return COUNT
    name, key = words
    answer = session.missing(name)
    if answer:
        return answer
    value = _meta(session, name, lower(key))
    return f"{BAD} {key} does not exist" if value is None else session.text(value)


def _meta(session: Session, name: str, key: str) -> str | None:
    data = session.data
    if key in _METHODS or not re.fullmatch(r"[-\w.@]+", key, re.ASCII):
        raise DebconfError(f"METAGET {name} {key} asks for no field")
    item = data.questions[name]
    special: Mapping[str, Callable[[], str | None]] = {
        "name": lambda: name,
        "template": lambda: data.template_of(name),
        "value": lambda: data.value(name),
        "owners": lambda: ", ".join(sorted(item.owners)),
        "priority": lambda: data.priorities.get(name),
        "flag": lambda: data.flag(name, ""),
        "variable": lambda: item.variables.get(""),
        "choices_split": lambda: str(len(split_list(data.field(name, "choices") or ""))),
        "value_split": lambda: str(len(split_list(data.value(name) or ""))),
    }
    return special[key]() if key in special else data.field(name, key)


def _fget(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return COUNT
    answer = session.missing(words[0])
    return answer or f"0 {session.data.flag(words[0], words[1])}"


def _fset(session: Session, words: Sequence[str]) -> str:
    if len(words) < 3:
        return COUNT
    name, flag, *value = words
    answer = session.missing(name)
    if answer:
        return answer
    if flag == "seen":
        session.seen = [other for other in session.seen if other != name]
    return f"0 {session.data.set_flag(name, flag, ' '.join(value))}"


def _visible(session: Session, words: Sequence[str]) -> str:
    if len(words) != 2:
        return COUNT
    return session.missing(words[1]) or "0 true"


def _exist(session: Session, words: Sequence[str]) -> str:
    if len(words) != 1:
        return COUNT
    return "0 true" if words[0] in session.data.questions else "0 false"


QUESTIONS: Mapping[str, Callable[[Session, Sequence[str]], str]] = {
    "exist": _exist,
    "fget": _fget,
    "fset": _fset,
    "get": _get,
    "metaget": _metaget,
    "purge": _purge,
    "register": _register,
    "reset": _reset,
    "set": _set,
    "subst": _subst,
    "unregister": _unregister,
    "visible": _visible,
}
"""These commands by name."""
