"""update-mime(8): /etc/mailcap, of what packages and desktop entries say they can show."""

import re
from collections.abc import Iterator, Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.tree import Kind

_CONFIGURATION, _ORDER = "/etc/update-mime.conf", "/etc/mailcap.order"
_MAILCAP, _FIRST_MAILCAP = "/etc/mailcap", "/usr/lib/mime/mailcap"
_ENTRIES, _APPLICATIONS = "/usr/lib/mime/packages", "/usr/share/applications"
_PRIORITY = 5
_PASSED_OVER = re.compile(r"(^|/)[.#]|~$")
_NOTHING = re.compile(rb"\s*(#|\Z)")
_MEDIA_TYPE = re.compile(rb"[a-zA-Z0-9*][a-zA-Z0-9!#$&^_.+-]*/[a-zA-Z0-9*][a-zA-Z0-9!#$&^_.+-]*;")
_KEY = re.compile(rb"(?i)(Terminal)=(\w+)|(Name|Icon)=(.+)|(Exec|TryExec)=(.*)")
_FORMAT = "is not in required format -- not updated\n"

type _Entry = tuple[int, bytes]
"""Priority, line of the mailcap."""


def update_mime(call: Call) -> int:
    """update-mime(8), as triggers of mailcap call it; what other packages' scripts call does nothing."""
    words = list(call.arguments)
    if words and words[0] != "--triggered":
        if call.variable("DPKG_RUNNING_VERSION") is not None:
            return 0
        call.refuse(f"update-mime {words[0]} is not modelled")
    if call.files.find(_CONFIGURATION) is not None:
        call.refuse(f"update-mime: {_CONFIGURATION} is not modelled")
    if any(not _NOTHING.match(line) for line in _lines(call, _ORDER)):
        call.refuse(f"update-mime: an order in {_ORDER} is not modelled")
    seen: set[str] = set()
    entries = [*_of_packages(call, seen), *_of_applications(call, seen)]
    entries.sort(key=lambda entry: (-entry[0], _generality(entry[1])))
    path = next((name for name in (_MAILCAP, _FIRST_MAILCAP) if call.files.find(name)), "")
    if not path:
        return 0
    head = _head(_lines(call, path))
    if head is None:
        call.machine.stream(2).write(f"Error: '{_MAILCAP}' {_FORMAT}".encode())
        return 0
    text = head + b"\n" + b"#" * 79 + b"\n\n" + b"".join(_written(entry) + b"\n" for _, entry in entries)
    call.files.write(f"{_MAILCAP}.new", text, call.umask(0o666))
    call.files.rename(f"{_MAILCAP}.new", _MAILCAP)
    return 0


def _lines(call: Call, path: str) -> list[bytes]:
    """The lines of a file without their newlines, none if it is not there."""
    if call.files.find(path) is None:
        return []
    return call.input(path).removesuffix(b"\n").split(b"\n")


def _named(call: Call, folder: str) -> list[str]:
    """The paths of what is in a folder, hidden ones left out, as Perl's glob sorts them."""
    inode = call.files.find(folder)
    if inode is None or inode.kind is not Kind.DIRECTORY:
        return []
    names = [name for name in call.files.names(folder) if not name.startswith(".")]
    return [f"{folder}/{name}" for name in sorted(names, key=lambda name: (name.lower(), name))]


def _kind(call: Call, path: str) -> Kind | None:
    inode = call.files.find(path)
    return inode.kind if inode else None


def _of_packages(call: Call, seen: set[str]) -> Iterator[_Entry]:
    for path in _named(call, _ENTRIES):
        if _PASSED_OVER.search(path) or _kind(call, path) is not Kind.FILE:
            continue
        seen.add(path.rpartition("/")[2])
        for line in _lines(call, path):
            if _NOTHING.match(line):
                continue
            if not _MEDIA_TYPE.match(line):
                call.complain(f"line not starting with a media type in {path}")
            found = re.search(rb"(?i)priority\s*=\s*(\d+)\s*(\Z|;)", line)
            priority = int(found[1]) if found else _PRIORITY
            yield priority if priority <= 9 else _PRIORITY, line


def _files_below(call: Call, folder: str) -> Iterator[str]:
    if _PASSED_OVER.search(folder):
        return
    paths = _named(call, folder)
    for path in paths:
        if _kind(call, path) is Kind.DIRECTORY:
            yield from _files_below(call, path)
    yield from (path for path in paths if _kind(call, path) is Kind.FILE)


def _of_applications(call: Call, seen: set[str]) -> Iterator[_Entry]:
    for path in _files_below(call, _APPLICATIONS):
        name = path.rpartition("/")[2].removesuffix(".desktop")
        if _PASSED_OVER.search(path) or not path.endswith(".desktop") or name in seen:
            continue
        seen.add(name)
        for line in _desktop_entry(_lines(call, path), name.encode("utf-8", "surrogateescape")):
            yield _PRIORITY, line


def _desktop_entry(lines: list[bytes], name: bytes) -> list[bytes]:
    """The lines of the mailcap for a desktop entry, none if it runs nothing or has no types."""
    keys: dict[bytes, bytes] = {b"name": name}
    types: list[bytes] = []
    inside = False
    for line in lines:
        if _NOTHING.match(line):
            continue
        if re.match(rb"\[.*\]\Z", line):
            inside = line == b"[Desktop Entry]"
        elif inside and (found := _KEY.match(line)):
            key, value = (part for part in found.groups() if part is not None)
            if key.lower() != b"terminal" or value == b"true":
                keys[key.lower()] = value
        elif inside and (found := re.search(rb"(?i)MimeType=(.*)", line)):
            types += filter(None, re.split(rb"\s*;\s*", found[1]))
    if b"exec" not in keys:
        return []
    command = re.sub(rb"((?:\\\\)*)\\?;", rb"\1\\;", keys[b"exec"])
    command = re.sub(rb"%[fFuU]", b"%s", command)
    if b"%s" not in command:
        command += b" %s"
    command = command.replace(b"%c", keys[b"name"]).replace(b"%i", b"--icon " + keys.get(b"icon", b""))
    tried = keys.get(b"tryexec")
    test = b"" if tried is None else b"test=command -v %s > /dev/null 2>&1" % tried
    if b"terminal" in keys:
        when = b"needsterminal" + (b"; " + test if test else b"")
    else:
        when = (test + b" && test" if test else b"test=test") + b' -n "$DISPLAY"'
    return [b"%s; %s; %s" % (kind, command, when) for kind in types]


def _generality(entry: bytes) -> int:
    """What is for one type comes before what is for more."""
    return (re.match(rb"\S+/\*", entry) is not None) + 2 * entry.startswith(b"*/")


def _head(lines: list[bytes]) -> bytes | None:
    """The mailcap up to the end of the user's part, None if it has none."""
    begun = False
    for at, line in enumerate(lines):
        if not begun:
            begun = re.match(rb"# ----- .* Begins ", line) is not None
        elif re.match(rb"# ----- .* Ends ", line):
            return b"".join(line + b"\n" for line in lines[: at + 1]).replace(b"install-mime", b"update-mime")
    return None


def _written(entry: bytes) -> bytes:
    entry = re.sub(rb"\s*priority\s*=\s*\d+\s*(\Z|;)", b"", entry, count=1)
    return re.sub(rb"\s*;\s*\Z", b"", entry, count=1)


COMMANDS: Mapping[str, Command] = {"update-mime": update_mime}
"""This family's commands by name."""
