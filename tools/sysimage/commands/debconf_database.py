"""Debconf's database (debconf-devel(7)): templates, the questions made of them, their values and flags.

Text is bytes read as Latin-1, as debconf itself takes it. The locale is C.UTF-8, so translated fields are
kept and never chosen. /var/cache/debconf is not written.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.nearest import nearest

_FIELD = re.compile(r"([-_@.A-Za-z0-9]*):\s?(.*)", re.ASCII)
_SPLIT = re.compile(r"(\\[, ]|,\s+)", re.ASCII)
_VARIABLE = re.compile(r"(\\)?\$\{([^{}]+)\}")
_LANGUAGES = ("c.utf-8", "en")  # C.UTF-8 as Debconf::Template has it
_STATE = "debconf"


class DebconfError(Exception):
    """What debconf itself dies of, or what only a person can answer."""


@dataclass(slots=True)
class Item:
    """A template or a question. `owners` are packages, or a template's questions."""

    owners: set[str] = field(default_factory=set)
    fields: dict[str, str] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Item:
        """Returns one of its own."""
        return Item(set(self.owners), dict(self.fields), dict(self.flags), dict(self.variables))


@dataclass(frozen=True, slots=True)
class Record:
    """A template of a file."""

    name: str
    kind: str
    fields: Mapping[str, str]


