"""Programs by which packages of daemons edit their own configuration: postconf, lighty-enable-mod."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command

# Defaults of postconf(5), as Debian builds Postfix.
_POSTFIX = {
    "alias_database": "hash:/etc/aliases",
    "command_directory": "/usr/sbin",
    "config_directory": "/etc/postfix",
    "daemon_directory": "/usr/lib/postfix/sbin",
    "default_transport": "smtp",
    "mail_owner": "postfix",
    "queue_directory": "/var/spool/postfix",
    "relay_transport": "relay",
    "setgid_group": "postdrop",
}
_LIGHTTPD = "/etc/lighttpd"


def postconf(call: Call) -> int:
    """postconf(1): -e, -X and -# edit main.cf; -h shows what it says of a parameter."""
    given = call.options("-e", "-h", "-X", "-#", "-c=", "-n", "-o=", "-x")
    path = f"{given.value('c', '/etc/postfix')}/main.cf"
    text = call.files.read(call.path(path)).decode("utf-8", "surrogateescape")
    if "h" in given and "e" not in given:
        for name in given.operands:
            match = re.search(rf"^{re.escape(name)}[ \t]*=[ \t]*(.*)$", text, re.MULTILINE)
            value = match[1] if match else _POSTFIX.get(name)
            if value is None or "$" in value:
                call.refuse(f"postconf -h {name}: its default is not modelled")
            call.out(f"{value}\n")
        return 0
    for word in given.operands:
        name, equals, value = (part.strip() for part in word.partition("="))
        old = re.search(rf"^{re.escape(name)}[ \t]*=.*(?:\n[ \t].*)*\n", text, re.MULTILINE)
        if "X" in given:
            new = ""
        elif "#" in given:
            new = f"#{old[0]}" if old else ""
        elif equals:
            new = f"{name} = {value}\n"
        else:
            call.refuse(f"postconf {' '.join(call.arguments)} is not modelled")
        text = f"{text[: old.start()]}{new}{text[old.end() :]}" if old else text + new
    call.files.write(call.path(path), text.encode("utf-8", "surrogateescape"))
    return 0


def lighty_enable_mod(call: Call) -> int:
    """lighty-enable-mod(1) and lighty-disable-mod(1): 2 for what is unknown or as it should be."""
    available = {
        name.partition("-")[2].removesuffix(".conf"): name
        for name in call.files.names(f"{_LIGHTTPD}/conf-available")
        if re.fullmatch(r"\d+-[\w.-]+\.conf", name)
    }
    status = 0
    todo = list(call.arguments)
    for name in todo:
        if name not in available:
            call.out(f"Ignoring unknown module: {name}\n")
            status = 2
        elif call.name == "lighty-disable-mod":
            if _is_enabled(call, available[name]):
                call.files.unlink(f"{_LIGHTTPD}/conf-enabled/{available[name]}")
        elif _is_enabled(call, available[name]):
            call.out("already enabled\n")
            status = 2
        else:
            for other in _needed(call, available[name]):
                if other not in available:
                    return call.complain(f"Unresolved dependency: {other}")
                if not _is_enabled(call, available[other]):
                    call.out(f"Met dependency: {other}\n")
                    todo.append(other)
            target = f"{_LIGHTTPD}/conf-enabled/{available[name]}"
            call.files.make_symlink(f"../conf-available/{available[name]}", target)
            call.out(f"Enabling {name}: ok\n")
    return status


def _is_enabled(call: Call, name: str) -> bool:
    return call.files.find(f"{_LIGHTTPD}/conf-enabled/{name}", follow=False) is not None


def _needed(call: Call, name: str) -> list[str]:
    text = call.files.read(f"{_LIGHTTPD}/conf-available/{name}").decode("utf-8", "replace")
    lists = re.findall(r"# -\*- depends: ([-\w, ]+) -\*-", text)
    return [other for found in lists for other in re.split(r",\s+", found)]


COMMANDS: Mapping[str, Command] = {
    "lighty-disable-mod": lighty_enable_mod,
    "lighty-enable-mod": lighty_enable_mod,
    "postconf": postconf,
}
"""This family's commands by name."""
