"""What Replaces of generated packages does to a file that two of them have, by dpkg and by ours.

`tools/bazel run //tests/systemd:differential -- relations COUNT` compares COUNT pairs by hand.
"""

import io
import random
from pathlib import Path

from tests.debian import packages
from tests.systemd.differential import Case, Kind, Outcome
from tests.testing.debs import Deb
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.unpack import Unpacker

_PAIRS = 10
_NAMES = ("p@", "p@", "p@", "P@", "v@", "p_@", "other", "q@")
_ARCHITECTURES = ("", "", "", "", ":any", ":amd64", ":all", ":arm64", ":AnY", ":native")
_VERSIONS = (
    *("", "", "(1)", "(= 1)", "(= 0:1)", "(= 1-1)", "(<1)", "(< 1)", "(> 1)", "(>> 1)", "(<< 1)"),
    *("(<< 2)", "(>= 1~)", "(<= 1.0)", "(\n >= 1)", "(>=2)", "(= 1-0)", "(<< 1a)", "(>> 1+)", "(= 01)"),
)
_BETWEEN = (", ", ",", ",\n ", " ,\t")


def _relation(dice: random.Random, at: int) -> str:
    name = dice.choice(_NAMES).replace("@", str(at))
    blank = dice.choice(("", " ", "\n  "))
    return f"{name}{dice.choice(_ARCHITECTURES)}{blank}{dice.choice(_VERSIONS)}"


def _relations(dice: random.Random, at: int) -> str:
    return dice.choice(_BETWEEN).join(_relation(dice, at) for _ in range(dice.choice((1, 1, 2, 3))))


def _case(dice: random.Random) -> Case:
    """Pairs of packages, the first of which is unpacked first: one or both replace the other."""
    files: dict[str, bytes] = {}
    for at in range(_PAIRS):
        first, second = {}, {}
        if dice.random() < 0.3:
            first["Replaces"] = _relations(dice, at).replace("p", "q")
        if dice.random() < 0.9:
            second[dice.choice(("Replaces", "Replaces", "Replaces", "replaces"))] = _relations(dice, at)
        for fields in (first, second):
            if dice.random() < 0.3:
                fields["Multi-Arch"] = dice.choice(("foreign", "allowed", "Allowed", "no"))
            if dice.random() < 0.3:
                fields["Provides"] = dice.choice((f"v{at}", f"v{at} (= 1)", f"v{at}, w"))
            fields["Architecture"] = dice.choice(("amd64", "amd64", "all"))
        name = f"p_{at}" if dice.random() < 0.1 else f"p{at}"
        version = dice.choice(("1", "1", "1-1", "2", "1~", "1.0", "0:1"))
        shared = f"usr/share/{at}/shared"
        files[f"{at:02}0.deb"] = Deb(name, {shared: "first"}, first, {}, version, compressed=False).build()
        files[f"{at:02}1.deb"] = Deb(f"q{at}", {shared: "second"}, second, {}, "1", compressed=False).build()
    return Case(files, ())


def _real(root: Path, case: Case) -> Outcome:
    made = packages.installed(root, case)
    shared = root.glob("target/usr/share/*/shared")
    refused = {name: text for name, text in made.paths.items() if name.endswith(".deb")}
    contents = {str(path.relative_to(root / "target")): path.read_text() for path in shared}
    return Outcome(made.good, "", refused | contents)


def _ours(case: Case) -> Outcome:
    tree = Tree()
    unpacker = Unpacker(tree, architecture="amd64")
    found: dict[str, str] = {}
    place = packages.folder()
    for name, data in sorted(case.files.items()):
        assert isinstance(data, bytes)
        path = place / name
        path.write_bytes(data)
        try:
            package = dpkg.load(path)
            with package.deb.data() as archive:
                unpacker.unpack(package, io.BytesIO(archive.read()))
        except ToolError:
            found[name] = "refused"
    found |= {path: node.read().decode() for path, node in tree.walk() if path.endswith("/shared")}
    return Outcome(True, "", found)


def _excepted(case: Case, theirs: Outcome, ours: Outcome) -> str:
    del case, theirs, ours
    return ""


KIND = Kind(_case, _real, _ours, _excepted, each=_PAIRS)
