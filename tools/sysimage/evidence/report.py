"""report: what is in an image, as one HTML page without a network, and with tables that need no script."""

import argparse
import base64
import hashlib
import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.errors import run
from tools.sysimage.evidence import facts, treemap
from tools.sysimage.evidence.components import name_of
from tools.sysimage.evidence.facts import Facts, capabilities, is_setuid
from tools.sysimage.evidence.measured import with_measurements
from tools.sysimage.evidence.report_page import SCRIPT, STYLE
from tools.sysimage.evidence.treemap import Box, Item

_WIDTH, _HEIGHT = 1200, 560
_HEAD = 15  # pixels of a rectangle's name
_SMALLEST = 3  # pixels of a side that can be seen
_DEPTH = 3  # folders of the second map

# Colours of the maps, by number: a package's by its section (Debian Policy, 2.4), a folder's by its path.
_LIBRARIES, _SYSTEM, _TOOLS, _LANGUAGES, _OWN, _REST = range(6)
_SECTIONS = {
    **dict.fromkeys(("libs", "oldlibs", "libdevel"), _LIBRARIES),
    **dict.fromkeys(("admin", "kernel", "metapackages"), _SYSTEM),
    **dict.fromkeys(("shells", "perl", "python", "interpreters"), _LANGUAGES),
}
_PACKAGES = ("Libraries", "System", "Tools", "Shells and interpreters", "Built, and laid in", "In no package")
_FOLDERS = (
    ("/usr/lib/systemd", _SYSTEM),
    ("/usr/bin", _TOOLS),
    ("/usr/sbin", _TOOLS),
    ("/usr/libexec", _TOOLS),
    ("/usr/local", _OWN),
    ("/usr/lib", _LIBRARIES),
    ("/usr/share", _LANGUAGES),
)
_FOLDER_NAMES = (
    "Libraries",
    "systemd",
    "Programs",
    "Shared data",
    "Local",
    "Configuration, state, other",
)


def main(argv: Sequence[str]) -> int:
    """Command line: --facts FILE --output FILE."""
    parser = argparse.ArgumentParser(prog="report", description=__doc__)
    parser.add_argument("--facts", type=Path, required=True, help="facts of the image")
    parser.add_argument("--measurements", type=Path, help="what `measurements` made of the image")
    parser.add_argument("--output", type=Path, required=True, help="HTML to write")
    options = parser.parse_args(argv)
    found = with_measurements(facts.load(options.facts), options.measurements)
    with atomic.output(options.output) as out:
        for part in page(found):
            out.write(f"{part}\n".encode())
    return 0


def page(found: Facts) -> Iterator[str]:
    """Yields the page, part by part."""
    image = found.image
    title = _text(image.target or image.name)
    script = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
    yield f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{title}</h1>"
    digest = f"<br><code>sha256:{_text(image.sha256)}</code>" if image.sha256 else ""
    about = [image.distribution, f"packages as of {image.created[:10]}", image.name]
    yield f'<p class="sub">{_text(" · ".join(part for part in about if part))}{digest}</p>\n</header>'
    files = sum(1 for _ in found.files())
    enabled = sum(1 for unit in found.units if unit.state.startswith("enabled"))
    yield '<div class="cards">'
    for value, what in (
        (_mib(image.tar_size), "unpacked"),
        (_mib(image.size), f"as {image.compression or 'a file'}"),
        (len(found.packages), "packages"),
        (f"{files:,}", "files"),
        (enabled, "enabled units"),
        (sum(1 for _, node in found.files() if is_setuid(node)), "setuid files"),
    ):
        yield f'<div class="card"><b>{value}</b><span>{_text(what)}</span></div>'
    yield "</div>"
    sections = list(_sections(found))
    links = "".join(f'<a href="#{key}">{key.capitalize()}</a>' for key, _, _, _ in sections)
    yield f'<nav><div class="links"><a href="#map">Map</a>{links}</div></nav>'
    yield '<section id="map"><h2>Bytes by package</h2>'
    yield from _map(_by_package(found), _PACKAGES, _kinds(found))
    yield "<h2>Bytes by folder</h2>"
    folders = _by_folder(found)
    yield from _map(folders, _FOLDER_NAMES, {item.name: _folder_kind(item.name) for item in folders})
    yield "</section>"
    for key, heading, columns, rows in sections:
        yield from _table(key, heading, columns, rows)
    yield "<footer>Made from the image and its lock alone; the same image gives the same page.</footer>"
    yield f"</main>\n<script>{SCRIPT}</script>\n</body>\n</html>"


