"""base64, base32, uuencode, iconv, and gzip, xz and bzip2 as far as they unpack."""

import base64
import binascii
import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Mapping

from tools.sysimage.commands.call import Call, Command

_CODECS = re.compile(
    r"utf-?8|(us-)?ascii|ansi_x3\.4-1968|latin-?[19]|iso_?-?8859-?\d+|cp125\d|koi8-[ru]|utf-?16[lb]e"
)
_ALPHABETS = {
    "base64": (base64.b64encode, rb"[A-Za-z0-9+/]", 4),
    "base32": (base64.b32encode, rb"[A-Z2-7]", 8),
}


def base64_program(call: Call) -> int:
    """base64(1), base32(1); what is not padded at its end is read all the same."""
    given = call.options("-d --decode", "-i --ignore-garbage", "-w --wrap=")
    if len(given.operands) > 1:
        return call.complain(f"extra operand '{given.operands[1]}'")
    width = given.value("wrap", "76")
    if not width.isdigit():
        return call.complain(f"invalid wrap size: '{width}'")
    name = given.operands[0] if given.operands else "-"
    try:
        data = call.input(name)
    except OSError as error:
        return call.complain(f"{name}: {error.strerror}")
    encode, letter, group = _ALPHABETS[call.name]
    if "decode" in given:
        return _decode(call, data, letter, group, "ignore-garbage" in given)
    text = encode(data).decode()
    lines = re.findall(f".{{1,{width}}}", text) if int(width) else []
    call.out("".join(f"{line}\n" for line in lines) if int(width) else text)
    return 0


def uuencode(call: Call) -> int:
    """uuencode(1) of sharutils, with -m in base64."""
    given = call.options("-m --base64", "-e --encode-file-name")
    if "encode-file-name" in given or len(given.operands) not in (1, 2):
        call.refuse(f"uuencode: the words {' '.join(call.arguments)!r} are not modelled")
    mode = call.umask(0o666)
    try:
        if len(given.operands) == 2:
            mode = call.files.get(call.path(given.operands[0])).mode & 0o777
        data = call.input(given.operands[0] if len(given.operands) == 2 else "-")
    except OSError as error:
        what = f"fserr {error.errno} ({error.strerror}) performing 'freopen of stdin' on {given.operands[0]}"
        call.machine.stream(2).write(f"uuencode fatal error:\n{what}\n".encode("utf-8", "surrogateescape"))
        return 1
    name = given.operands[-1]
    if "base64" in given:
        text = base64.b64encode(data).decode()
        lines = "".join(f"{text[at : at + 60]}\n" for at in range(0, len(text), 60))
        call.out(f"begin-base64 {mode:o} {name}\n{lines}====\n")
        return 0
    rows = b"".join(binascii.b2a_uu(data[at : at + 45], backtick=True) for at in range(0, len(data), 45))
    call.out(f"begin {mode:o} {name}\n{rows.decode()}`\nend\n")
    return 0


def _decode(call: Call, data: bytes, letter: bytes, group: int, ignore: bool) -> int:
    """Decodes groups as long as they are good."""
    data = re.sub(rb"[^%b=]" % letter[1:-1] if ignore else rb"\n", b"", data)
    decode: Callable[[bytes], bytes] = base64.b64decode if group == 4 else base64.b32decode
    out = b""
    for at in range(0, len(data), group):
        part = data[at : at + group]
        body = part.rstrip(b"=")
        good = re.fullmatch(letter + b"+", body) and len(body) * (6 if group == 4 else 5) % 8 < (
            6 if group == 4 else 5
        )
        if not good or (len(part) < group and b"=" in part):
            if group == 4:
                # The bytes of an incomplete group are written up to where it goes wrong.
                head = re.match(letter + b"*", part)
                count = len(head[0]) if head else 0
                out += (
                    base64.b64decode((part[:count] + b"AAAA")[:4])[: max(0, count - 1)] if count > 1 else b""
                )
            call.out(out)
            return call.complain("invalid input")
        out += decode(body + b"=" * (group - len(body)))
    call.out(out)
    return 0


def decompress(call: Call) -> int:
    """gzip -d, gunzip, zcat, xz -d, unxz, xzcat, bunzip2, bzcat: to the output, or in the place of files."""
    given = call.options(
        "-d --uncompress --decompress",
        "-c --to-stdout --stdout",
        "-f --force",
        "-k --keep",
        "-q --quiet",
        "-n --no-name",
        "-t --test",
    )
    name = next(key for key, names in _DECOMPRESSORS.items() if call.name in names)
    if call.name == name and "decompress" not in given and "test" not in given:
        call.refuse(f"{call.name}: compressing is not modelled")
    to_output = "stdout" in given or call.name.endswith("cat") or not given.operands
    status = 0
    for operand in given.operands or ("-",):
        source = _source(call, operand, name)
        try:
            packed = call.input(source)
        except OSError as error:
            status = max(status, call.complain(f"{operand}: {error.strerror}"))
            continue
        suffixed = any(source.endswith(suffix) for suffix in _SUFFIXES[name])
        if not (to_output or operand == "-" or suffixed or "test" in given):
            if name == "bzip2":
                call.refuse(f"{call.name}: a name without a suffix is not modelled")
            call.complain(f"{source}: unknown suffix -- ignored")
            status = 2
            continue
        if name == "gzip" and to_output and "force" in given and packed[:2] != b"\x1f\x8b":
            call.out(packed)
            continue
        try:
            data = _UNPACK[name](packed)
        except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
            # What comes before the damage would be written, too.
            if _damaged(name, packed):
                call.refuse(f"{call.name}: {operand} is damaged ({error})")
            status = call.complain(f"{operand}: not in {name} format")
            continue
        if "test" in given:
            continue
        if to_output or operand == "-":
            call.out(data)
            continue
        status = max(status, _replace(call, source, name, data, "force" in given, "keep" in given))
    return status


