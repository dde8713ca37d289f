"""Names that look like a misspelt one, for messages; apart from errors.py, since few tools need difflib."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean a, b?)` with the known names that look like `name`, or nothing."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.7)
    return f" (did you mean {', '.join(close)}?)" if close else ""
