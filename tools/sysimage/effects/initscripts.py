"""update-rc.d(8) defaults, as it works where systemd is the init system: fixed sequence numbers."""

import re

from tools.sysimage.effects.root import Root

_LEVELS = "0123456S"


def update_rc_d(root: Root, who: str, *, names: list[str]) -> None:
    """Links an init script into the run levels that its LSB header names."""
    for name in names:
        text = root.text(f"etc/init.d/{name}")
        if not text:
            continue
        for key, prefix in (("Start", "S"), ("Stop", "K")):
            match = re.search(rf"^# Default-{key}:[ \t]*(.*)$", text, re.MULTILINE)
            for level in match[1].split() if match else ():
                if level in _LEVELS:
                    root.link(f"etc/rc{level}.d/{prefix}01{name}", f"../init.d/{name}", who)
