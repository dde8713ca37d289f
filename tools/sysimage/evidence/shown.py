"""A difference as text for a terminal, as Markdown for a review, and as JSON for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from tools.sysimage.evidence.components import name_of
from tools.sysimage.evidence.difference import Difference, Section

_MOST = 50  # paths of an owner that Markdown shows, since reviews have limits of their own
_COLOURS = {"+": "\x1b[32m", "-": "\x1b[31m", "~": "\x1b[33m", "#": "\x1b[1m"}


def as_json(found: Difference) -> str:
    """JSON, with all fields of the difference."""
    return json.dumps(asdict(found), indent=1) + "\n"


def as_text(found: Difference, *, colour: bool, all_paths: bool = False) -> Iterator[str]:
    """Yields lines: + for what came, - for what went, ~ for what changed."""

    def line(sign: str, text: str) -> str:
        return f"{_COLOURS[sign]}{text}\x1b[0m" if colour else text

    yield line("#", f"{name_of(found.old)} → {name_of(found.new)}")
    if not found:
        yield "nothing differs"
    for title, section in found.sections():
        if section:
            yield line("#", title)
            yield from (line(sign, f"  {sign} {text}") for sign, text in _items(section))
    if found.security:
        yield line("#", "Security fixes")
        for fix in found.security:
            yield f"  {fix.package} {fix.version} ({fix.suite}) {' '.join(fix.cves)}".rstrip()
    for owner, section in found.files.items():
        yield line("#", f"Files of {owner}")
        items = list(_items(section, "/"))
        shown = items if all_paths else items[:_MOST]
        yield from (line(sign, f"  {sign} {text}") for sign, text in shown)
        if len(items) > len(shown):
            yield f"  … and {len(items) - len(shown)} more (--all)"
    if found.sizes:
        yield line("#", "Sizes")
        for name, size in found.sizes.items():
            yield line("-" if size > 0 else "+", f"  {size:+,} bytes {name}")
        yield f"  {sum(found.sizes.values()):+,} bytes in all"
    if found.measurements:
        yield line("#", "Measurements")
        yield from (line(sign, f"  {sign} {text}") for sign, text in _items(found.measurements))
        yield f"  moved by {', '.join(found.inputs) or 'nothing that is known'}"


def as_markdown(found: Difference) -> Iterator[str]:
    """Yields lines of Markdown, for a pull request: tables, and files folded away."""
    yield f"### {_cell(found.old)} → {_cell(found.new)}"
    yield ""
    if not found:
        yield "Nothing differs."
    for title, section in (*found.sections(), ("Measurements", found.measurements)):
        if section:
            yield f"**{title}**"
            yield ""
            yield "| | | |"
            yield "|---|---|---|"
            for sign, part in (("+", section.added), ("\\-", section.removed), ("~", section.changed)):
                yield from (f"| {sign} | `{_cell(name)}` | {_cell(text)} |" for name, text in part.items())
            yield ""
    if found.inputs:
        yield f"Measurements moved by: {', '.join(_cell(name) for name in found.inputs)}."
        yield ""
    if found.security:
        yield "**Security fixes**"
        yield ""
        for fix in found.security:
            cves = ", ".join(fix.cves) or "no CVE named"
            yield f"- `{fix.package}` {_cell(fix.version)} ({_cell(fix.suite)}): {cves}"
        yield ""
    if found.sizes:
        yield f"**Sizes**: {sum(found.sizes.values()):+,} bytes"
        yield ""
        yield from (f"- {size:+,} `{_cell(name)}`" for name, size in list(found.sizes.items())[:_MOST])
        yield ""
    for owner, section in found.files.items():
        items = list(_items(section, "/"))
        yield f"<details><summary>{_html(owner)}: {len(items)} paths</summary>"
        yield ""
        yield from (f"- `{sign}` {_cell(text)}" for sign, text in items[:_MOST])
        if len(items) > _MOST:
            yield f"- … and {len(items) - _MOST} more"
        yield ""
        yield "</details>"
        yield ""


def _items(section: Section, prefix: str = "") -> Iterator[tuple[str, str]]:
    for sign, part in (("+", section.added), ("-", section.removed), ("~", section.changed)):
        for name, text in part.items():
            yield sign, _plain(f"{prefix}{name} {text}".rstrip())


def _plain(text: str) -> str:
    """A text of an archive, without what a terminal would obey."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in name_of(text))


def _cell(text: str) -> str:
    """A text as Markdown takes it, in a table too."""
    return "".join(f"\\{char}" if char in "\\`*_|<>[]" else char for char in _plain(text))


def _html(text: str) -> str:
    return _plain(text).replace("&", "&amp;").replace("<", "&lt;")
