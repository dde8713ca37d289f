"""What debhelper adds to maintainer scripts: sections, between two comments that it recognises them by.

A kind of section is identified by the name of debhelper's tool and the SHA-256 of its normal form. An entry
in `sections.toml`, or in a ledger of the user, says what stands for it:

    [[section]]
    tool = "dh_installsysusers"  # or a list, for tools that add the same
    names = '…(…)…'      # finds the words that differ from package to package; absent if there are none
    sha256 = ["…"]       # one for each variant (versions of debhelper, options)
    effect = "sysusers"  # gets these words as `names`; absent if nothing of it outlives an installation

The normal form has a run of blanks as one space and neither comments nor empty lines. Wherever the words
stand that the group of `names` matches first, it has a placeholder. Where words of several kinds differ,
`names` is a list of expressions, taken in turn, and the effect gets the words of the first.
"""

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tools.sysimage.core.errors import ToolError

# Groups: the tool, its text.
MARKED = re.compile(
    r"^# Automatically added by (\w+)(?:/\S+)?\n(.*?)^# End automatically added section\n?",
    re.MULTILINE | re.DOTALL,
)
# A tab, since the normal form has no other.
_PLACEHOLDER = "\t"


@dataclass(frozen=True, slots=True)
class Section:
    """A kind of section, or several that do the same."""

    tool: str
    sha256: Collection[str]
    names: tuple[str, ...] = ()  # regular expressions with one group each
    effect: str = ""

    @classmethod
    def parse(cls, entry: dict[str, Any], where: str) -> list[Section]:
        """Reads an entry, for each of its tools. Raises ToolError if it says too little or too much."""
        where = f"{where}: section of {entry.get('tool')}"
        if not {"tool", "sha256"} <= set(entry) <= set(cls.__slots__) or not entry["sha256"]:
            raise ToolError(f"{where}: an entry has tool and sha256, and may have names and effect")
        names = entry.get("names", [])
        names = (names,) if isinstance(names, str) else tuple(names)
        for name in names:
            try:
                groups = re.compile(name).groups
            except re.error as error:
                raise ToolError(f"{where}: names: {error}; correct the regular expression") from error
            if groups != 1:
                raise ToolError(
                    f"{where}: names has {groups} groups; give it one, for the package's own words"
                )
        tools = [entry["tool"]] if isinstance(entry["tool"], str) else entry["tool"]
        return [cls(**entry | {"names": names, "tool": tool}) for tool in tools]

    def read(self, text: str) -> tuple[str, str]:
        """The SHA-256 of a text's normal form and the package's own words; "" if it has none to find."""
        lines = (re.sub(r"[ \t]+", " ", line).strip(" ") for line in text.split("\n"))
        text = "\n".join(line for line in lines if line and not line.startswith("#"))
        words = ""
        for names in self.names:
            match = re.search(names, text, re.MULTILINE)
            if match is None or not match[1]:
                return "", ""
            words = words or match[1]
            # Whole words only: an init script may be called "init", and be in /etc/init.d.
            text = re.sub(rf"(?<![\w.-]){re.escape(match[1])}(?![\w.-])", _PLACEHOLDER, text)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(), words

    def lines(self) -> str:
        """The lines of an entry that a person has to complete."""
        names = "# names = '…(…)…' if it has words of the package's own; the SHA-256 is another one then"
        if len(self.names) == 1:
            names = f"names = '''{self.names[0]}'''"
        elif self.names:
            names = f"names = [{', '.join(f"'''{name}'''" for name in self.names)}]"
        return (
            f'[[section]]\ntool = "{self.tool}"\n{names}\nsha256 = {json.dumps(list(self.sha256))}\n'
            'effect = "…, or leave this line out if nothing of it outlives an installation"\n'
        )
