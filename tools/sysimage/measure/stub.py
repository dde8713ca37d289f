"""What systemd's stub makes of a unified kernel image, and measures (systemd 257: src/boot/stub.c, cpio.c).

The sections go into PCR 11 one by one: the name with its NUL, then the content. The kernel gets .ucode,
.initrd, and small archives of other sections as one initramfs, which it measures itself into PCR 9.
"""

from collections.abc import Iterator, Mapping

from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats.pe import PeFile

# In the order of src/fundamental/uki.c; .pcrsig is not measured.
_MEASURED = (
    ".linux",
    ".osrel",
    ".cmdline",
    ".initrd",
    ".ucode",
    ".splash",
    ".dtb",
    ".uname",
    ".sbat",
    ".pcrpkey",
)
# Of these the stub takes what fits the machine, or what was chosen at boot.
_BY_MACHINE = (".profile", ".dtbauto", ".hwids")
# Section → file in /.extra, in the order of the archives.
_EXTRA = {".pcrsig": "tpm2-pcr-signature.json", ".pcrpkey": "tpm2-pcr-public-key.pem", ".osrel": "os-release"}
_FILE, _FOLDER = 0o100444, 0o040555


def sections(uki: PeFile, where: str) -> dict[str, bytes]:
    """The sections of a unified kernel image. Raises ToolError if it is none that boots alike everywhere."""
    names = [section.name for section in uki.sections]
    if ".linux" not in names:
        raise ToolError(f"{where}: has no section .linux; name a unified kernel image, as ukify makes it")
    for name in _BY_MACHINE:
        if name in names:
            raise ToolError(
                f"{where}: has a section {name}, so that it boots otherwise on another machine; leave it out"
            )
    for name in (*_MEASURED, *_EXTRA):
        if names.count(name) > 1:
            raise ToolError(f"{where}: has {names.count(name)} sections {name}; make it with one")
    return {section.name: uki.content(section) for section in uki.sections}


def measured(found: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """What goes into PCR 11, of which each is an event: what it is, and the data."""
    for name in _MEASURED:
        if name in found:
            yield f"name of {name}", name.encode() + b"\0"
            yield f"section {name}", found[name]


def initramfs(found: Mapping[str, bytes]) -> bytes:
    """The initramfs that the kernel gets: archives, each padded to 4 bytes; b"" if there are none."""
    parts = [found[name] for name in (".ucode", ".initrd") if name in found]
    parts += [_archive(file, found[name]) for name, file in _EXTRA.items() if name in found]
    return b"".join(_padded(part) for part in parts)


def command_line(found: Mapping[str, bytes], where: str) -> str:
    """The command line that the kernel gets: .cmdline, trimmed, each control character a space."""
    try:
        text = found.get(".cmdline", b"").partition(b"\0")[0].decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError(f"{where}: its .cmdline is no UTF-8 ({error}); make it with ukify") from None
    return "".join(" " if char <= " " else char for char in text).strip(" ")


def _archive(name: str, content: bytes) -> bytes:
    """An archive of /.extra and a file in it, as cpio.c packs it."""
    return (
        _entry(1, _FOLDER, ".extra", b"")
        + _entry(2, _FILE, f".extra/{name}", content)
        + _entry(0, 0, "TRAILER!!!", b"")
    )


def _entry(inode: int, mode: int, name: str, content: bytes) -> bytes:
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    # The trailer's length is written in upper case, as in the source.
    digits = "X" if name == "TRAILER!!!" else "x"
    header = "070701" + "".join(f"{field:08{digits}}" for field in fields) + f"{name}\0"
    return _padded(header.encode()) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
