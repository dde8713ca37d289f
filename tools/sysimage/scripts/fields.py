"""Field splitting (XCU 2.6.5), as dash does it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_IFS = " \t\n"
_WHITE = DEFAULT_IFS + "\0"


@dataclass(slots=True)
class Region:
    """A part of a word that is the result of an expansion, to be split.

    `only_nul` is whether it is `"$@"`, which is split at the NUL between the arguments and nowhere else.
    """

    start: int
    end: int
    only_nul: bool


def split(text: str, regions: Sequence[Region], ifs: str, maximum: int = -1) -> list[str]:
    """Splits marked text into fields at the characters of IFS that are within regions.

    With a maximum, the last field is the rest, without white space of IFS at its end, as `read` has it.
    """
    return _Splitter(text, ifs, maximum).split(regions)


class _Splitter:
    def __init__(self, text: str, ifs: str, maximum: int) -> None:
        self._text = text
        self._ifs = ifs
        self._maximum = maximum
        self._fields: list[str] = []
        self._start = 0
        self._cut: int | None = None  # where white space at the end begins, of the last of a maximum
        self._only_nul = False

    def split(self, regions: Sequence[Region]) -> list[str]:
        for region in regions:
            after_nul, self._only_nul = self._only_nul, region.only_nul
            self._region(region, after_nul or region.only_nul)
        rest = self._text[self._start :]
        if not self._only_nul:
            if self._cut is not None:
                rest = self._text[self._start : self._cut]
            if not rest or rest[0] == "\0":
                return self._fields
        self._fields.append(rest.split("\0", 1)[0])
        return self._fields

    def _region(self, region: Region, nul: bool) -> None:
        text, chars = self._text, "\0" if region.only_nul else self._ifs + "\0"
        search = _separators(chars).search
        white = False  # the separator before was white space: what follows may belong to it
        position, end = region.start, region.end
        while position < end:
            if not white and self._maximum:
                found = search(text, position, end)
                if found is None:
                    return
                position = found.start()
            here, char = position, text[position]
            position += 1
            separates = char in chars
            blank = separates and char in _WHITE
            if not self._maximum:
                white = self._last(here, separates, blank, white)
                continue
            if white:
                self._start = position if separates else here
                if blank:
                    continue
                separates = False
            if not separates:
                white = False
                continue
            if not nul:
                white = blank
            if here == self._start and white:
                self._start, white = position, False
            else:
                self._end_field(here, position)

    def _end_field(self, here: int, position: int) -> None:
        if self._maximum > 0:
            self._maximum -= 1
            if not self._maximum:
                self._cut = here
                return
        self._fields.append(self._text[self._start : here])
        self._start = position

    def _last(self, here: int, separates: bool, blank: bool, white: bool) -> bool:
        """Goes on in the last field. Returns whether the separator before it may still take one more."""
        if blank:
            if self._cut is None:
                self._cut = here
            return white
        if not (separates and white):
            self._cut = None
        return False


@lru_cache(maxsize=64)
def _separators(chars: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(chars)}]")