@dataclass(slots=True)
class Database:
    """All templates and questions by name. `answers` are the user's, `used` those of questions that exist."""

    answers: Mapping[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    templates: dict[str, Item] = field(default_factory=dict)
    questions: dict[str, Item] = field(default_factory=dict)
    running: bool = False  # whether a frontend has it locked
    cached: set[str] = field(default_factory=set)  # templates that the running process has met
    priorities: dict[str, str] = field(default_factory=dict)  # of questions, in the running process
    title: str = ""  # what the running frontend has above its texts
    converts: bool = False  # whether Text::Iconv is installed
    saved: Database | None = None  # what its files have while a frontend runs, which writes them at its end

    # Templates (Debconf::Template).

    def template(self, name: str | None) -> str | None:
        """Returns a template's name if there is one, or was one earlier in this process."""
        if name is None or (name not in self.templates and name not in self.cached):
            return None
        self.cached.add(name)
        return name

    def template_field(self, name: str, key: str, *, translated: bool = True) -> str:
        """Returns a template's field in the locale, or its value in C; "" if there is none."""
        item = self.templates.get(name)
        fields = item.fields if item else {}
        keys = [f"{key}-{language}" for language in _LANGUAGES]
        if translated and self.converts:
            keys.append(f"{key}-en.utf-8")
        if not translated:
            keys = [] if key[-2:].lower() == "-c" else [f"{key}-c"]
        keys.append(key)
        if "-" in key:
            keys.append(key.partition("-")[0])
        return next((fields[k] for k in keys if k in fields), "")

    def new_template(self, name: str, owner: str, kind: str) -> None:
        """Makes a template and the question of its name, or adds an owner. Raises DebconfError."""
        if not name or name == "0" or not kind or kind == "0":
            raise DebconfError(f"no template {'type' if name else 'name'} specified")
        owner = owner if owner and owner != "0" else "unknown"
        known = name in self.templates
        if name in self.questions:
            self.questions[name].owners.add(owner)
        else:
            self.new_question(name, owner)
            self.set_template(name, name)
        item = self.templates.setdefault(name, Item())
        if not known:
            item.owners.add(name)
            item.fields["type"] = kind
        for question in sorted(item.owners):
            if question not in self.questions:
                self.new_question(question, owner)
                self.set_template(question, name)
        self.cached.add(name)

    def load(self, data: bytes, owner: str, name: str) -> None:
        """Loads a file of templates. Raises DebconfError, with those before it loaded."""
        for record in records(data, name):
            self.new_template(record.name, owner, record.kind)
            self.templates[record.name].fields = dict(record.fields)
            if record.name in self.used:
                self.check_answer(record.name)

    # Questions (Debconf::Question).

    def new_question(self, name: str, owner: str) -> None:
        """Makes a question; the user's answer becomes its value, as debconf-set-selections(1) has it."""
        item = self.questions[name] = Item({owner}, flags={"seen": "false"})
        if name in self.answers:
            item.fields["value"] = self.answers[name]
            item.flags["seen"] = "true"
            self.used.add(name)

    def set_template(self, name: str, template: str) -> None:
        """Says which template a question is made of."""
        fields = self.questions[name].fields
        old = fields.get("template")
        if old == template:
            return
        if old:
            self._disown(self.templates, old, name)
        fields["template"] = template
        self.templates.setdefault(template, Item()).owners.add(name)

    def remove_owner(self, name: str, owner: str) -> None:
        """Takes a package from a question; without any, it is gone, and its template without questions."""
        item = self.questions.get(name)
        if item is not None and self._disown(self.questions, name, owner):
            self._disown(self.templates, item.fields.get("template", ""), name)

    def _disown(self, table: dict[str, Item], name: str, owner: str) -> bool:
        """Returns whether the item is gone."""
        item = table.get(name)
        if item is None:
            return False
        item.owners.discard(owner)
        if item.owners:
            return False
        del table[name]
        return True

    def template_of(self, name: str) -> str | None:
        """Returns the template of a question."""
        item = self.questions.get(name)
        return self.template(item.fields.get("template") if item else None)

    def value(self, name: str) -> str | None:
        """Returns a question's value, or else its template's default."""
        item = self.questions.get(name)
        if item is not None and "value" in item.fields:
            return item.fields["value"]
        template = self.template_of(name)
        return None if template is None else self.template_field(template, "default")

    def set_value(self, name: str, value: str) -> None:
        """Sets a question's value, if there is the question."""
        if name in self.questions:
            self.questions[name].fields["value"] = value

    def field(self, name: str, key: str, *, translated: bool = True) -> str | None:
        """Returns a field of a question or its template, with variables where texts have them."""
        item = self.questions.get(name)
        plain = key in ("description", "extended_description", "choices")
        if item is not None and key in item.fields and not plain:
            text = item.fields[key]
        else:
            template = self.template_of(name)
            if template is None:
                return None
            text = self.template_field(template, key, translated=translated)
        if plain or re.match(r"(?:description|extended_description|choices)-", key):
            return self.expand(name, text)
        return text

    def expand(self, name: str, text: str) -> str:
        """Puts a question's variables into a text."""
        item = self.questions.get(name)
        variables = item.variables if item else {}
        return _VARIABLE.sub(lambda m: f"${{{m[2]}}}" if m[1] else variables.get(m[2], ""), text)

    def choices(self, name: str) -> list[str]:
        """Returns the values that a question may have, as templates name them."""
        return split_list(self.field(name, "choices", translated=False) or "")

    def flag(self, name: str, flag: str) -> str:
        """Returns a flag, "false" if it was never set."""
        if flag == "isdefault":
            return "false" if self.flag(name, "seen") == "true" else "true"
        return self.questions[name].flags.get(flag, "false")

    def set_flag(self, name: str, flag: str, value: str) -> str:
        """Sets a flag and returns what it is then."""
        if flag == "isdefault":
            self.questions[name].flags["seen"] = "false" if value == "true" else "true"
            return self.flag(name, flag)
        self.questions[name].flags[flag] = value
        return value

    # Processes.

    def begin(self) -> None:
        """Starts a process that has the database open."""
        self.saved = Database(
            self.answers,
            templates={name: item.copy() for name, item in self.templates.items()},
            questions={name: item.copy() for name, item in self.questions.items()},
            converts=self.converts,
        )
        self.running = True
        self.title = ""
        self.cached.clear()
        self.priorities.clear()

    def end(self) -> None:
        """Closes the database: what its files (Debconf::Format::822) can't hold is lost."""
        self.running, self.saved = False, None
        for item in (*self.templates.values(), *self.questions.values()):
            item.flags = {flag: value for flag, value in item.flags.items() if value == "true"}
            for table in (item.fields, item.variables):
                for key, value in table.items():
                    if "\\n" in value:
                        table[key] = value.replace("\\n", "\n")

    # The user's answers.

    def check_answer(self, name: str) -> None:
        """Raises ToolError if an answer is none that its question can have."""
        kind = self.field(name, "type") or ""
        if "password" in kind:
            raise ToolError(
                f"debconf: {name} is a password, which an image must not hold; remove the answer and set"
                " the password in the guest"
            )
        if kind == "boolean":
            allowed: Iterable[str] = ("true", "false")
        elif kind in ("select", "multiselect") and "${" not in self._raw_choices(name):
            allowed = self.choices(name)
        else:
            return
        answer = self.answers[name]
        values = split_list(answer) if kind == "multiselect" else [answer]
        for value in values:
            if value not in allowed:
                raise ToolError(
                    f"debconf: {name} can't be {_outward(value)!r}; answer with one of"
                    f" {_outward(', '.join(allowed))}"
                )

    def _raw_choices(self, name: str) -> str:
        template = self.template_of(name)
        return self.template_field(template, "choices", translated=False) if template else ""


def split_list(text: str) -> list[str]:
    """Splits choices, or a value of several, at commas and spaces that no backslash guards."""
    items, item = [], ""
    for index, chunk in enumerate(_SPLIT.split(text)):
        if index % 2 == 0:
            item += chunk
        elif chunk.startswith("\\"):
            item += chunk[1]
        else:
            items.append(item)
            item = ""
    return [*items, item] if item else items


def records(data: bytes, name: str) -> Iterable[Record]:
    """Yields the templates of a file (debconf-devel(7)). Raises DebconfError."""
    texts = re.findall(r"(?s)(?:.*?\n\n|.+\Z)", data.decode("latin-1"))
    for number, text in enumerate(texts, 1):
        fields = _fields(text, number, name)
        if fields.get("template", "0") in ("", "0"):
            raise DebconfError(f"Template #{number} in {name} does not contain a 'Template:' line\n")
        template = fields.pop("template")
        yield Record(template, fields.get("type", ""), fields)


def _fields(text: str, number: int, name: str) -> dict[str, str]:
    found: dict[str, str] = {}

    def save() -> None:
        if not key:
            return
        if key in found:
            raise DebconfError(
                f'Template #{number} in {name} has a duplicate field "{key}" with new value "{value}".'
                " Probably two templates are not properly separated by a lone newline.\n"
            )
        found[key] = value
        rest = extended.rstrip("\n")
        if rest:
            found[f"extended_{key}"] = rest

    key = value = extended = ""
    stripped = text.strip("\n")
    for line in stripped.split("\n") if stripped else ():
        match = _FIELD.match(line)
        if match:
            save()
            key, value, extended = lower(match[1]), match[2].rstrip(" \t\r\f\v"), ""
        elif line[1:] == "." and line[0] in " \t\r\f\v":
            extended += "\n\n"
        elif line[:1] in set(" \t\r\f\v"):
            bit = line[1:].rstrip(" \t\r\f\v")
            fresh = not extended or extended[-1] in "\n "
            if line[1:2] in set(" \t\r\f\v"):
                extended += ("" if fresh else "\n") + bit + "\n"
            else:
                extended += ("" if fresh else " ") + bit
        else:
            raise DebconfError(f"Template parse error near `{line}', in stanza #{number} of {name}\n")
    save()
    return found


def lower(text: str) -> str:
    """Returns a text with ASCII's capital letters made small."""
    return text.encode("latin-1").lower().decode("latin-1")


def _outward(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "replace")


def database(world: World) -> Database:
    """Returns the world's database."""
    found = world.state.get(_STATE)
    if not isinstance(found, Database):
        answers = {
            name.encode().decode("latin-1"): value.encode().decode("latin-1")
            for name, value in world.answers.items()
        }
        found = world.state[_STATE] = Database(answers, converts="libtext-iconv-perl" in world.root.packages)
    return found


def check_answers(world: World) -> None:
    """Raises ToolError for answers that no question has taken; to be called when all scripts have run."""
    data = database(world)
    missing = sorted(set(data.answers) - data.used)
    if missing:
        name = _outward(missing[0])
        near = nearest(name, map(_outward, data.questions))
        raise ToolError(
            f"debconf: no script of the set's packages has the question {name}{near}; remove its"
            " answer, correct its name or add the package"
        )