def _damaged(name: str, packed: bytes) -> bool:
    return packed.startswith({"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ", "bzip2": b"BZh"}[name])


def _source(call: Call, operand: str, name: str) -> str:
    """Returns a file's name, with its suffix where only such a file is there."""
    suffix = _SUFFIXES[name][0]
    if operand != "-" and call.files.find(call.path(operand)) is None and name == "gzip":
        return f"{operand}{suffix}" if call.files.find(call.path(operand + suffix)) else operand
    return operand


def _replace(call: Call, source: str, name: str, data: bytes, force: bool, keep: bool) -> int:
    """Puts a file in the place of the packed one, with its owner and mode. 2 is a warning of gzip's."""
    suffix = next(suffix for suffix in _SUFFIXES[name] if source.endswith(suffix))
    target = source.removesuffix(suffix) + (".tar" if suffix.startswith(".t") else "")
    if not force and call.files.find(call.path(target)):
        call.complain(f"{target} already exists; not overwritten")
        return 2 if name == "gzip" else 1
    old = call.files.get(call.path(source))
    if call.files.find(call.path(target)):
        call.files.unlink(call.path(target))
    call.files.write(call.path(target), data, old.mode)
    made = call.files.get(call.path(target))
    made.uid, made.gid = old.uid, old.gid
    if not keep:
        call.files.unlink(call.path(source))
    return 0


_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "xz": lzma.decompress,
    "bzip2": bz2.decompress,
}
_SUFFIXES = {"gzip": (".gz", ".tgz"), "xz": (".xz", ".txz"), "bzip2": (".bz2", ".tbz2")}
_DECOMPRESSORS = {
    "gzip": ("gzip", "gunzip", "zcat"),
    "xz": ("xz", "unxz", "xzcat"),
    "bzip2": ("bzip2", "bunzip2", "bzcat"),
}


def iconv(call: Call) -> int:
    """iconv(1), of encodings that need no state."""
    given = call.options("-f --from-code=", "-t --to-code=", "-c", "-o --output=", "-s --silent")
    source, _, _ = given.value("from-code", "UTF-8").partition("//")
    target, _, how = given.value("to-code", "UTF-8").partition("//")
    for code in (source, target):
        if code and not _CODECS.fullmatch(code.lower()):
            call.refuse(f"iconv: the encoding {code!r} is not modelled")
    failed = False
    out = b""
    for name in given.operands or ("-",):
        try:
            data = call.input(name)
        except OSError as error:
            failed = bool(call.complain(f"cannot open input file '{name}': {error.strerror}"))
            continue
        text, good = _read(data, _codec(source))
        ignore = "c" in given or "IGNORE" in how
        if not good and ignore:
            text = data.decode(_codec(source), "ignore")
        written, fits = _written(text, _codec(target))
        if not fits and "TRANSLIT" in how:
            call.refuse("iconv: transliteration is not modelled")
        if not fits and ignore:
            written = text.encode(_codec(target), "ignore")
        out += written
        if not (good and fits):
            failed = bool(call.complain("cannot convert"))
            if not ignore:
                break
    if "output" in given:
        call.files.write(call.path(given.value("output")), out, call.umask(0o666))
    else:
        call.out(out)
    return 1 if failed else 0


def _codec(name: str) -> str:
    lower = name.lower() or "utf-8"
    return {"latin9": "iso8859-15", "latin-9": "iso8859-15", "ansi_x3.4-1968": "ascii"}.get(lower, lower)


def _read(data: bytes, codec: str) -> tuple[str, bool]:
    """Decodes, up to what is wrong."""
    try:
        return data.decode(codec), True
    except UnicodeDecodeError as error:
        return data[: error.start].decode(codec), False


def _written(text: str, codec: str) -> tuple[bytes, bool]:
    try:
        return text.encode(codec), True
    except UnicodeEncodeError as error:
        return text[: error.start].encode(codec), False


COMMANDS: Mapping[str, Command] = {
    **dict.fromkeys((name for names in _DECOMPRESSORS.values() for name in names), decompress),
    "base32": base64_program,
    "base64": base64_program,
    "iconv": iconv,
    "uuencode": uuencode,
}
"""This family's commands by name."""
