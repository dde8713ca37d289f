"""pam-auth-update(8): /etc/pam.d/common-* from the profiles in /usr/share/pam-configs."""

import re

from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.root import Root

KINDS = ("auth", "account", "password", "session", "session-noninteractive")
_PRIMARY = '# here are the per-package modules (the "Primary" block)'
_FALLBACK = "# here's the fallback if no module succeeds"
_ADDITIONAL = '# and here are more per-package modules (the "Additional" block)'
_END = "# end of pam-auth-update config"

type Profile = dict[str, str]


def parse(text: str) -> Profile:
    """A profile's fields; a field of several lines has them joined, without their indents."""
    fields: Profile = {}
    name = ""
    for line in text.splitlines():
        match = re.match(r"(\S+):\s+(.*?)\s*$|(\S+):$", line)
        if match:
            name = (match[1] or match[3]).removesuffix("-Final")
            fields[name] = match[2] or ""
        elif line.strip():
            fields[name] = f"{fields.get(name, '')}\n{line.strip()}".lstrip()
    if fields.get("Session-Interactive-Only") != "yes":
        for key in ("-Type", "", "-Initial"):
            if "Session" + key in fields:
                fields["Session-noninteractive" + key] = fields["Session" + key]
    return fields


def profiles_of(root: Root) -> tuple[dict[str, Profile], list[str]]:
    """The profiles that packages ship by name, and their names by priority."""
    profiles = {
        name: parse(root.text(f"usr/share/pam-configs/{name}"))
        for name in root.names("usr/share/pam-configs")
        if not re.search(r"~$|^#.+#$", name)
    }
    # Of equal priority the later name comes first.
    order = sorted(profiles, reverse=True)
    order.sort(key=lambda name: -int(profiles[name].get("Priority", "0")))
    return profiles, order


def without_conflicts(profiles: dict[str, Profile], enabled: list[str]) -> list[str]:
    """Takes out what a profile before or behind names in Conflicts, the first that does so first.

    A pass goes by places, so that what moves up over a gap is passed over; there are passes until one takes
    nothing out.
    """
    left = list(enabled)
    before: list[str] = []
    while left != before:
        before, at = left, 0
        while at < len(left):
            conflicts = profiles[left[at]].get("Conflicts", "").split(", ")
            left = [name for name in left if name not in conflicts]
            at += 1
    return left


def write(root: Root, who: str, seen: list[str], enabled: list[str], profiles: dict[str, Profile]) -> None:
    """Writes the files for these profiles. Raises ToolError for a template without its marks."""
    root.write("var/lib/pam/seen", "".join(f"{name}\n" for name in seen), origin=who)
    for kind in KINDS:
        root.write(f"etc/pam.d/common-{kind}", filled(root, who, kind, enabled, profiles), origin=who)
        root.write(
            f"var/lib/pam/{kind}", _saved([profiles[name] | {"": name} for name in enabled], kind), origin=who
        )


def filled(root: Root, who: str, kind: str, enabled: list[str], profiles: dict[str, Profile]) -> str:
    """The text of /etc/pam.d/common-KIND. Raises ToolError for a template without its marks."""
    template = root.need(f"usr/share/pam/common-{kind}", who).read().decode()
    return _fill(template, [profiles[name] | {"": name} for name in enabled], kind, who)


def _lines(profiles: list[Profile], kind: str, block: str) -> list[tuple[str, list[str]]]:
    """The module lines of a block for each profile that has some; the first may have its own."""
    key = kind.capitalize()
    found: list[tuple[str, list[str]]] = []
    for profile in profiles:
        if profile.get(f"{key}-Type") != block:
            continue
        text = (profile.get(f"{key}-Initial") if not found else None) or profile.get(key, "")
        found.append((profile[""], [line for line in text.split("\n") if line]))
    return found


def _fill(template: str, profiles: list[Profile], kind: str, who: str) -> str:
    word = kind.removesuffix("-noninteractive")
    out: list[str] = []
    skip_to = ""
    marks = 0
    for line in template.splitlines():
        if skip_to and not line.startswith(skip_to):
            continue
        if skip_to:
            skip_to, marks = "", marks + 1
        out.append(line)
        block, mark = {_PRIMARY: ("Primary", _FALLBACK), _ADDITIONAL: ("Additional", _END)}.get(
            line, ("", "")
        )
        if not block:
            continue
        skip_to, marks = mark, marks + 1
        modules = [line for _, lines in _lines(profiles, kind, block) for line in lines]
        if block == "Primary" and not modules:
            out.append(f"{word}\t[default=1]\t\t\tpam_permit.so")
        # "end" becomes the number of modules that a jump skips to leave the block. No module follows the
        # second block, so that a jump there goes to its last one.
        left = len(modules) - (block == "Additional")
        for module in modules:
            # pam.d(5): control, module and arguments.
            match = re.match(r"((?:\[.+?\]|\w+)\s+\S+)(.*)", module)
            if match is None:
                raise ToolError(f"{who}: not a line of pam.d(5): {module!r}")
            out.append(f"{word}\t{match[1].replace('end', str(left))} {' '.join(match[2].split())}")
            left -= 1
    if marks < 4:
        raise ToolError(f"{who}: /usr/share/pam/common-{kind} lacks the marks of pam-auth-update(8)")
    return "".join(f"{line}\n" for line in out)


def _saved(profiles: list[Profile], kind: str) -> str:
    text = ""
    primary = _lines(profiles, kind, "Primary")
    for name, lines in primary:
        if lines:
            text += f"Module: {name}\n" + "".join(f"{line}\n" for line in lines)
    if not primary:
        text += "Module: null\n[default=1]\t\t\tpam_permit.so\n"
    for name, lines in _lines(profiles, kind, "Additional"):
        if lines:
            text += f"Module: {name}\n" + "".join(f"{line}\n" for line in lines)
    return text
