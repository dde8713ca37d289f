"""adduser.conf(5)."""

import re

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.options import Given

_DEFAULTS = {
    "DSHELL": "/bin/bash",
    "FIRST_SYSTEM_UID": "100",
    "LAST_SYSTEM_UID": "999",
    "FIRST_UID": "1000",
    "LAST_UID": "59999",
    "FIRST_SYSTEM_GID": "100",
    "LAST_SYSTEM_GID": "999",
    "FIRST_GID": "1000",
    "LAST_GID": "59999",
    "DHOME": "/home",
    "SKEL": "/etc/skel",
    "USERGROUPS": "yes",
    "USERS_GROUP": "users",
    "GROUPHOMES": "no",
    "LETTERHOMES": "no",
    "DIR_MODE": "0700",
    "SYS_DIR_MODE": "0755",
    "SETGID_HOME": "no",
    "NAME_REGEX": r"^[a-zA-Z][a-zA-Z0-9_-]*\$?$",
    "SYS_NAME_REGEX": r"^[A-Za-z_][-A-Za-z0-9_]*\$?$",
    "EXTRA_GROUPS": "users",
    "ADD_EXTRA_GROUPS": "0",
}


def configuration(call: Call, given: Given) -> dict[str, str]:
    """Returns what adduser.conf(5), or the files of --conf, say, with the defaults."""
    found = dict(_DEFAULTS)
    for path in given.values("conf") or ["/etc/adduser.conf"]:
        text = call.root.text(path.lstrip("/"))
        for key, value in re.findall(r"^\s*([A-Z_]+)\s*=\s*(.*?)\s*$", text, re.MULTILINE):
            found[key] = value.strip("\"'")
    for key in ("UID_POOL", "GID_POOL", "QUOTAUSER"):
        if found.get(key):
            call.refuse(f"adduser: {key} of its configuration is not modelled")
    return found
