"""ucf(1) and ucfr(1): configuration files that scripts install, and ucf's records of them.

Only what a first installation does: there is no older version, and nobody has changed anything.
"""

import hashlib
import re

from tools.sysimage.effects.files import copy
from tools.sysimage.effects.root import Root

_STATE = "var/lib/ucf"
_CALL = re.compile(r'^[ \t]*ucf "?/([^"\s]+)"? "?/([^"\s]+)"?$\s*^[ \t]*ucfr "?([^"\s]+)"? ', re.MULTILINE)


def ucf(root: Root, who: str, *, source: str, to: str, package: str = "") -> None:
    """Copies `source` to `to` unless something is there, and records it as a file of `package`."""
    inode = root.need(source, who)
    copy(root, who, source=source, to=to)
    copy(root, who, source=source, to=f"{_STATE}/cache/{f'/{to}'.replace('/', ':')}")
    digest = hashlib.md5(inode.read(), usedforsecurity=False).hexdigest()
    for name, line in (("hashfile", f"{digest}  /{to}"), ("registry", f"{package or who} \t /{to}")):
        text = root.text(f"{_STATE}/{name}")
        if f"{line}\n" not in text:
            root.write(f"{_STATE}/{name}", f"{text}{line}\n", origin=who)


def ucf_calls(root: Root, who: str, *, text: str) -> None:
    """Carries out the calls in a section of dh_ucf."""
    for source, to, package in _CALL.findall(text):
        ucf(root, who, source=source, to=to, package=package)
