"""Generated trees of units and calls of systemctl, for systemctl --root and for the attributes of rules."""

import posixpath
import random
from collections.abc import Mapping
from pathlib import Path

from tests.systemd import differential
from tests.systemd.differential import Case, Kind, Outcome
from tests.testing.debs import Folder, Link, Node
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.files import Files
from tools.sysimage.systemd import enablement, unit_names, unit_state
from tools.sysimage.systemd import units as attributes

_LIB, _ETC = "usr/lib/systemd/system", "etc/systemd/system"
_NAMES = (
    *(
        "a.service",
        "b.service",
        "a.socket",
        "t@.service",
        "t@x.service",
        "t@y.service",
        "d.target",
        "a-b.service",
    ),
    *("s.timer", "p.path", "m.mount", "x.slice", "w@.target", "u@.slice", "al.service", "none.service"),
)
_WANTING = (
    "m.target",
    "n.target",
    "d.target",
    "'n.target'",
    "w@.target",
    "w@x.target",
    "%p.target",
    "%i.target",
    "%j-%N.target",
    "m",
    "m.targ",
    "%%.target",
    "%n",
    "w@%i.target",
    "m.target\\",
    '"m.target',
    "%q.target",
    "%5",
)
_ALIASES = (
    *(
        "al.service",
        "b.service",
        "a.service",
        "al.socket",
        "al@.service",
        "al@x.service",
        "al@y.service",
        "%p-x.service",
        "al.target",
    ),
    *(
        "m.target.wants/a.service",
        "m.target.wants/x.service",
        "w@.target.wants/t@.service",
        "m.target.requires/t@x.service",
        "dir/al.service",
        "%i.service",
        "al",
        "al.mount",
        "m.target.upholds/a.service",
    ),
)
_ALSO = (
    "b.service",
    "a.socket",
    "t@x.service",
    "t@.service",
    "none.service",
    "al.service",
    "a.service",
    "%p.socket",
    "'b.service'",
    "m.mount",
    "bad name",
)
_INSTANCES = ("x", "y", "%p", "", "a b", "x/y", "%i")


def _install(dice: random.Random) -> str:
    lines = []
    for _ in range(dice.choice((0, 1, 1, 2, 2, 3))):
        key = dice.choice(
            (
                "WantedBy",
                "WantedBy",
                "RequiredBy",
                "UpheldBy",
                "Alias",
                "Alias",
                "Also",
                "DefaultInstance",
                "wantedby",
            )
        )
        pool = {"Alias": _ALIASES, "Also": _ALSO, "DefaultInstance": _INSTANCES}.get(key, _WANTING)
        sane = dice.random() < 0.8
        words = [
            dice.choice(pool[: 4 if sane else len(pool)])
            for _ in range(1 if key == "DefaultInstance" else dice.choice((1, 1, 2)))
        ]
        value = " ".join(words)
        lines.append(
            dice.choice(("{}={}", "{} = {} ", "{}={}", "{}=\\\n# comment\n  {}", " {}={}")).format(key, value)
        )
        if dice.random() < 0.08:
            lines.append(f"{key}=")
    head = dice.choice(
        ("[Install]", "[Install]", "[Install]", "[Install]", "[Unit]", "[Install", "[X-Install]")
    )
    if dice.random() < 0.85:
        head = "[Install]"
    return "[Unit]\nDescription=x\n" + "\n".join([head, *lines]) + "\n"


def _unit(dice: random.Random, name: str) -> Node:
    what = dice.random()
    if what < 0.72:
        return _install(dice)
    if what < 0.78:
        return ""
    if what < 0.81:
        return Folder()
    targets = (
        "/dev/null",
        "/dev/null",
        f"/{_LIB}/{name}",
        f"/{_LIB}/b.service",
        "b.service",
        "../../../usr/lib/systemd/system/a.service",
        f"/{_LIB}/t@.service",
        "/opt/linked.service",
        f"/opt/{name}",
        f"/{_LIB}/none.service",
        name,
        f"/{_LIB}/a.socket",
    )
    return Link(dice.choice(targets))


