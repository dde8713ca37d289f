"""The headers of tar archives, byte by byte: reads v7, ustar, GNU, star and pax, writes ustar with pax.

Follows POSIX.1-2024 pax(1), and where POSIX is silent, tar(5) of GNU and star. Names and extended attributes
are bytes here, since an archive does not say their encoding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

BLOCK = 512
MAX_EXTENSION = 1 << 24  # bytes of one extended header or long name; xattrs are at most 64 KiB each
ZEROS = bytes(BLOCK)
XATTR = b"SCHILY.xattr."

_GNU = b"ustar  \0"
_USTAR = b"ustar\0"
_STAR_TRAILER = b"tar\0"


class DamagedError(ValueError):
    """A header that no tar program writes. The message says what is wrong with it, not where it is."""


@dataclass(slots=True)
class TarHeader:
    """One entry's header. Its fields include the values of pax and GNU extensions before it."""

    name: bytes
    mode: int
    uid: int
    gid: int
    size: int  # bytes of data that follow, before padding
    type: bytes
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: dict[bytes, bytes] = field(default_factory=dict)
    # Of a sparse file: where its data belong, as (offset, size), and how long the file is.
    parts: list[tuple[int, int]] | None = None
    real_size: int = 0
    more_parts: bool = False  # the map goes on after the header (GNU) or leads the data (pax 1.0)


def parse(block: bytes) -> TarHeader:
    """Parses one header block. Raises DamagedError for a wrong checksum or a field that is no number."""
    checksum = _number(block[148:156], "checksum")
    # The checksum takes its own field for spaces. Some old tars summed signed bytes.
    rest = block[:148] + block[156:]
    if checksum != (unsigned := sum(rest) + 256) and checksum != unsigned - 256 * sum(b > 127 for b in rest):
        raise DamagedError("a header's checksum is wrong")
    name, kind = _text(block[:100]), block[156:157]
    header = TarHeader(
        name,
        _frequent(block[100:108], "mode"),
        _frequent(block[108:116], "uid"),
        _frequent(block[116:124], "gid"),
        _number(block[124:136], "size"),
        kind,
        _text(block[157:257]),
    )
    if block[257:263] == _USTAR or block[257:265] == _GNU:
        header.device = (_frequent(block[329:337], "devmajor"), _frequent(block[337:345], "devminor"))
    if block[257:263] == _USTAR:
        # star keeps times in the last bytes of the prefix; a trailer marks such headers.
        prefix = _text(block[345 : 476 if block[508:] == _STAR_TRAILER else 500])
        if prefix:
            header.name = prefix + b"/" + name
    elif kind == b"S" and block[257:265] == _GNU:
        header.parts = _old_sparse(block[386:482])
        header.more_parts = block[482] != 0
        header.real_size = _number(block[483:495], "realsize")
    if kind == b"S" and header.parts is None:
        raise DamagedError("a sparse file is not in GNU's format")
    if header.size < 0 or header.real_size < 0:
        raise DamagedError("a header's size is negative")
    return header


def parse_sparse_block(header: TarHeader, block: bytes) -> None:
    """Adds a block that continues the map of an old GNU sparse file. Raises DamagedError."""
    assert header.parts is not None
    header.parts += _old_sparse(block[:504])
    header.more_parts = block[504] != 0


def _old_sparse(table: bytes) -> list[tuple[int, int]]:
    parts = []
    for start in range(0, len(table), 24):
        if not table[start]:  # the table ends early
            break
        offset = _number(table[start : start + 12], "sparse offset")
        size = _number(table[start + 12 : start + 24], "sparse size")
        if offset < 0 or size < 0:
            raise DamagedError("a sparse file's map has a negative number")
        parts.append((offset, size))
    return parts


def parse_records(data: bytes) -> list[tuple[bytes, bytes]]:
    """The records of a pax extended header, in their order. Raises DamagedError."""
    records = []
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 20)
        length = data[position:space]
        if space < 0 or not length.isdigit():
            raise DamagedError("a pax header's record has no length")
        end = position + int(length)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= space or data[end - 1 : end] != b"\n" or not equals:
            raise DamagedError("a pax header's record is damaged")
        records.append((key, value))
        position = end
    return records


def apply_records(header: TarHeader, records: Sequence[tuple[bytes, bytes]]) -> None:
    """Lets pax records override a header's fields, as pax(1) asks. Raises DamagedError.

    Records of what an image does not keep (times, names of owners, comments) are ignored.
    """
    last = dict(records)
    header.name = last.get(b"path") or header.name
    header.link = last.get(b"linkpath") or header.link
    for key in ("uid", "gid", "size"):
        if value := last.get(key.encode()):
            setattr(header, key, _decimal(value, key))
    header.xattrs = {
        key.removeprefix(XATTR): value
        for key, value in last.items()
        if key.startswith(XATTR) and key != XATTR
    }
    _apply_sparse(header, records, last)


