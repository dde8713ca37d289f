"""locales' postinst: /etc/locale.gen, in which every locale is listed and none is wanted.

Nobody is asked, so that no locale is made; C.UTF-8 is in libc-bin.
"""

import re

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.root import Root

_SUPPORTED = "usr/share/i18n/SUPPORTED"
_GEN = "etc/locale.gen"


def locale_gen(root: Root, who: str, *, text: str) -> None:
    """Writes /etc/locale.gen unless there is one; `text` is the script, which has the file's head."""
    head = re.search(r"cat > \$LG << EOF\n(.*?)^EOF$", text, re.MULTILINE | re.DOTALL)
    if head is None:
        raise ToolError(f"{who}: the script writes no /{_GEN}; correct the ledger")
    if root.tree.find(_GEN) is not None:
        return
    root.need(_SUPPORTED, who)
    lines = [line.rstrip(" ") for line in root.text(_SUPPORTED).splitlines() if re.match("[a-zA-Z]", line)]
    # With no locale wanted, the script's search for it empties the first line that is blank but for "#".
    begin = re.sub(r"^[# ]*$", "", head[1], count=1, flags=re.MULTILINE)
    root.write(_GEN, begin + "".join(f"# {line}\n" for line in sorted(set(lines))), origin=who)
