"""Generated lines of tmpfiles.d(5), for systemd-tmpfiles --create and for ours.

As root, owners are compared, too, and modes that shut out others than root.
"""

import os
import random
import re
from pathlib import Path

from tests.systemd import differential
from tests.systemd.differential import Case, Kind, Outcome
from tests.testing.debs import File, Folder, Link, Node
from tools.sysimage.debian.unpack import Unpacker
from tools.sysimage.effects import tmpfiles
from tools.sysimage.effects.root import Root

# Root of a user namespace, as in a sandbox, gives files to nobody else.
_ROOT = os.geteuid() == 0 and Path("/proc/self/uid_map").read_text("ascii").split()[2] == "4294967295"
_MACHINE = "%[bHlqv]"
# systemd-tmpfiles does not sort what a pattern finds, and trusts no path through a directory of a user.
_ORDER = r"[ez]\S*\s+\S*[*?{]\S*\s+\S+\s+:*(bob|1000|8)\b"
_TYPES = "fFdDvqQpLCewmzZxXrR"
# Where / is neither root's nor ours, as in a user namespace, "=" finds no path safe (chase(), CHASE_SAFE).
_SAFE = Path("/").stat().st_uid in (0, os.geteuid())
_MODIFIERS = tuple(
    modifier
    for modifier in ("", "", "", "", "+", "-", "=", "+=", "~", "?", "!", "^", "$", "++", "+-", "@")
    if _SAFE or "=" not in modifier
)
_PATHS = (
    *(
        "/var/dir",
        "/var/dir/new",
        "/etc/a",
        "/etc/b",
        "/new/x/y",
        "/etc/link",
        "/etc/dangling",
        "/folder/x",
        "/var/full",
        "/empty",
    ),
    *(
        "/etc/*",
        "/var/{dir,full}",
        "/var/full/f*",
        "/etc/[ab]",
        "/etc/?",
        "/*",
        "/var/full/.h*",
        "/etc/{a,b,none}",
    ),
    *(
        "//var//dir/",
        "/var/./dir",
        "/var/../etc/a",
        "relative",
        "/",
        '"/with space"',
        "/with\\x20space",
        "/%%x",
        "/etc/%o",
        "/%q%",
        "/%z",
    ),
    *(
        "/etc/a/below",
        "/etc/link/below",
        "/setgid/x",
        "/setgid/y/z",
        "/var/fifo",
        "/var/run/x",
        "/dangling/x",
        "/home/bob/x",
        "/home/bob/deep/x",
    ),
    *('"/open', "/bad\\q", "/etc/a\\n", "/%T/x", "/etc/*/x", "/var/full/sub"),
)
_MODES = (
    "-",
    "-",
    "-",
    "0755",
    "0700",
    "0711",
    "755",
    ":0700",
    "~0777",
    "~:0750",
    ":~0750",
    "1777",
    "00700",
    "0o700",
    "888",
    "77777",
    '"0700 "',
    '" 0700"',
    '""',
    "+700",
    "~",
    "0x1c0",
)
_ROOT_MODES = ("2755", "4755", "0", "0644", "6777", "0000", "~7777", "~0")
_OWNERS = (
    "-",
    "-",
    "-",
    "-",
    "-",
    "-",
    "nosuch",
    ":nosuch",
    "99999999999",
    "4294967295",
    "65535",
    "07",
    '""',
    ":",
)
_ROOT_OWNERS = ("root", "bob", ":bob", "1000", ":1000", "0", "8", "mail", ":mail", "::bob")
_AGES = (
    "-",
    "-",
    "-",
    "-",
    "-",
    "10d",
    "5",
    "~5d",
    "aA:5d",
    "aQ:5d",
    ":5",
    "5x",
    "1.5h",
    "1h 5m",
    "infinity",
    "-5",
    '"1h 5m"',
    "5mm",
    "1week",
    "3s5",
)
_ARGUMENTS = (
    *(
        "",
        "",
        "-",
        "text",
        "a\\nb",
        "a b  c",
        '"quoted"',
        "%%",
        "%o",
        "%z",
        "bad\\q",
        "dGV4dA==",
        "dGV4dA",
        "/etc/a",
        "../a",
        "/var/full",
        "/empty",
    ),
    *("etc/a", "longer than what is there, by far", "\\x41\\101", "a\\tb ", "t\\u00e9", "/etc/link", "/none"),
)


def _word(dice: random.Random, words: tuple[str, ...], sane: int, odd: float) -> str:
    return dice.choice(words) if dice.random() < odd else dice.choice(words[:sane])


