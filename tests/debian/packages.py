"""Packages as dpkg installs and records them, from generated control files, conffiles and triggers.

    python3 tests/systemd/differential.py packages COUNT [SEED]

compares COUNT of them by hand (`tools/bazel run //tests/systemd:differential -- packages COUNT`).
"""

import os
import random
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.commands import judge
from tests.debian import fast_dpkg
from tests.systemd import differential
from tests.systemd.differential import Case, Kind, Outcome
from tests.testing.debs import Deb
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.unpack import Unpacker, spool

_EACH = 20
_SECONDS = 120
_FILES = {"etc/x": "x\n", "etc/a b": "a b\n", "usr/share/doc/y": "y\n"}
_VERSIONS = (
    *("1", "1.0-1", "0:1", "1:2", "1:2.0~rc1-3+b1", "00:1", "01", "1-"),
    *("-1", "1:", ":1", "1 2", "1_2", "a", "1a"),
    *("", "1-1-1", "1:1:1", "99999999999:1", "-1:1", "1.0-1_1", "1+~-1"),
    *("1\t", "~1", "1:a", "1:-1", "1.0-", "0"),
)
_RELATIONS = (
    *("libc6", "libc6 (>= 2.38)", "libc6 (>=2.38)", "libc6(>= 2.38)"),
    *("libc6 ( >= 2.38 )", "libc6 (> 2)", "a (< 1)"),
    *("a | b", "a|b (= 1)", "a, b", "a,b , c", "a (= 0:1)"),
    *("a:any", "a:amd64 (>= 1)", "a:native", "a (== 1)"),
    *("a (>= 1", "a >= 1", "a [amd64]", "A_b", "a,", ",a"),
    *("a,,b", "a |", "a (>= 1) (<< 2)", "a (1)", "a (= 2)"),
    *("a\n b", "a,\n  b (= 2)", "a  (<< 1~)", "", "a (>= 1 2)"),
    *("a (>=1-)", "x-y+z.1", "-a", "a (>= 1), a (<< 3)"),
)
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Essential": ("yes", "no", "YES", "maybe", "", "yes "),
    "Protected": ("yes", "no", "perhaps"),
    "Priority": ("optional", "required", "Optional", "extra", "high", "", "important "),
    "Section": ("misc", "contrib/x", "", "a b", "x\ty"),
    "Installed-Size": ("12", "x", "", "-1", "1 2"),
    "Origin": ("Debian", "a b"),
    "Bugs": ("https://mirror.example", ""),
    "Multi-Arch": ("same", "foreign", "allowed", "no", "Same", "maybe", ""),
    "Architecture": ("all", "", "am d64", "all "),
    "Source": ("x", "x (1.0)", "x (1 2)", "X", "", "x(2)"),
    "Maintainer": ("N <n@mirror.example>", "", "J\udcf6rg", "J\u00f6rg", "N  N"),
    "Description": ("short", "short\n long\n .\n more", "", "short\n\tlong", " two  spaces", "x\n  y  "),
    "Version": _VERSIONS,
    "X-Own": ("1", "", "a\n b", "a: b"),
    "x-lower": ("z",),
    "Homepage": ("https://mirror.example/", "a#b"),
    "Tag": ("a::b, c::d,\n e::f",),
    "Build-Ids": ("0123 4567",),
    "Status": ("install ok installed", "deinstall ok config-files"),
    "Conffiles": ("\n /etc/x 00", "\n /etc/x 00 obsolete", "\n /etc/x", "/etc/x 00", "\n x y", "\n / 00"),
    "Config-Version": ("1",),
    "Revision": ("2",),
    "Class": ("base",),
    "Recommended": ("a",),
    # No package provides what another one conflicts with: dpkg would install one of them alone.
    **dict.fromkeys(
        ("Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances", "Replaces", "Breaks", "Conflicts"),
        _RELATIONS,
    ),
    "Provides": ("V_2", "v(= 2)", "v ( = 0:2 )", "v", "v (= 1)", "v (>= 1)", "v | w", "v:any", "v, w (= 2)"),
}
_BROKEN = (
    *("\n", "\n\n", "no colon\n", ": no name\n", " leads\n"),
    *("# comment\n", "X Y: z\n", "X-Own : 1\n", "-X: y\n"),
    *("X:\n", "X:y\n", "X:\t y\n", "X-\u00e4: z\n", "X: \n z\n"),
    *("X: y\r\n", "Package: other\n", "X: \x00\n", "X#: y\n"),
)
_CONFFILES = (
    *("/etc/x\n", "/etc/a b\n", "\n", "  \n", "/etc/x \t\n"),
    *("/etc/x\r\n", "/etc/nope\n", "/etc//x\n", "//etc/x\n"),
    *("remove-on-upgrade /etc/gone\n", "remove-on-upgrade  /etc/gone\n", "foo /etc/x\n"),
    *("etc/x\n", " /etc/x\n"),
    *("/./etc/x\n", "/etc/./x\n", "/etc/\u00e4\n"),
    *("/etc/x", "remove-on-upgrade\n", "remove-on-upgrade /etc/x\n"),
    *("/usr/share/doc/y\n", "remove-on-upgrade etc/x\n", "#/etc/x\n", "/etc/x#\n", "/etc/x\f\n"),
)
_TRIGGERS = (
    *("interest x@\n", "interest-await x@\n", "interest-noawait x@\n", "interest /x@\n", "activate x@\n"),
    *("activate-noawait /x@/y\n", "\n", "# c\n", "  interest y@\n"),
    *("interest x@ # c\n", "interest\n", "foo x\n"),
    *("interest x@ y\n", "interest \u00e4\n", "interest x_@\n"),
    *("interest -x\n", "interest x@", "interest x@\r\n"),
    *("interest /a b@\n", "interest-foo x\n", "interest x@\nactivate x@\n"),
    *("Interest x@\n", "interest\tz@ \t\n"),
    *("interest x@\ninterest-noawait x@\n", "interest .x@\n", "interest x@/y\n"),
    *("interest /\n", "interest //x@\n"),
)


