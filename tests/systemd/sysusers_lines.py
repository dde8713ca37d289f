"""Generated lines of sysusers.d(5), for systemd-sysusers and for ours."""

import random
import re
from pathlib import Path

from tests.systemd import differential
from tests.systemd.differential import Case, Kind, Outcome
from tests.testing.debs import Node
from tools.sysimage.core.errors import ToolError
from tools.sysimage.debian.unpack import Unpacker
from tools.sysimage.effects import accounts
from tools.sysimage.effects.root import Root
from tools.sysimage.rootfs import users

_NAMES = (
    *("app", "bob", "al", "dyn", "web", "_x", "my_user", "a-b", "root", "mail", "nobody"),
    *(
        "-",
        '""',
        "''",
        "1abc",
        "a.b",
        "a" * 31,
        "a" * 32,
        "Ab",
        "a$",
        "ü",
        "%a",
        "%%",
        "%u",
        "%q",
        '"a b"',
        "a\\b",
        "-a",
    ),
)
_NUMBERS = (
    *(
        "-",
        "-",
        "800",
        "8",
        "0",
        "999",
        "100",
        "65535",
        "65534",
        "4294967295",
        "4294967294",
        "99999999999999999999",
    ),
    *(
        "eight",
        "1002:web",
        "801:8",
        "801:mail",
        "-:mail",
        "-:800",
        "-:nosuch",
        ":5",
        "5:",
        "-:",
        "801:802:803",
        "802:dyn",
    ),
    *(
        "/etc",
        "/nosuch",
        "/srv/../x",
        "500-600",
        "600-500",
        "550",
        "550-",
        "-550",
        "0-0",
        "999999999-4294967296",
    ),
    *(
        "+5",
        "0x10",
        "0b11",
        "0o17",
        "010",
        "00",
        '" 5"',
        '"5 "',
        '""',
        "%%",
        "mail",
        "web",
        "a.b",
        "-1",
        "801:0x1",
        "٣",
    ),
)
_COMMENTS = (
    *(
        "-",
        '"The app"',
        "'The app'",
        '"Bob: admin"',
        '"open',
        "plain",
        '""',
        "a\\ b",
        '"a\\"b"',
        '"tab\\tx"',
        "ü",
        "%v",
        "%%",
        "a,b",
        "%q",
        "%5",
        "5%",
        "%-",
        "%",
    ),
    *("/home", '"\\x41"', "a\\", "'a'b"),
)
_PATHS = (
    "-",
    "-",
    "/home/bob",
    "/",
    "//srv//x/",
    "/srv/./x",
    "/../x",
    "/a/../b",
    "home",
    '"/a b"',
    "/a:b",
    '""',
    "%T",
    "/%%",
    "/ü",
    "/a\\\\b",
    "/bin/sh",
    "/bin/sh/",
)
_DAY = re.compile(r"(:!\*:)0:")  # of the last change of a password: an image tells no date
# What systemd-sysusers takes for done, or warns of, and is a slip in a BUILD file.
_STRICTER = ("is in /etc/", "has the number", "is given twice", "there is no user")
_MACHINE = "is of the machine that runs"
_KINDS = (
    *("u", "u", "u", "u", "g", "g", "m", "m", "r"),
    *("u!", "u!!", "g!", "m!", "r!", "x", "U", "ug", '""', "-", "!", ";", "#"),
)


def line(dice: random.Random) -> str:
    """A line that is often wrong in one place."""
    mostly = dice.random() < 0.9
    columns = (
        (_KINDS[:9], _NAMES[:8], _NUMBERS[:8], _COMMENTS[:3], _PATHS[:6], _PATHS[:6])
        if mostly
        else (_KINDS, _NAMES, _NUMBERS, _COMMENTS, _PATHS, _PATHS)
    )
    words = [dice.choice(column) for column in columns]
    if mostly and dice.random() < 0.4:
        # One column is of all sorts.
        at = dice.randrange(6)
        words[at] = dice.choice((_KINDS, _NAMES, _NUMBERS, _COMMENTS, _PATHS, _PATHS)[at])
    kind = words[0][:1]
    if kind == "r" and dice.random() < 0.8:
        words[1:] = ["-", dice.choice(("500-600", "550", "100-101", "600-500", "500-504", "1-2", words[2]))]
    elif kind in ("g", "m") and dice.random() < 0.8:
        words[3:] = []
        if kind == "m" and dice.random() < 0.7:
            words[2] = dice.choice(("web", "mail", "adm", "app", "nosuch"))
    elif dice.random() < 0.5:
        words = words[: dice.randrange(1, 7)]
    elif dice.random() < 0.05:
        words.append(dice.choice(("more", "-", '""', "#")))
    blank = dice.choice((" ", " ", " ", "\t", "  "))
    return dice.choice(("", "", "", " ")) + blank.join(words) + dice.choice(("", "", "", " "))


def case(dice: random.Random) -> Case:
    """A tree with a few accounts, and lines."""
    files: dict[str, Node] = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nold:x:999:998::/:/bin/sh\n",
        "etc/group": "root:x:0:\nmail:x:8:\nadm:x:4:old\nold:x:998:\n",
    }
    if dice.random() < 0.5:
        files["etc/shadow"] = "root:*:1::::::\n"
        files["etc/gshadow"] = "root:*::\nadm:*::old\n"
    return Case(files, tuple(line(dice) for _ in range(dice.choice((1, 1, 1, 2, 3, 4)))))


def real(root: Path, made: Case) -> Outcome:
    """What systemd-sysusers does with a file of these lines."""
    (root / "lines.conf").write_text("".join(f"{line}\n" for line in made.given))
    done = differential.call(root, "usr/bin/systemd-sysusers", str(root / "lines.conf"))
    (root / "lines.conf").unlink()
    paths = differential.on_disk(root)
    return Outcome(done.returncode == 0, "", _told(paths))


def _told(paths: dict[str, str]) -> dict[str, str]:
    # Backups and the lock; the mode of the shadows is the program's, which root can do without.
    return {
        name: _DAY.sub(r"\1:", text.partition(" ")[2].partition(" ")[2])
        for name, text in paths.items()
        if text.startswith("file") and not name.endswith(("-", ".pwd.lock"))
    }


def ours(made: Case) -> Outcome:
    """What our systemd-sysusers does; its output is how the attribute `users` differs from that."""
    tree = differential.tree(made.files)
    root = Root(tree, "amd64", Unpacker(tree))
    good, unmade = True, False
    try:
        items = [accounts.parse(root, text, "x") for _, text in accounts.lines("\n".join(made.given))]
        unmade = bool(accounts.apply(root, "x", items, lenient=True))
    except ToolError as error:
        if _MACHINE in str(error):
            return Outcome(False, _MACHINE, {})
        good = False
    paths = _told(differential.in_memory(tree))
    return Outcome(good, _attribute(made, good and not unmade, paths), paths)


def _attribute(made: Case, good: bool, paths: dict[str, str]) -> str:
    tree = differential.tree(made.files)
    try:
        lines = [line for line in made.given if not line.lstrip().startswith("#")]
        users.users(Root(tree, "amd64", Unpacker(tree)), lines)
    except ToolError as error:
        reason = str(error)
        return "" if not good or any(text in reason for text in _STRICTER) else f"users refuses: {reason}"
    return "" if good and _told(differential.in_memory(tree)) == paths else "users takes it otherwise"


def excepted(made: Case, theirs: Outcome, mine: Outcome) -> str:
    """The reason why a difference is meant."""
    del made, theirs
    return "a specifier of the machine that runs" if mine.output == _MACHINE else ""


KIND = Kind(case, real, ours, excepted)
