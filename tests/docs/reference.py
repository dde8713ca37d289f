"""The API reference, docs/reference/*.md, from what Bazel says of the public symbols.

`bazel run //tests/docs:update_reference` writes the pages; reference_test compares them. What Bazel says is a
ModuleInfo of its stardoc_output.proto, in protobuf's text format.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

type Value = str | Message

# In the file of symbols, the line that makes one public.
_PUBLIC = re.compile(r"^(?:def ([A-Za-z]\w*)\(|([A-Za-z]\w*) = )", re.MULTILINE)
_DOCSTRING = re.compile(r'\A""".*?"""', re.DOTALL)

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([\w.+-]+)|([{}:])')
_ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", '"': b'"', "'": b"'", "\\": b"\\"}

# Bazel's types of attributes, in words.
_TYPES = {
    "BOOLEAN": "bool",
    "INT": "int",
    "LABEL": "label",
    "LABEL_LIST": "list of labels",
    "LABEL_STRING_DICT": "dict, label → string",
    "LABEL_KEYED_STRING_DICT": "dict, label → string",
    "NAME": "name",
    "STRING": "string",
    "STRING_DICT": "dict, string → string",
    "STRING_LIST": "list of strings",
    "STRING_LIST_DICT": "dict, string → list of strings",
}


@dataclass(frozen=True)
class Message:
    """A message: the values of each of its fields, in order."""

    fields: dict[str, list[Value]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The string, number or name of a field; empty if it is not there."""
        (value,) = self.fields.get(name, [""])
        assert isinstance(value, str), f"{name} is a message"
        return value

    def messages(self, name: str) -> list[Message]:
        """The messages of a field."""
        return [value for value in self.fields.get(name, []) if isinstance(value, Message)]


def _string(text: str) -> str:
    """What a quoted string stands for. Bazel 7 takes the bytes of its files for characters of Latin-1."""
    data = bytearray()
    for plain, octal, escape in re.findall(r"([^\\]+)|\\([0-7]{1,3})|\\(.)", text, re.DOTALL):
        data += bytes([int(octal, 8)]) if octal else _ESCAPES[escape] if escape else plain.encode()
    decoded = data.decode()
    try:
        return decoded.encode("latin-1").decode()
    except UnicodeError:
        return decoded


def parse(text: str) -> Message:
    """Reads protobuf's text format, as Bazel prints it: no comments, no lists in brackets."""
    root = Message()
    stack, name = [root], ""
    for quoted, word, mark in _TOKEN.findall(text):
        if mark == "{":
            inner = Message()
            stack[-1].fields.setdefault(name, []).append(inner)
            stack.append(inner)
            name = ""
        elif mark == "}":
            stack.pop()
        elif mark == ":":
            continue
        elif name:
            stack[-1].fields.setdefault(name, []).append(word or _string(quoted))
            name = ""
        else:
            name = word
    return root


def _cell(text: str) -> str:
    """A text as it stands in a table."""
    return re.sub(r"\s+", " ", text.strip()).replace("|", "\\|")


def _table(first: str, rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    yield f"| {first} | value | meaning |"
    yield "|---|---|---|"
    for name, value, meaning in rows:
        yield f"| `{name}` | {value} | {_cell(meaning)} |"
    yield ""


def _default(message: Message) -> str:
    if message.text("mandatory") == "true":
        return "mandatory"
    default = message.text("default_value")
    if default == '"MANDATORY"':  # of a macro, which says in its own words that it is missing
        return "mandatory"
    return f"default `{_cell(default)}`" if default else "optional"


def _attribute(message: Message) -> tuple[str, str, str]:
    kind = message.text("type")
    value = f"{_TYPES.get(kind, kind.lower())}, {_default(message)}"
    return message.text("name"), value, message.text("doc_string")


def _parameter(message: Message) -> tuple[str, str, str]:
    name = message.text("name")
    if name == "kwargs":
        return "**kwargs", "the rest", message.text("doc_string")
    return name, _default(message), message.text("doc_string")


def _symbol(kind: str, message: Message) -> Iterator[str]:
    yield message.text("doc_string").strip()
    yield ""
    if kind == "rule_info":
        # The name is every rule's.
        attributes = [
            attribute for attribute in message.messages("attribute") if attribute.text("type") != "NAME"
        ]
        yield from _table("attribute", [_attribute(attribute) for attribute in attributes])
    elif kind == "func_info":
        yield from _table("argument", [_parameter(parameter) for parameter in message.messages("parameter")])
    elif kind == "provider_info":
        yield "| field | meaning |"
        yield "|---|---|"
        for info in message.messages("field_info"):
            yield f"| `{info.text('name')}` | {_cell(info.text('doc_string'))} |"
        yield ""
    else:
        for tag in message.messages("tag_class"):
            yield f"### {message.text('extension_name')}.{tag.text('tag_name')}"
            yield ""
            yield tag.text("doc_string").strip()
            yield ""
            yield from _table("attribute", [_attribute(attribute) for attribute in tag.messages("attribute")])


# The kinds of symbols, and where each has its name.
_KINDS = {
    "rule_info": "rule_name",
    "func_info": "function_name",
    "provider_info": "provider_name",
    "module_extension_info": "extension_name",
}


def page(library: str, source: str, said: str) -> str:
    """A page on the symbols of a file.

    library: its label. source: its text, which has the symbols in order. said: what Bazel says of it.
    ValueError for a symbol that Bazel says nothing of.
    """
    module = parse(said)
    found = {
        message.text(name): (kind, message)
        for kind, name in _KINDS.items()
        for message in module.messages(kind)
    }
    names = [function or name for function, name in _PUBLIC.findall(_DOCSTRING.sub("", source))]
    # Of constants Bazel never says anything.
    names = [name for name in names if not name.isupper()]
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{library}: Bazel says nothing of {', '.join(missing)}")
    lines = [
        f"# {library}",
        "",
        "Written by `bazel run //tests/docs:update_reference`, from the docstrings.",
        "",
    ]
    lines += [module.text("module_docstring").strip(), ""]
    lines += [f"- [`{name}`](#{name.lower()})" for name in names] + [""]
    for name in names:
        lines += [f"## {name}", "", *_symbol(*found[name])]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def pages(arguments: Sequence[str], sources: Mapping[str, str] | None = None) -> dict[str, str]:
    """File name → text, of arguments `LABEL SOURCE SAID`, three for each page."""
    found = {}
    for library, source, said in zip(arguments[::3], arguments[1::3], arguments[2::3], strict=True):
        text = (sources or {}).get(library) or Path(source).read_text(encoding="utf-8")
        name = (
            library.removeprefix("@rules_system_image//").removeprefix("system_image:").removesuffix(".bzl")
        )
        found[re.sub(r"\W", "_", name) + ".md"] = page(library, text, Path(said).read_text(encoding="utf-8"))
    return found


def main(argv: Sequence[str]) -> int:
    """Writes the pages into the repository."""
    folder = Path(os.environ["BUILD_WORKSPACE_DIRECTORY"], "docs/reference")
    folder.mkdir(exist_ok=True)
    for name, text in pages(argv).items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