def _case(dice: random.Random) -> Case:
    return Case({f"{at}.deb": _deb(dice, at) for at in range(_EACH)}, ())


def _deb(dice: random.Random, at: int) -> bytes:
    fields = {
        "Package": f"p{at}",
        "Version": "1.0-1",
        "Architecture": "all",
        "Maintainer": "Nobody <nobody@mirror.example>",
        "Description": "a package for tests",
    }
    what = dice.choice(("fields", "fields", "fields", "conffiles", "triggers", "all"))
    if what in ("fields", "all"):
        for name in dice.sample(sorted(_FIELDS), dice.choice((1, 1, 2, 4, 8))):
            fields[name] = dice.choice(_FIELDS[name])
        if dice.random() < 0.1:
            del fields[dice.choice(("Version", "Architecture", "Maintainer", "Description", "Package"))]
        if dice.random() < 0.05:
            fields["Package"] = dice.choice(
                (f"P{at}", f"p{at}+x.y-z", f"p_{at}", f"p {at}", "p", f"p{at} ", f"-p{at}")
            )
    names = list(fields)
    if dice.random() < 0.3:
        dice.shuffle(names)
        # dpkg 1.22.22 ends by a signal for some mistakes in fields before the name.
        names.sort(key=lambda name: name != "Package")
    lines = [f"{name if dice.random() < 0.97 else name.lower()}: {fields[name]}\n" for name in names]
    if dice.random() < 0.1:
        lines.insert(dice.randrange(len(lines) + 1), dice.choice((*_BROKEN, *lines)))
    control = {"control": "".join(lines)}
    if dice.random() < 0.02:
        control["control"] = control["control"][:-1]
    if what in ("conffiles", "all"):
        control["conffiles"] = _lines(dice, _CONFFILES)
    if what in ("triggers", "all"):
        text = _lines(dice, _TRIGGERS)
        control["triggers"] = text.replace("@", f"-{at}" if "x@/" in text else str(at))
    # Each has its own files, so that none is in another's way.
    paths = {name.replace("/", f"/{at}/", 1): text for name, text in _FILES.items()}
    control = {name: re.sub("/etc/(x|a b)", rf"/etc/{at}/\1", text) for name, text in control.items()}
    return Deb(f"p{at}", paths, control=control, md5sums=False, compressed=False).build()


def _lines(dice: random.Random, lines: Sequence[str]) -> str:
    """Some of the lines; one that does not end is the last."""
    return "".join(
        sorted(dice.choices(lines, k=dice.choice((1, 1, 2, 3))), key=lambda line: not line.endswith("\n"))
    )


@cache
def _started() -> tuple[list[str], dict[str, str]]:
    """What starts dpkg, and variables by which it finds its programs."""
    if preload := os.environ.get(differential.SERVED):
        return fast_dpkg.start(Path(preload).parent)
    return judge.argv("usr/bin/dpkg"), {"PATH": str(judge.programs())}