def line(dice: random.Random) -> str:
    """A line that is sometimes wrong in one place."""
    odd = dice.choice((0.0, 0.0, 0.2, 0.5))
    words = [
        (dice.choice(_TYPES) if dice.random() > odd / 8 else dice.choice('kbc-"'))
        + _word(dice, _MODIFIERS, 8, 0.1 + odd / 2),
        _word(dice, _PATHS, 18, odd),
        _word(dice, _MODES, 11, odd),
        _word(dice, _OWNERS, 5, odd / 2),
        _word(dice, _OWNERS, 5, odd / 2),
        _word(dice, _AGES, 6, odd),
        _word(dice, _ARGUMENTS, 6, 0.5),
    ]
    if _ROOT:
        words[2] = dice.choice(_ROOT_MODES) if dice.random() < 0.2 else words[2]
        for at in (3, 4):
            words[at] = dice.choice(_ROOT_OWNERS) if dice.random() < 0.3 else words[at]
    if words[0][0] in "w" and dice.random() < 0.8:
        words[6] = dice.choice(_ARGUMENTS[3:6])
    if words[0][0] in "dpezZDm" and dice.random() < 0.8:
        words[6] = ""
    if words[0][0] == "C" and "full" in words[6]:
        # The program copies a directory into itself until names are too long.
        words[6] = "/empty"
    if dice.random() < 0.2:
        words = words[: dice.randrange(1, 7)]
    return dice.choice((" ", "  ", "\t")).join(words)


def case(dice: random.Random) -> Case:
    """A tree of all kinds of files, and lines."""
    files: dict[str, Node] = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nbob:x:1000:1000::/home/bob:/bin/sh\n",
        "etc/group": "root:x:0:\nmail:x:8:\nbob:x:1000:\n",
        "etc/os-release": 'ID="debian"\nVERSION_ID=13\n',
        "etc/a": File("old content", 0o600),
        "etc/b": File("", 0o755),
        "etc/link": Link("a"),
        "etc/dangling": Link("none"),
        "dangling": Link("etc/none"),
        "folder": Link("var/full"),
        "var/dir": Folder(0o700),
        "var/full": Folder(0o750),
        "var/full/f1": File("one", 0o640),
        "var/full/.hidden": "h",
        "var/full/sub/deep": File("deep", 0o400),
        "var/full/l": Link("f1"),
        "setgid": Folder(0o2775),
        "empty": Folder(0o711),
        "home/bob": Folder(0o755),
        "home/bob/deep": Folder(0o755),
        "usr/share/factory/etc/b": "factory",
        "usr/share/factory/new/x/y/z": "factory",
    }
    return Case(files, tuple(line(dice) for _ in range(dice.choice((1, 1, 1, 2, 3)))))


_OWNED = {"home/bob": (1000, 1000), "home/bob/deep": (0, 0), "setgid": (0, 8), "var/full/f1": (1000, 8)}


def real(root: Path, made: Case) -> Outcome:
    """What systemd-tmpfiles does with a file of these lines."""
    if _ROOT:
        for path, (uid, gid) in _OWNED.items():
            mode = (root / path).stat().st_mode
            os.chown(root / path, uid, gid)
            (root / path).chmod(mode & 0o7777)
        root.chmod(0o755)
    script = root.with_name(f"{root.name}.conf")
    script.write_text("".join(f"{line}\n" for line in made.given), "utf-8")
    try:
        done = differential.call(root, "usr/bin/systemd-tmpfiles", "--create", str(script))
    finally:
        script.unlink()
    return Outcome(done.returncode == 0, str(done.returncode), differential.on_disk(root, owners=_ROOT))


def ours(made: Case) -> Outcome:
    """What we do."""
    tree = differential.tree(made.files)
    if _ROOT:
        for path, (uid, gid) in _OWNED.items():
            tree[path].uid, tree[path].gid = uid, gid
    root = Root(tree, "amd64", Unpacker(tree))
    done = tmpfiles.create_from(root, "x", [("x.conf", "\n".join(made.given))])
    return Outcome(done.status == 0, str(done.status), differential.in_memory(tree, owners=_ROOT))


def excepted(made: Case, theirs: Outcome, mine: Outcome) -> str:
    """The reason why a difference is meant."""
    if any(text.lstrip()[:1] in ("b", "c") for text in made.given):
        return "device nodes are the boot's"
    if any(re.search(_MACHINE, text) for text in made.given):
        return "a specifier of the machine that runs"
    if any(re.match(_ORDER, text) for text in made.given):
        return "the order in which a pattern finds paths, of which one becomes a user's"
    links = {_target(text) for text in theirs.paths.values()}
    paths = {*theirs.paths, *mine.paths}
    differing = {path for path in paths if theirs.paths.get(path) != mine.paths.get(path)}
    if any(text.lstrip()[:1] == "w" for text in made.given) and differing and differing <= links:
        return "w follows an absolute link on the machine that runs it, not below --root"
    return ""


def _target(text: str) -> str:
    """What an absolute link leads to."""
    return text.removeprefix("link /").partition(" ")[0] if text.startswith("link /") else ""


KIND = Kind(case, real, ours, excepted)
