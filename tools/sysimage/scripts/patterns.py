"""Pattern matching (XCU 2.14): in `case`, in `${x#…}`, and for names of files.

All ways that a pattern can match are followed at once, as bits of a number, so that no pattern takes
longer than its length times that of the text.
"""

import string
from functools import lru_cache

from tools.sysimage.scripts.marked import MARK, is_quoted, plain

_ANY, _STAR = "?", "*"
_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "digit": string.digits,
    "graph": "".join(map(chr, range(33, 127))),
    "lower": string.ascii_lowercase,
    "print": "".join(map(chr, range(32, 127))),
    "punct": string.punctuation,
    "space": string.whitespace,
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}

type _Table = bytes  # for each byte whether it matches: b"1" or b"0"
type _Token = _Table | None  # None is a star


def pattern(text: str) -> str:
    """Returns marked text as a pattern: what is quoted follows a backslash."""
    if text.isascii() and "\\" not in text:
        return text
    result, escape = [], True
    for char in text:
        if char == MARK:
            escape = True
        elif char == "\\":
            result.append(char)
            escape = False
        elif is_quoted(char):
            result.append("\\" + plain(char) if escape else plain(char))
            escape = True
        else:
            result.append(char)
            escape = True
    return "".join(result)


def matches(glob: str, text: str) -> bool:
    """Returns whether a pattern matches the whole text."""
    tokens = _compile(glob)
    return bool(_reach(tokens, text.encode("latin-1")) >> len(text) & 1)


def trim(glob: str, text: str, operator: str) -> str:
    """Returns the text without the prefix or suffix of `#`, `##`, `%` or `%%` (XCU 2.6.2)."""
    if "\0" in text:
        return _trim_fields(glob, text.split("\0"), operator)
    tokens, data = _compile(glob), text.encode("latin-1")
    if operator[0] == "%":
        tokens, data = tokens[::-1], data[::-1]
    reach = _reach(tokens, data)
    if not reach:
        return text
    longest = len(operator) == 2
    size = reach.bit_length() - 1 if longest else (reach & -reach).bit_length() - 1
    return text[size:] if operator[0] == "#" else text[: len(text) - size]


def _trim_fields(glob: str, fields: list[str], operator: str) -> str:
    """Trims `"$@"`: to dash, a field's end is the end of the text, but what follows it is cut off with it."""
    if operator[0] == "#":
        if operator == "##" and matches(glob, fields[0]):
            return ""
        return "\0".join([trim(glob, fields[0], operator), *fields[1:]])
    # The longest suffix is looked for in the first field alone, the shortest from the last one on.
    for index in [0] if operator == "%%" else range(len(fields) - 1, -1, -1):
        found = _suffix(glob, fields[index], operator)
        if found is not None:
            return "\0".join([*fields[:index], found])
    return "\0".join(fields)


def _suffix(glob: str, text: str, operator: str) -> str | None:
    """Returns text without a suffix, None if none matches."""
    return trim(glob, text, operator) if _reach(_compile(glob)[::-1], text.encode("latin-1")[::-1]) else None


def cost(glob: str, text: str) -> int:
    """Returns about how many steps of the machine a match is worth."""
    return len(glob) * len(text) >> 14


def has_meta(glob: str) -> bool:
    """Returns whether a component of a path is a pattern, as dash sees it."""
    position = unclosed = 0
    while position < len(glob):
        char = glob[position]
        if char in "*?":
            return True
        if char == "[" and position >= unclosed:
            # Up to where one has no end, others have none either.
            unclosed = _unclosed(glob, position + 1)
            if not unclosed:
                return True
        position += 2 if char == "\\" else 1
    return False


def _unclosed(glob: str, position: int) -> int:
    """Returns up to where what is after `[` has no end; 0 if it has one."""
    position += glob.startswith("!", position)
    while True:
        position += glob.startswith("\\", position)
        if position >= len(glob) or glob[position] == "/":
            return position
        position += 1
        if glob.startswith("]", position):
            return 0


def _reach(tokens: tuple[_Token, ...], data: bytes) -> int:
    """Returns the lengths of the prefixes that match, as bits."""
    every = (1 << (len(data) + 1)) - 1
    backwards = data[::-1]
    reach = 1
    for token in tokens:
        if token is None:
            reach = every & -(reach & -reach)
        else:
            reach = (reach & int(backwards.translate(token) or b"0", 2)) << 1
        if not reach:
            break
    return reach


@lru_cache(maxsize=1024)
def _compile(glob: str) -> tuple[_Token, ...]:
    tokens: list[_Token] = []
    endless: set[int] = set()
    position = 0
    while position < len(glob):
        char = glob[position]
        position += 1
        if char == _STAR:
            if not tokens or tokens[-1] is not None:
                tokens.append(None)
        elif char == _ANY:
            tokens.append(_EVERY)
        elif char == "[" and (found := _bracket(glob, position, endless)) is not None:
            tokens.append(found[0])
            position = found[1]
        else:
            if char == "\\" and position < len(glob):
                char = glob[position]
                position += 1
            tokens.append(_table_of(char))
    return tuple(tokens)


def _bracket(glob: str, position: int, endless: set[int]) -> tuple[_Table, int] | None:
    """Reads a bracket expression from after `[`: what it matches and where it ends. None without an end.

    From the places in `endless` none has an end. Where this one has none, its places are added, so that many
    of them are not each read to the end of the pattern.
    """
    places: list[int] = []
    inverted = glob.startswith("!", position)
    position += inverted
    chars: set[str] = set()
    first = True
    while position < len(glob) and (first or position not in endless):
        if not first:
            places.append(position)
        char = glob[position]
        position += 1
        if char == "]" and not first:
            return _table({chr(code) for code in range(256)} - chars if inverted else chars), position
        first = False
        if char == "[" and (found := _class(glob, position)) is not None:
            chars.update(_CLASSES[found])
            position += len(found) + 3
            continue
        if char == "\\" and position < len(glob):
            char = glob[position]
            position += 1
        if glob.startswith("-", position) and glob[position + 1 : position + 2] != "]":
            position += 1 + (glob[position + 1 : position + 2] == "\\")
            if position >= len(glob):
                break
            chars.update(map(chr, range(ord(char), ord(glob[position]) + 1)))
            position += 1
        else:
            chars.add(char)
    endless.update(places)
    return None


def _class(glob: str, position: int) -> str | None:
    for name in _CLASSES:
        if glob.startswith(f":{name}:]", position):
            return name
    return None


def _table(chars: set[str]) -> _Table:
    return bytes(ord("1") if chr(code) in chars else ord("0") for code in range(256))


@lru_cache(maxsize=256)
def _table_of(char: str) -> _Table:
    return _table({char})


_EVERY = b"1" * 256
