"""md5sum, sha256sum and their like, b2sum, cksum (GNU coreutils)."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.text_lines import inputs

_TAGS = {
    "md5": "MD5",
    "sha1": "SHA1",
    "sha224": "SHA224",
    "sha256": "SHA256",
    "sha384": "SHA384",
    "sha512": "SHA512",
    "b2": "BLAKE2b",
}
_LINE = re.compile(r"[ \t]*(\\?)([0-9a-fA-F]+)(?: [ *]|\t)(.+)")
_TAGGED = re.compile(r"[ \t]*(\\?)([A-Za-z0-9]+) \((.+)\) = ([0-9a-fA-F]+)")


@dataclass(frozen=True, slots=True)
class _Expected:
    name: str
    digest: str


def digest(algorithm: str, data: bytes) -> str:
    """Returns a sum in hexadecimal digits; `algorithm` is a program's name without "sum"."""
    if algorithm == "b2":
        return hashlib.blake2b(data).hexdigest()
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


def sums(call: Call) -> int:
    """md5sum(1), sha1sum(1) and others; -c checks."""
    given = call.options(
        "-b --binary", "-t --text", "-c --check", "--status", "--quiet", "-w --warn", "--strict",
        "--ignore-missing",
        "-z --zero", "--tag",
    )  # fmt: skip
    algorithm = call.name.removesuffix("sum")
    if "check" in given:
        return max([_check(call, algorithm, given, name) for name in given.operands or ("-",)])
    failed: list[int] = []
    for name, data in inputs(call, given.operands, failed):
        zero = "zero" in given
        escape = "\\" if re.search(r"[\\\n\r]", name) and not zero else ""
        shown = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r") if escape else name
        found = digest(algorithm, data)
        if "tag" in given:
            text = f"{escape}{_TAGS[algorithm]} ({shown}) = {found}"
        else:
            text = f"{escape}{found} {'*' if given.last('binary', 'text') == 'binary' else ' '}{shown}"
        call.out(text + ("\0" if zero else "\n"))
    return 1 if failed else 0


def _expected(algorithm: str, text: str) -> Iterator[_Expected | None]:
    """Yields what each line says; None for a line that says nothing."""
    length = len(digest(algorithm, b""))
    for line in (part.removesuffix("\r") for part in text.split("\n")):
        if not line or line.startswith("#"):
            continue
        tagged = _TAGGED.fullmatch(line)
        if tagged is not None and tagged[2] == _TAGS[algorithm]:
            escaped, name, found = tagged[1], tagged[3], tagged[4]
        elif match := _LINE.fullmatch(line):
            escaped, found, name = match.groups()
        else:
            yield None
            continue
        if len(found) != length:
            yield None
            continue
        if escaped:
            name = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), name)
        yield _Expected(name, found.lower())


def _check(call: Call, algorithm: str, given: Given, listing: str) -> int:
    failed: list[int] = []
    texts = [data.decode("utf-8", "surrogateescape") for _, data in inputs(call, [listing], failed)]
    if failed:
        return 1
    silent = "status" in given
    seen = bad = malformed = matched = 0
    for entry in _expected(algorithm, texts[0]):
        if entry is None:
            malformed += 1
            continue
        seen += 1
        try:
            data = call.input(entry.name)
        except OSError as error:
            if "ignore-missing" in given and error.errno == 2:
                continue
            bad += 1
            call.complain(f"{entry.name}: {error.strerror}")
            state = "FAILED open or read"
        else:
            good = digest(algorithm, data) == entry.digest
            matched += good
            bad += not good
            state = "OK" if good else "FAILED"
        if not silent and not (state == "OK" and "quiet" in given):
            escape = "\\" if re.search(r"[\n\r]", entry.name) or "\\" in entry.name else ""
            shown = entry.name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
            call.out(f"{escape}{shown}: {state}\n")
    if not seen:
        return call.complain(f"{listing}: no properly formatted checksum lines found")
    if malformed and not silent:
        call.complain(f"WARNING: {malformed} line{'s are' if malformed > 1 else ' is'} improperly formatted")
    if "ignore-missing" in given and not matched and not bad:
        return call.complain(f"{listing}: no file was verified")
    return 1 if bad or (malformed and "strict" in given) else 0


def cksum(call: Call) -> int:
    """cksum(1), with the sum that POSIX has."""
    given = call.options("-a --algorithm=", "--untagged")
    algorithm = given.value("algorithm", "crc")
    if algorithm not in ("crc", *_TAGS):
        call.refuse(f"cksum: the sum {algorithm!r} is not modelled")
    failed: list[int] = []
    for name, data in inputs(call, given.operands, failed):
        if algorithm == "crc":
            call.out(f"{_crc(data)} {len(data)}{f' {name}' if given.operands else ''}\n")
        elif "untagged" in given:
            call.out(f"{digest(algorithm, data)}  {name}\n")
        else:
            call.out(f"{_TAGS[algorithm]} ({name}) = {digest(algorithm, data)}\n")
    return 1 if failed else 0


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
        table.append(value & 0xFFFFFFFF)
    return table


_CRC = _crc_table()


def _crc(data: bytes) -> int:
    """The sum of cksum(1): a CRC of the bytes and of their number (XCU cksum)."""
    value = 0
    length = len(data)
    for byte in data + length.to_bytes((length.bit_length() + 7) // 8, "little"):
        value = ((value << 8) & 0xFFFFFFFF) ^ _CRC[(value >> 24) ^ byte]
    return value ^ 0xFFFFFFFF


COMMANDS: Mapping[str, Command] = {**dict.fromkeys((f"{name}sum" for name in _TAGS), sums), "cksum": cksum}
"""This family's commands by name."""
