"""Accounts of files of sysusers.d(5).

The date of the last password change stays empty, as systemd writes it for SOURCE_DATE_EPOCH=0: the date of a
build is nothing that an image should tell.
"""

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.account_table import Table
from tools.sysimage.effects.root import Root
from tools.sysimage.effects.sysusers import apply
from tools.sysimage.effects.sysusers_lines import Item, lines, parse

__all__ = ["Item", "Table", "apply", "lines", "parse", "sysusers"]

FOLDERS = ("etc/sysusers.d", "run/sysusers.d", "usr/local/lib/sysusers.d", "usr/lib/sysusers.d")
"""Where files of sysusers.d are, those first that come before others of their name."""


def sysusers(root: Root, who: str, *, names: list[str]) -> None:
    """Makes the accounts of these files of sysusers.d.

    Raises ToolError for a file that is not there or a line that sysusers.d(5) does not allow.
    """
    items: list[Item] = []
    for name in names:
        path = next((f"{folder}/{name}" for folder in FOLDERS if root.tree.find(f"{folder}/{name}")), None)
        if path is None:
            raise ToolError(f"{who} needs sysusers.d/{name}, which no package of the set has; add it")
        items += [parse(root, line, f"/{path}:{number}") for number, line in lines(root.text(path))]
    apply(root, who, items)
