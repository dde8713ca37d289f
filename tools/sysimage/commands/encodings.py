"""md5sum, sha256sum and their like, base64, od, gzip -d, iconv, echo and printf as programs."""

import base64
import bz2
import gzip
import hashlib
import lzma
import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.text_lines import inputs
from tools.sysimage.scripts import builtin_output
from tools.sysimage.scripts.marked import inward

_SUMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


def sums(call: Call) -> int:
    """md5sum(1), sha1sum(1) and others; -c checks."""
    given = call.options(
        "-b --binary",
        "-t --text",
        "-c --check",
        "--status",
        "-q --quiet",
        "-w --warn",
        "--strict",
        "--ignore-missing",
        "-z --zero",
    )
    algorithm = call.name.removesuffix("sum")
    failed: list[int] = []
    if "check" in given:
        return _check(call, algorithm, given.operands, "status" in given, "quiet" in given)
    for name, data in inputs(call, given.operands, failed):
        digest = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
        mark = "*" if given.last("binary", "text") == "binary" else " "
        escape = "\\" if "\\" in name or "\n" in name else ""
        shown = name.replace("\\", "\\\\").replace("\n", "\\n")
        call.out(f"{escape}{digest} {mark}{shown}" + ("\0" if "zero" in given else "\n"))
    return 1 if failed else 0


def _check(call: Call, algorithm: str, names: tuple[str, ...], silent: bool, quiet: bool) -> int:
    status, checked = 0, 0
    failed: list[int] = []
    for _, data in inputs(call, names, failed):
        for line in data.decode("utf-8", "surrogateescape").splitlines():
            match = re.fullmatch(r"([0-9a-fA-F]+) [ *](.+)", line)
            if match is None:
                continue
            checked += 1
            try:
                content = call.input(match[2])
            except OSError:
                status = 1
                if not silent:
                    call.out(f"{match[2]}: FAILED open or read\n")
                continue
            good = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() == match[1].lower()
            status = status if good else 1
            if not silent and not (good and quiet):
                call.out(f"{match[2]}: {'OK' if good else 'FAILED'}\n")
    return 1 if failed or not checked else status


def base64_program(call: Call) -> int:
    """base64(1)."""
    given = call.options("-d --decode", "-i --ignore-garbage", "-w --wrap=")
    data = call.input(given.operands[0] if given.operands else "-")
    if "decode" in given:
        try:
            call.out(base64.b64decode(data.replace(b"\n", b""), validate="ignore-garbage" not in given))
        except ValueError:
            return call.complain("invalid input")
        return 0
    text = base64.b64encode(data).decode()
    width = int(given.value("wrap", "76"))
    lines = re.findall(f".{{1,{width}}}", text) if width else [text]
    call.out("".join(f"{line}\n" for line in lines) if width else text)
    return 0


def decompress(call: Call) -> int:
    """gzip -d, gunzip, zcat, xz -d, unxz, xzcat, bunzip2, bzcat: to the output, or in the place of files."""
    given = call.options(
        "-d --uncompress --decompress",
        "-c --stdout --to-stdout",
        "-f --force",
        "-k --keep",
        "-q --quiet",
        "-n --no-name",
        "-t --test",
    )
    kinds = {"gzip": ("gz", gzip.decompress), "xz": ("xz", lzma.decompress), "bzip2": ("bz2", bz2.decompress)}
    name = next(key for key, names in _DECOMPRESSORS.items() if call.name in names)
    suffix, function = kinds[name]
    if call.name == name and "decompress" not in given and "test" not in given:
        call.refuse(f"{call.name}: compressing is not modelled")
    to_output = "stdout" in given or call.name.endswith("cat") or not given.operands
    for operand in given.operands or ("-",):
        try:
            data = function(call.input(operand))
        except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
            return call.complain(f"{operand}: {error}")
        if "test" in given:
            continue
        if to_output:
            call.out(data)
            continue
        target = operand.removesuffix(f".{suffix}")
        call.files.write(call.path(target), data, call.files.get(call.path(operand)).mode)
        if "keep" not in given:
            call.files.unlink(call.path(operand))
    return 0


