"""Redirections (XCU 2.7)."""

import errno
import os

from tools.sysimage.scripts.failures import ShellError
from tools.sysimage.scripts.files import Access, FileType
from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.streams import Full, Null, OpenFile, Source, Stream
from tools.sysimage.scripts.syntax import HereDocument, Redirect

_DEVICES: dict[str, type[Null]] = {"/dev/null": Null, "/dev/full": Full}
UUID = "/proc/sys/kernel/random/uuid"
RANDOM = ("/dev/random", "/dev/urandom", UUID)
"""Files of which nothing in an image may come: all guests would share it."""
_DESCRIPTORS = 10  # those that a script can name
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_MESSAGES = {errno.ENOENT: "No such file", errno.ENOTDIR: "No such file"}
_CREATE_MESSAGES = {errno.ENOENT: "Directory nonexistent", errno.ENOTDIR: "Directory nonexistent"}


def expand(machine: Machine, redirects: tuple[Redirect, ...]) -> list[tuple[Redirect, str]]:
    """Expands the targets of redirections; here-documents follow when they are opened."""
    result = []
    for redirect in redirects:
        text = ""
        if redirect.document is None:
            text = machine.expander.text(redirect.target)
            if redirect.operator in ("<&", ">&") and text != "-" and not (len(text) == 1 and text.isdigit()):
                if not machine.bash or redirect.operator == "<&" or redirect.fd != 1:
                    raise ShellError("Syntax error: Bad fd number")
                result.append((Redirect("&>", 1, redirect.target), text))
                continue
        result.append((redirect, text))
    return result


def apply(machine: Machine, redirects: list[tuple[Redirect, str]]) -> None:
    """Does redirections, and remembers what they replace. Raises ShellError."""
    if not redirects:
        return
    saved: dict[int, Stream | None] = {}
    machine.redirections.append(saved)
    for redirect, text in redirects:
        if redirect.operator in ("<&", ">&"):
            stream = _duplicate(machine, text)
        elif redirect.operator == "<<<":
            stream = Source(f"{text}\n".encode("latin-1"))
        elif redirect.document is not None:
            stream = Source(_document(machine, redirect.document).encode("latin-1"))
        else:
            stream = _open(machine, redirect.operator.removeprefix("&"), text)
        for fd in (1, 2) if redirect.operator[0] == "&" else (redirect.fd,):
            saved.setdefault(fd, machine.descriptors.get(fd))
            if stream is None:
                machine.descriptors.pop(fd, None)
            else:
                machine.descriptors[fd] = stream


def keep(machine: Machine) -> None:
    """Makes the last redirections permanent, as `exec` does."""
    machine.redirections.pop()


def _document(machine: Machine, document: HereDocument) -> str:
    if document.quoted:
        return "".join(part for part in document.body if isinstance(part, str))
    try:
        return machine.expander.document(document.body)
    except ShellError:
        # dash leaves the pipe open that it has made before: both ends, where descriptors are free.
        free = [number for number in range(_DESCRIPTORS) if number not in machine.descriptors]
        if not machine.bash:
            machine.descriptors |= dict(zip(free, (Source(), Null()), strict=False))
        raise


def _duplicate(machine: Machine, text: str) -> Stream | None:
    if text == "-":
        return None
    stream = machine.descriptors.get(int(text))
    if stream is None:
        raise ShellError(f"{text}: Bad file descriptor")
    return stream


def _open(machine: Machine, operator: str, name: str) -> Stream:
    if device := _device(machine, name):
        return device
    write, read = operator != "<", operator in ("<", "<>")
    create = write
    status = machine.stat(name)
    protected = operator == ">" and machine.option("C")
    if protected and status is not None and status.kind is FileType.FILE:
        raise ShellError(f"cannot create {name}: File exists")
    access = Access(
        read=read,
        write=write,
        create=create,
        exclusive=protected and status is None,
        truncate=operator in (">", ">|"),
        mode=0o666 & ~machine.umask,
    )
    try:
        if not name:
            raise FileNotFoundError(errno.ENOENT, "No such file")
        content = machine.files.open(machine.path(name), access)
    except OSError as error:
        verb, messages = ("create", _CREATE_MESSAGES) if create else ("open", _MESSAGES)
        reason = messages.get(error.errno or 0) or os.strerror(error.errno or errno.EIO)
        raise ShellError(f"cannot {verb} {name}: {reason}") from None
    return OpenFile(content, machine.meter, read=read, write=write, append=operator == ">>")


def _device(machine: Machine, name: str) -> Stream | None:
    if name in RANDOM:
        return machine.random(machine, name)
    if not name.startswith("/dev/"):
        return None
    if name in _DEVICES:
        return _DEVICES[name]()
    number = _STANDARD.get(name)
    if number is None and name.startswith("/dev/fd/") and name[8:].isdigit():
        number = int(name[8:])
    if number is None:
        return None
    stream = machine.descriptors.get(number)
    if stream is None:
        raise ShellError(f"cannot open {name}: No such file")
    return stream