def _apply_sparse(
    header: TarHeader, records: Sequence[tuple[bytes, bytes]], last: dict[bytes, bytes]
) -> None:
    if not any(key.startswith(b"GNU.sparse.") for key in last):
        return
    header.name = last.get(b"GNU.sparse.name") or header.name
    real = last.get(b"GNU.sparse.realsize") or last.get(b"GNU.sparse.size")
    if real is None:
        raise DamagedError("a sparse file has no real size")
    header.real_size = _decimal(real, "GNU.sparse.realsize")
    if b"GNU.sparse.major" in last and _decimal(last[b"GNU.sparse.major"], "GNU.sparse.major"):
        header.parts, header.more_parts = [], True
        return
    if b"GNU.sparse.map" in last:
        numbers = [_decimal(part, "GNU.sparse.map") for part in last[b"GNU.sparse.map"].split(b",") if part]
    else:
        numbers = [
            _decimal(value, "GNU.sparse")
            for key, value in records
            if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes")
        ]
    header.parts = pairs(numbers)


def pairs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """(offset, size) for each two numbers of a sparse map. Raises DamagedError for an odd one out."""
    if len(numbers) % 2:
        raise DamagedError("a sparse file's map is damaged")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _decimal(value: bytes, name: str) -> int:
    if not value.isdigit() or len(value) > 20:
        raise DamagedError(f"{name} is {value[:40]!r}, which is no number")
    return int(value)


def _number(text: bytes, name: str) -> int:
    if text[0] & 0x80:  # GNU's base-256: the first byte's high bit marks it, the next is the sign
        value = int.from_bytes(text) & ((1 << (8 * len(text) - 1)) - 1)
        return value - (1 << (8 * len(text) - 1)) if text[0] & 0x40 else value
    digits = text.partition(b"\0")[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise DamagedError(f"{name} is {text!r}, which is no octal number")
    return int(digits or b"0", 8)


# An archive has few modes, owners and devices.
_frequent = lru_cache(1024)(_number)


def _text(text: bytes) -> bytes:
    return text.partition(b"\0")[0]


def build(header: TarHeader) -> bytes:
    """The header's bytes: one ustar block, after a pax header if a value does not fit it."""
    records: list[tuple[bytes, bytes]] = []
    prefix, name = _split(header.name)
    if name is None:
        records.append((b"path", header.name))
        name = header.name[:100]
    if len(header.link) > 100:
        records.append((b"linkpath", header.link))
    for key, number, digits in (
        (b"uid", header.uid, 7),
        (b"gid", header.gid, 7),
        (b"size", header.size, 11),
    ):
        if number >= 8**digits:
            records.append((key, b"%d" % number))
    # Last, since readers that split the records at line ends stumble over the bytes of an attribute.
    records += [(XATTR + key, header.xattrs[key]) for key in sorted(header.xattrs)]
    block = _block(header, name, header.link[:100], prefix)
    if not records:
        return block
    data = b"".join(_record(key, value) for key, value in records)
    extension = _block(TarHeader(b"", 0o644, 0, 0, len(data), b"x"), b"././@PaxHeader")
    return extension + data + bytes(-len(data) % BLOCK) + block


def _split(name: bytes) -> tuple[bytes, bytes | None]:
    if len(name) <= 100:
        return b"", name
    # Always the longest prefix that fits, so that a name is always written in the same way.
    slash = name.rfind(b"/", 0, min(156, len(name) - 1))
    if slash <= 0 or len(name) - slash - 1 > 100:
        return b"", None
    return name[:slash], name[slash + 1 :]


def _block(header: TarHeader, name: bytes, link: bytes = b"", prefix: bytes = b"") -> bytes:
    # Numbers that do not fit are 0 here; the pax header has them.
    uid, gid = (number if number < 8**7 else 0 for number in (header.uid, header.gid))
    numbers = (header.mode, uid, gid, header.size if header.size < 8**11 else 0, 0)
    start = name.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % numbers
    end = header.type + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(64)
    end += b"%07o\0%07o\0" % header.device + prefix.ljust(167, b"\0")
    # The checksum counts its own field as spaces.
    return start + b"%06o\0 " % (sum(start) + sum(end) + 8 * 0x20) + end


def _record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3  # space, equals sign, line end
    total = length + len(str(length))
    if len(str(total)) > len(str(length)):
        total += 1
    return b"%d %s=%s\n" % (total, key, value)
