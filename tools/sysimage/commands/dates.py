"""date(1) of GNU coreutils. There is no clock: it is the beginning of 1970, in UTC."""

import calendar
import re
import time
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command

_FORMAT = re.compile(r"%([-_0^#]*)(\d*)(:{0,3}z|[EO]?[a-zA-Z%])")
_PADDED = {**dict.fromkeys("dHIjmMSUVWgyCGY", "0"), **dict.fromkeys("ekl", " ")}
_DEFAULT = "%a %b %e %H:%M:%S %Z %Y"
_ISO = {
    "": "%Y-%m-%d",
    "date": "%Y-%m-%d",
    "hours": "%Y-%m-%dT%H+00:00",
    "minutes": "%Y-%m-%dT%H:%M+00:00",
    "seconds": "%Y-%m-%dT%H:%M:%S+00:00",
}
_RFC = {"date": "%Y-%m-%d", "seconds": "%Y-%m-%d %H:%M:%S+00:00"}
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?")


def date(call: Call) -> int:
    """date(1): what -d says of seconds since 1970, or of a day."""
    given = call.options(
        "-u --utc --universal", "-d --date=", "-R --rfc-email", "-I --iso-8601[=]", "--rfc-3339="
    )
    words = given.operands
    seconds = _seconds(call, given.value("date", "now"))
    if len(words) > 1 or (words and not words[0].startswith("+")):
        call.refuse("date: these arguments are not modelled")
    form = words[0][1:] if words else _DEFAULT
    kind = given.last("rfc-email", "iso-8601", "rfc-3339")
    if kind:
        forms = {"iso-8601": _ISO, "rfc-3339": _RFC}.get(kind, {"": "%a, %d %b %Y %H:%M:%S +0000"})
        if given.value(kind) not in forms or words:
            call.refuse(f"date: the format {given.value(kind)!r} is not modelled")
        form = forms[given.value(kind)]
    call.out(_FORMAT.sub(lambda match: _field(call, match, seconds), form) + "\n")
    return 0


def _seconds(call: Call, text: str) -> int:
    if text in ("now", "today", ""):
        return 0
    if re.fullmatch(r"@\d{1,12}", text):
        return int(text[1:])
    written = re.fullmatch(r"(?:\w{3} )?(\w{3} +\d+ \d\d:\d\d:\d\d) (?:UTC )?(\d{4})", text)
    if written:
        return calendar.timegm(time.strptime(f"{written[1]} {written[2]}", "%b %d %H:%M:%S %Y"))
    match = _DAY.fullmatch(text)
    if match is None:
        call.refuse(f"date: the time {text!r} is not modelled")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    found = calendar.timegm((year, month, day, hour, minute, second))
    if time.gmtime(found)[:6] != (year, month, day, hour, minute, second):
        call.refuse(f"date: the time {text!r} is not modelled")
    return found


def _field(call: Call, match: re.Match[str], seconds: int) -> str:
    flags, width, letter = match.groups()
    letter = letter[-1] if letter[:1] in "EO" and len(letter) > 1 else letter
    moment = time.gmtime(seconds)
    fixed = {
        "s": str(seconds),
        "N": "000000000"[: int(width or 9)],
        "n": "\n",
        "t": "\t",
        "%": "%",
        "Z": "UTC",
        "z": "+0000",
        ":z": "+00:00",
        "::z": "+00:00:00",
        ":::z": "+00",
        "q": str((moment.tm_mon + 2) // 3),
        "k": f"{moment.tm_hour:2}",
        "l": f"{(moment.tm_hour + 11) % 12 + 1:2}",
        "P": "am" if moment.tm_hour < 12 else "pm",
        "C": f"{moment.tm_year // 100:02}",
        "Y": f"{moment.tm_year:04}",
        "F": time.strftime("%Y-%m-%d", moment),
    }
    if letter not in fixed and letter not in "aAbBcdDegGhHIjmMprRSTuUVwWxXy":
        call.refuse(f"date: the format {match[0]} is not modelled")
    text = fixed.get(letter) or time.strftime(f"%{letter}", moment)
    if letter == "N":
        return text
    if (flags or width) and letter not in _PADDED and letter not in "aAbBhpPsuwZ":
        call.refuse(f"date: the format {match[0]} is not modelled")
    if "^" in flags:
        text = text.upper()
    if "#" in flags:
        text = text.lower() if letter in "pZ" else text.upper()
    pad = next((flag for flag in reversed(flags) if flag in "-_0"), "")
    if letter in _PADDED and (pad or width):
        size = len(text)
        text = text.lstrip("0 ") or "0"
        if pad == "-":
            return text
        fill = {"_": " ", "0": "0", "": _PADDED[letter]}[pad]
        return text.rjust(max(size, int(width or 0)) if not width else int(width), fill)
    return text.rjust(int(width or 0), "0" if pad == "0" or letter in "suw" else " ") if pad != "-" else text


COMMANDS: Mapping[str, Command] = {"date": date}
"""This family's commands by name."""