def case(dice: random.Random) -> Case:
    """A tree, a verb and units."""
    files: dict[str, Node] = {
        f"{_LIB}/m.target": "[Unit]\n",
        f"{_LIB}/n.target": "[Unit]\n",
        _ETC: Folder(),
        "opt/linked.service": "[Install]\nWantedBy=m.target\nAlias=al.service\n",
        "opt/a.service": "[Install]\nWantedBy=n.target\n",
    }
    for name in dice.sample(_NAMES[:15], dice.choice((1, 2, 3, 4))):
        files[f"{_LIB}/{name}"] = _unit(dice, name) if dice.random() < 0.2 else _install(dice)
        if dice.random() < 0.3:
            files[f"{_ETC}/{name}"] = _unit(dice, name)
        if dice.random() < 0.15:
            folder = dice.choice(
                ("usr/local/lib/systemd/system", "run/systemd/system", "etc/systemd/system.control")
            )
            files[f"{folder}/{name}"] = _unit(dice, name)
        if dice.random() < 0.3:
            stem, suffix = name.rsplit(".", 1)
            level = dice.choice(
                (name, name, unit_names.template_of(name), f"{suffix}", f"{stem.split('-')[0]}-.{suffix}")
            )
            files[f"{dice.choice((_LIB, _ETC))}/{level}.d/{dice.choice('12')}.conf"] = _install(dice)
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        name = dice.choice(_NAMES)
        folder = dice.choice(
            ("", "m.target.wants/", "n.target.requires/", "d.target.upholds/", "m.target.wants/", "x.d/")
        )
        target = dice.choice(
            (
                f"/{_LIB}/{name}",
                f"/{_LIB}/{dice.choice(_NAMES)}",
                "../a.service",
                "/dev/null",
                "/opt/linked.service",
            )
        )
        files.setdefault(f"{_ETC}/{folder}{name}", Link(target))
    if dice.random() < 0.5:
        rules = [
            dice.choice(
                (
                    "enable a.*",
                    "disable *",
                    "disable b.service",
                    "enable t@.service x z",
                    "ignore a.*",
                    "enable *",
                    "# c",
                    "disable t@x.service",
                    "enable  t@.service  y",
                    "disable a.service x",
                    "bad",
                    "enable [ab].service",
                )
            )
            for _ in range(dice.choice((1, 2, 3)))
        ]
        files["usr/lib/systemd/system-preset/5-x.preset"] = "\n".join(rules) + "\n"
    present = [
        path.rpartition("/")[2]
        for path in files
        if "/systemd/system" in path and path.endswith(unit_names.SUFFIXES)
    ]
    pool = present if dice.random() < 0.8 else list(_NAMES)
    verb = dice.choice(
        (
            "enable",
            "enable",
            "enable",
            "disable",
            "disable",
            "mask",
            "unmask",
            "preset",
            "is-enabled",
            "reenable",
            "set-default",
        )
    )
    names = [
        dice.choice(pool)
        for _ in range(1 if verb in ("set-default", "is-enabled") else dice.choice((1, 1, 2)))
    ]
    return Case({path: node for path, node in files.items() if not _below(path, files)}, (verb, *names))


def _below(path: str, files: dict[str, Node]) -> bool:
    above = path
    while above := above.rpartition("/")[0]:
        if above in files and not isinstance(files[above], Folder):
            return True
    return False


def real(root: Path, made: Case) -> Outcome:
    """What systemctl does."""
    done = differential.call(root, "usr/bin/systemctl", *made.given)
    output = done.stdout if made.given[0] == "is-enabled" else ""
    return Outcome(done.returncode == 0, output, _links(differential.on_disk(root)), done.stderr)


def _links(paths: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in paths.items() if not text.startswith("dir")}