@cache
def _is_root() -> bool:
    """Whether files can be given to root here."""
    with tempfile.NamedTemporaryFile() as file:
        try:
            os.chown(file.name, 0, 0)
        except OSError:
            return False
    return True


def installed(root: Path, case: Case) -> Outcome:
    """What dpkg records where it installs the packages into `root`/target."""
    target = root / "target"
    for name in ("updates", "info", "triggers", "alternatives"):
        (target / dpkg.ADMIN / name).mkdir(parents=True)
    (target / dpkg.ADMIN / "status").touch()
    words, variables = _started()
    done = subprocess.run(
        [
            # dpkg gives files to root: who is not root is root of a namespace.
            *([] if _is_root() else [*judge.argv("usr/bin/unshare"), "--map-root-user", "--"]),
            *words,
            *(
                f"--root={target}",
                "--force-not-root,bad-path,depends,unsafe-io,script-chrootless",
                "--abort-after=999",
            ),
            *("--no-debsig", "--log=/dev/null", "--install"),
            *sorted(str(root / name) for name in case.files),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**variables, **judge.locale(), "HOME": "/nonexistent", "DPKG_ROOT": ""},
        timeout=_SECONDS,
        check=False,
        umask=0o022,
    )
    said = done.stderr.decode("utf-8", "surrogateescape")
    refused = {match[1]: "refused" for match in re.finditer(r"processing archive \S*/(\d+\.deb)", said)}
    return Outcome(done.returncode >= 0, "", _records(_read(target / dpkg.ADMIN)) | refused)


def _read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _records(files: Mapping[str, bytes]) -> dict[str, str]:
    """What is recorded of each package, and of triggers."""
    made: dict[str, str] = {}
    for name, data in files.items():
        text = data.decode("utf-8", "surrogateescape")
        if name == "status":
            made |= {
                f"status of {paragraph.partition(chr(10))[0]}": paragraph
                for paragraph in text.split("\n\n")
                if "\nStatus: install ok installed\n" in paragraph
            }
        elif name.startswith("info/") and name.endswith((".list", ".conffiles", ".triggers")):
            made[name] = "\n".join(sorted(text.split("\n"))) if name.endswith(".list") else text
        elif name.startswith("triggers/") and not name.endswith(("Lock", "Unincorp")):
            made[name] = "".join(sorted(text.splitlines(keepends=True)))
    installed = {name.rpartition(" ")[2] for name in made if name.startswith("status of ")}

    def of_installed(line: str) -> bool:
        return line.rsplit(None, 1)[-1].partition("/")[0].partition(":")[0] in installed

    for name in list(made):
        if name.startswith("triggers/"):
            made[name] = "".join(filter(of_installed, made[name].splitlines(keepends=True)))
        elif name.startswith("info/") and re.split(r"[.:/]", name)[1] not in installed:
            del made[name]
    return {name: text for name, text in made.items() if text}


def folder() -> Path:
    """A folder of this process."""
    made = Path(os.environ.get("TEST_TMPDIR", "/tmp")) / f"packages{os.getpid()}"
    made.mkdir(exist_ok=True)
    return made


def _ours(case: Case) -> Outcome:
    made, packages = dict[str, str](), list[dpkg.Package]()
    place = folder()
    for name, data in sorted(case.files.items()):
        assert isinstance(data, bytes)
        path = place / name
        path.write_bytes(data)
        try:
            package = dpkg.load(path)
            archive, position = spool([package], place)[package.name]
            archive.seek(position)
            Unpacker(Tree()).unpack(package, archive)
            dpkg.write_database(Tree(), [package], "amd64", [], {})
        except ToolError:
            made[name] = "refused"
        else:
            packages.append(package)
    tree = Tree()
    dpkg.write_database(tree, packages, "amd64", [], {})
    files = {
        path.removeprefix(f"{dpkg.ADMIN}/"): inode.read()
        for path, inode in tree.walk(dpkg.ADMIN)
        if inode.kind.value == "file"
    }
    return Outcome(True, "", _records(files) | made)


def _excepted(case: Case, theirs: Outcome, ours: Outcome) -> str:
    del case, ours
    return "" if theirs.good else "dpkg ends by a signal"


KIND = Kind(_case, installed, _ours, _excepted, each=_EACH)