type _Cell = tuple[str, str, str]  # class, what it is sorted by, HTML


def _sections(found: Facts) -> Iterator[tuple[str, str, Sequence[str], Sequence[Sequence[_Cell]]]]:
    largest = max((package.size for package in found.packages), default=1) or 1
    yield (
        "packages",
        "Packages",
        ("Name", "Version", "Bytes#", "Suite", "Licence", "SHA-256 of the .deb"),
        [
            (
                ("named", "", f"{_text(one.name)}<br><small>{_text(one.description)}</small>"),
                _plain(one.version),
                _size(one.size, largest),
                _plain(one.suite),
                ("long", "", f"<small>{_text(one.licence or 'not declared')}</small>"),
                _digest(one.deb_sha256),
            )
            for one in found.packages
        ],
    )
    built = [(path, node) for path, node in found.files() if node.label]
    yield (
        "built",
        "Built, and laid into the image",
        ("Path", "Target", "Bytes#", "SHA-256"),
        [
            (_code(f"/{path}"), _plain(node.label), _size(node.size), _digest(node.sha256))
            for path, node in built
        ],
    )
    yield (
        "units",
        "Units",
        ("Name", "State", "Listens", "From"),
        [
            (
                _plain(unit.name),
                (
                    "",
                    unit.state,
                    f'<span class="state {_text(unit.state.split("-")[0])}">{_text(unit.state)}</span>',
                ),
                ("code", "", "<br>".join(_text(value) for value in unit.listen)),
                _plain(found.owner(unit.path) if unit.path in found.paths else ""),
            )
            for unit in found.units
        ],
    )
    yield (
        "users",
        "Users",
        ("Name", "Number#", "Group#", "Home", "Shell", "Password"),
        [
            (
                _plain(user.name),
                _number(user.uid),
                _number(user.gid),
                _code(user.home),
                _code(user.shell),
                _plain("yes" if user.password else "none"),
            )
            for user in found.users
        ],
    )
    special = [(path, node) for path, node in found.files() if is_setuid(node) or capabilities(node)]
    yield (
        "rights",
        "Programs with special rights",
        ("Path", "Mode", "Owner", "Capabilities", "From"),
        [
            (
                _code(f"/{path}"),
                _code(f"{node.mode:04o}"),
                _plain(f"{node.uid}:{node.gid}"),
                _code(capabilities(node)),
                _plain(found.owner(path)),
            )
            for path, node in special
        ],
    )
    measured = {"SHA-256 of the image": found.image.sha256, "SHA-384 of the image": found.image.sha384}
    measured["SHA-256 of the lock"] = found.image.lock_sha256
    yield (
        "measurements",
        "Measurements",
        ("What", "Value"),
        [
            (("named", "", _text(name)), _code(value))
            for name, value in {**measured, **found.measurements}.items()
            if value
        ],
    )


def _table(key: str, heading: str, columns: Sequence[str], rows: Sequence[Sequence[_Cell]]) -> Iterator[str]:
    yield f'<section id="{key}"><h2>{_text(heading)} <small data-all="{len(rows)}">{len(rows)}</small></h2>'
    yield '<div class="scroll">'
    if not rows:
        yield '<p class="none">None.</p>'
    else:
        heads = "".join(
            f'<th scope="col" class="number">{_text(name[:-1])}</th>'
            if name.endswith("#")
            else f'<th scope="col">{_text(name)}</th>'
            for name in columns
        )
        yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
        for row in rows:
            yield f"<tr>{''.join(_td(*cell) for cell in row)}</tr>"
        yield "</tbody></table>"
    yield "</div></section>"


