"""What dash makes of words that it only skips."""

from tools.sysimage.scripts.marked import MARK, is_quoted
from tools.sysimage.scripts.syntax import Parameter, Word


def left_by_tilde(part: Parameter) -> Word | None:
    """What dash takes out of `${unset+~${x-y}word}`, which it skips: the inner one ends the tilde's name.

    What comes after that stands in the parameter's place, and ends the whole word. None without that.
    """
    word = part.word
    first = word[0] if word else ""
    if part.operator not in ("-", "+") or not isinstance(first, str) or not first.startswith("~"):
        return None
    for index, inner in enumerate(word):
        if isinstance(inner, str) and any(char in "/" or char == MARK or is_quoted(char) for char in inner):
            return None
        if isinstance(inner, Parameter) and inner.operator:
            return word[index + 1 :]
        if not isinstance(inner, str | Parameter):
            return None
    return None