_DECOMPRESSORS = {
    "gzip": ("gzip", "gunzip", "zcat"),
    "xz": ("xz", "unxz", "xzcat"),
    "bzip2": ("bzip2", "bunzip2", "bzcat"),
}


def od(call: Call) -> int:
    """od(1) with -A n or -An, -t x1, o1, u1, c, -v, -N, -j; and hexdump is not."""
    given = call.options(
        "-A --address-radix=",
        "-t --format=",
        "-v --output-duplicates",
        "-N --read-bytes=",
        "-j --skip-bytes=",
        "-c",
        "-b",
        "-w --width[=]",
    )
    form = "c" if "c" in given else "o1" if "b" in given else given.value("format", "o2")
    if form not in ("x1", "o1", "u1", "c") or given.value("address-radix", "o") not in ("n", "o"):
        call.refuse(f"od: the format {form!r} is not modelled")
    data = b"".join(call.input(name) for name in given.operands or ("-",))
    data = data[int(given.value("skip-bytes", "0")) :]
    if "read-bytes" in given:
        data = data[: int(given.value("read-bytes"))]
    width = int(given.value("width") or 16)
    show = {
        "x1": lambda b: f" {b:02x}",
        "o1": lambda b: f" {b:03o}",
        "u1": lambda b: f" {b:3}",
        "c": _character,
    }[form]
    address = given.value("address-radix", "o") == "o"
    previous = b""
    starred = False
    for at in range(0, len(data), width):
        row = data[at : at + width]
        if row == previous and len(row) == width and "output-duplicates" not in given and at:
            if not starred:
                call.out("*\n")
            starred = True
            continue
        starred, previous = False, row
        call.out((f"{at:07o}" if address else "") + "".join(show(byte) for byte in row) + "\n")
    if address:
        call.out(f"{len(data):07o}\n")
    return 0


def _character(byte: int) -> str:
    names = {0: "\\0", 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
    if byte in names:
        return f"  {names[byte]}"
    return f"   {chr(byte)}" if 32 <= byte < 127 else f" {byte:03o}"


def iconv(call: Call) -> int:
    """iconv(1)."""
    given = call.options("-f --from-code=", "-t --to-code=", "-c", "-o --output=", "-s --silent")
    data = b"".join(call.input(name) for name in given.operands or ("-",))
    target, _, how = given.value("to-code", "UTF-8").partition("//")
    try:
        text = data.decode(given.value("from-code", "UTF-8"), "ignore" if "c" in given else "strict")
        out = text.encode(target or "UTF-8", "ignore" if "c" in given or "IGNORE" in how else "strict")
    except (UnicodeError, LookupError) as error:
        if "TRANSLIT" in how:
            call.refuse("iconv: transliteration is not modelled")
        return call.complain(str(error))
    if "output" in given:
        call.files.write(call.path(given.value("output")), out, call.umask(0o666))
    else:
        call.out(out)
    return 0


def echo(call: Call) -> int:
    """echo(1) of coreutils: escapes with -e alone."""
    words = list(call.arguments)
    newline, escapes = True, False
    while words and re.fullmatch("-[neE]+", words[0]):
        word = words.pop(0)
        newline = newline and "n" not in word
        escapes = "e" in word or (escapes and "E" not in word)
    text = " ".join(words)
    if escapes and "\\" in text:
        # The shell's own reads them so.
        return builtin_output.echo(
            call.machine, ["echo", *(["-n"] if not newline else []), inward(text)], False
        )
    call.out(text + ("\n" if newline else ""))
    return 0


def printf(call: Call) -> int:
    """printf(1)."""
    return builtin_output.printf(call.machine, ["printf", *map(inward, call.arguments)], False)


COMMANDS: Mapping[str, Command] = {
    **dict.fromkeys((f"{name}sum" for name in _SUMS), sums),
    **dict.fromkeys((name for names in _DECOMPRESSORS.values() for name in names), decompress),
    "base64": base64_program,
    "echo": echo,
    "iconv": iconv,
    "od": od,
    "printf": printf,
}
"""This family's commands by name."""