def _td(kind: str, sort: str, shown: str) -> str:
    of_kind = f' class="{kind}"' if kind else ""
    key = f' data-key="{_text(sort)}"' if sort else ""
    return f"<td{of_kind}{key}>{shown}</td>"


def _map(items: Sequence[Item], names: Sequence[str], kinds: Mapping[str, int]) -> Iterator[str]:
    """A treemap, each item in the colour of its kind, and what the colours mean."""
    yield f'<div class="map"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Treemap">'
    for item, box in treemap.lay_out(items, Box(0, 0, _WIDTH, _HEIGHT)):
        if min(box.width, box.height) < _SMALLEST:
            continue
        yield f'<g class="k{kinds[item.name]}">{_rect(box, "whole", f"{item.name}: {item.size:,} bytes")}'
        named = box.height > _HEAD + 2 and box.width > 34
        inner = box.inner(1.5, _HEAD if named else 0)
        for part, place in treemap.lay_out(item.parts, inner):
            if min(place.width, place.height) >= _SMALLEST:
                yield _rect(place, "part", f"{part.name}: {part.size:,} bytes")
                label = part.name.rpartition("/")[2]
                if place.height > 14 and place.width > 6.2 * len(label) + 6:
                    yield _label(place.x + 3, place.y + 11, label, "")
        if named:
            yield _label(box.x + 4, box.y + 12, _fitting(item.name.rpartition(":")[2], box.width - 8), "head")
        yield "</g>"
    yield "</svg></div>"
    sizes = [sum(item.size for item in items if kinds[item.name] == kind) for kind in range(len(names))]
    meanings = (
        f'<li class="k{kind}"><span class="key"></span>{_text(name)} <small>{_mib(size)}</small></li>'
        for kind, (name, size) in enumerate(zip(names, sizes, strict=True))
        if size
    )
    yield f'<ul class="legend">{"".join(meanings)}</ul>'


def _kinds(found: Facts) -> dict[str, int]:
    """Owner of a path → the number of its colour."""
    sections = {one.name: one.section.rpartition("/")[2] for one in found.packages}
    kinds = {}
    for path, node in found.files():
        owner = found.owner(path)
        if node.package:
            kinds[owner] = _SECTIONS.get(sections.get(owner, ""), _TOOLS)
        else:
            kinds[owner] = _OWN if node.label else _REST
    return kinds


def _folder_kind(folder: str) -> int:
    return next((kind for start, kind in _FOLDERS if f"{folder}/".startswith(f"{start}/")), _REST)


def _rect(box: Box, kind: str, title: str) -> str:
    return (
        f'<rect class="{kind}" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}"><title>{_text(title)}</title></rect>'
    )


def _label(x: float, y: float, text: str, kind: str) -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{of_kind}>{_text(text)}</text>'


def _fitting(text: str, width: float) -> str:
    """As much of a text as goes into so many pixels."""
    most = max(int(width / 6.9), 1)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _by_package(found: Facts) -> list[Item]:
    return _grouped(found, found.owner)


def _by_folder(found: Facts) -> list[Item]:
    return _grouped(found, lambda path: "/" + "/".join(path.split("/")[:-1][:_DEPTH]))


def _grouped(found: Facts, group: Callable[[str], str]) -> list[Item]:
    items: dict[str, Item] = {}
    for path, node in found.files():
        name = group(path)
        item = items.setdefault(name, Item(name, 0))
        item.size += node.size
        item.parts.append(Item(f"/{path}", node.size))
    return list(items.values())


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _plain(text: str) -> _Cell:
    return "", "", _text(text)


def _code(text: str) -> _Cell:
    return "code", "", _text(text)


def _digest(text: str) -> _Cell:
    """A digest in a line, of which the end is seen when one points at it."""
    return "digest", "", f'<code title="{_text(text)}">{_text(text)}</code>' if text else ""


def _number(value: int) -> _Cell:
    return "number", "", str(value)


def _size(size: int, largest: int = 0) -> _Cell:
    bar = f'<span class="bar" style="width:{100 * size / largest:.1f}%"></span>' if largest else ""
    return "number", str(size), f"{size:,}{bar}"


def _text(text: str) -> str:
    return html.escape(name_of(text))


if __name__ == "__main__":
    run(main)
