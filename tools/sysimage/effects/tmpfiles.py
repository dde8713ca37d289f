"""tmpfiles.d(5), as `systemd-tmpfiles --create` of systemd 257 applies it without --boot.

What needs a running system is left to the boot, which applies every file again: device nodes, lines
below /dev, /proc and /sys, credentials, and specifiers that only a booted machine can fill in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import tmpfiles_lines
from tools.sysimage.effects.root import Root
from tools.sysimage.effects.tmpfiles_apply import FailedError, apply
from tools.sysimage.effects.tmpfiles_lines import GLOBS, OWNING, FatalLineError, InvalidLineError, Line

_FOLDERS = ("etc/tmpfiles.d", "run/tmpfiles.d", "usr/local/lib/tmpfiles.d", "usr/lib/tmpfiles.d")
_DATA_ERROR, _CANT_CREATE = 65, 73  # of sysexits(3head)


@dataclass(slots=True)
class Created:
    """What came of lines: the status of systemd-tmpfiles, and its complaints."""

    status: int = 0
    complaints: list[str] = field(default_factory=list)


def tmpfiles(root: Root, who: str, *, names: list[str]) -> None:
    """Applies these files of tmpfiles.d, each from the folder with the highest priority.

    A line whose user or group is not there is passed over, as systemd-tmpfiles does. Raises ToolError for a
    file that is not there, a line that tmpfiles.d(5) does not allow, or that can't be applied.
    """
    done = create(root, who, names)
    wrong = [text for text in done.complaints if "Failed to resolve " not in text]
    if wrong:
        raise ToolError(f"{wrong[0]}; correct the package or the file")


def find(root: Root, name: str) -> str | None:
    """The path of a file of tmpfiles.d, None if no folder has it; an absolute one is a file itself."""
    paths = [name.lstrip("/")] if name.startswith("/") else [f"{folder}/{name}" for folder in _FOLDERS]
    return next((path for path in paths if root.tree.find(path)), None)


def all_names(root: Root) -> list[str]:
    """The names of all files of tmpfiles.d, in the order in which they are read."""
    found = {path.rpartition("/")[2] for folder in _FOLDERS for path in root.tree.children(folder)}
    return sorted(name for name in found if name.endswith(".conf"))


def create(root: Root, who: str, names: list[str]) -> Created:
    """As `tmpfiles`; what systemd-tmpfiles only complains of is in what it returns."""
    files: list[tuple[str, str]] = []
    for name in names:
        path = find(root, name)
        if path is None:
            raise ToolError(f"{who} needs tmpfiles.d/{name}, which no package of the set has; add it")
        files.append((path, root.text(path)))
    return create_from(root, who, files)


def create_from(root: Root, who: str, files: list[tuple[str, str]]) -> Created:
    """Applies the lines of texts, each with the path to name in complaints."""
    done = Created()
    fixed: dict[str, list[Line]] = {}
    globs: dict[str, list[Line]] = {}
    for path, text in files:
        for number, raw in enumerate(text.split("\n"), 1):
            stripped = raw.strip(" \t\n\r")
            if not stripped or stripped.startswith("#"):
                continue
            try:
                line = tmpfiles_lines.parse(root, stripped)
            except InvalidLineError as error:
                done.complaints.append(f"/{path}:{number}: not a line of tmpfiles.d(5): {error}: {raw!r}")
                done.status = _DATA_ERROR
                continue
            except FatalLineError as error:
                return Created(1, [f"/{path}:{number}: not a line of tmpfiles.d(5): {error}: {raw!r}"])
            if line is not None:
                _collect(globs if line.type in GLOBS else fixed, line)
    for line in [*_ordered(fixed, globs, fixed), *_ordered(fixed, globs, globs)]:
        try:
            apply(root, who, line)
        except FailedError as error:
            if "-" not in line.modifiers:
                done.complaints.append(f"line {line.type} of tmpfiles.d: {error}")
                done.status = done.status or _CANT_CREATE
    return done


def _collect(into: dict[str, list[Line]], line: Line) -> None:
    """Takes a line unless its path has one already that makes something else of it."""
    lines = into.setdefault(line.path, [])
    for other in lines:
        same = not (other.type in OWNING and line.type in OWNING) or other.meaning() == line.meaning()
        both_append = all(one.type == "w" and "+" in one.modifiers for one in (other, line))
        if not same and not both_append:
            return
    lines.append(line)
    lines.sort(key=lambda one: (one.type not in OWNING, one.type))


def _ordered(
    fixed: dict[str, list[Line]], globs: dict[str, list[Line]], chosen: dict[str, list[Line]]
) -> Iterator[Line]:
    """The lines of `chosen`, what is closest above a path before it. None comes twice in all calls."""
    done = set[int]()

    def visit(path: str, lines: list[Line]) -> Iterator[Line]:
        # To systemd-tmpfiles, the root is above nothing.
        above = path.rpartition("/")[0]
        while above:
            parent = fixed.get(above) or globs.get(above)
            if parent is not None:
                yield from visit(above, parent)
                break
            above = above.rpartition("/")[0]
        for line in lines:
            if id(line) not in done:
                done.add(id(line))
                yield line

    if chosen is globs:
        for path, lines in fixed.items():
            done.update(id(line) for line in visit(path, lines))
    for path, lines in chosen.items():
        yield from visit(path, lines)


def clean(root: Root) -> None:
    """Empties /tmp, and /run but for /run/lock, where /var/lock leads: a running system makes its own."""
    for path in (*root.tree.children("run"), *root.tree.children("tmp")):
        if path != "run/lock":
            root.tree.remove(path)
