"""What a long campaign says while it runs."""

import sys
import time
from collections.abc import Iterable, Iterator

_EVERY = 5.0  # seconds


def told[T](items: Iterable[T], count: int, what: str, every: float = _EVERY) -> Iterator[T]:
    """Yields the items; says on standard error every so many seconds how many of `count` are done."""
    last = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - last >= every:
            print(f"{what}: {number} of {count}", file=sys.stderr, flush=True)
            last = time.monotonic()
        yield item