def ours(made: Case) -> Outcome:
    """What ours does; the attributes' way of it is in the output, where it is another one."""
    verb, *names = made.given
    files = Files(differential.tree(made.files))
    output = ""
    try:
        done, output = _called(files, verb, names)
        good = not done.failed
    except enablement.BeyondError:
        return Outcome(False, _BEYOND, {})
    except (
        enablement.NotThereError,
        enablement.MaskedError,
        enablement.InvalidUnitError,
        enablement.DanglingError,
    ):
        good = False
    paths = _links(differential.in_memory(files.tree))
    return Outcome(good, output or _attribute(made, good, paths), paths)


_BEYOND = "beyond"


def _called(files: Files, verb: str, names: list[str]) -> tuple[enablement.Done, str]:
    if verb == "is-enabled":
        try:
            state = unit_state.state(files, names[0])
        except enablement.NotThereError:
            return enablement.Done(failed=True), "not-found\n"
        return enablement.Done(failed=not unit_state.is_enabled(state)), f"{state}\n"
    if verb == "enable":
        return enablement.enable(files, "x", names), ""
    if verb == "reenable":
        return enablement.reenable(files, "x", names), ""
    if verb == "disable":
        return enablement.disable(files, names), ""
    if verb == "mask":
        return enablement.mask(files, "x", names), ""
    if verb == "unmask":
        return enablement.unmask(files, names), ""
    if verb == "set-default":
        return enablement.set_default(files, "x", names[0]), ""
    wishes = {name: unit_state.preset(files, name) for name in names}
    return enablement.preset(files, "x", names, wishes), ""


def _attribute(made: Case, good: bool, paths: dict[str, str]) -> str:
    """How an attribute differs: it refuses what systemctl refuses, and what says nothing of a unit."""
    verb, *names = made.given
    files = Files(differential.tree(made.files))
    try:
        if verb == "enable":
            attributes.enable(files, "x", names=names, strict=True)
        elif verb == "disable":
            attributes.disable(files, "x", names=names)
        elif verb == "mask":
            attributes.mask(files, "x", names=names)
        else:
            return ""
    except ToolError as error:
        text = str(error)
        return "" if not good or any(one in text for one in _STRICTER) else f"{verb} refuses: {text}"
    return (
        "" if good and _links(differential.in_memory(files.tree)) == paths else f"{verb} takes it otherwise"
    )


# A slip in a BUILD file, of which systemctl only warns.
_STRICTER = ("there is no unit", "has no [Install] section", "is not there", "which is not known")


def excepted(made: Case, theirs: Outcome, mine: Outcome) -> str:
    """The reason why a difference is meant."""
    if mine.output == _BEYOND:
        return "a specifier of the machine in [Install]"
    verb, *names = made.given
    links = [made.files.get(f"etc/systemd/system/{name}") for name in names]
    if verb == "unmask" and any(
        isinstance(link, Link) and link.target.startswith("/") and link.target != "/dev/null"
        for link in links
    ):
        return "unmask looks for what an absolute link leads to on the machine that runs it, not below --root"
    differing = [path for path in theirs.paths if theirs.paths[path] != mine.paths.get(path)]
    if differing and all(_by_absolute(path, made.files.get(path), mine.paths) for path in differing):
        return "a link by way of an absolute one is followed on the machine that runs it, not below --root"
    if theirs.good and not mine.good:
        if "\nFailed to " in f"\n{theirs.said}":
            return "systemctl says that it failed, and ends with status 0: to a build that is a failure"
        if any(
            isinstance(node, Link) and f"/{path}".endswith(f"/{node.target.lstrip('/')}")
            for path, node in made.files.items()
        ):
            return "a link that leads to itself, which is no unit that can be loaded"
    return ""


def _by_absolute(path: str, link: Node | None, paths: Mapping[str, str]) -> bool:
    """Whether what a relative link leads to is itself an absolute link."""
    if not isinstance(link, Link) or link.target.startswith("/"):
        return False
    through = posixpath.normpath(posixpath.join(posixpath.dirname(path), link.target))
    return paths.get(through, "").startswith("link /")


KIND = Kind(case, real, ours, excepted)
