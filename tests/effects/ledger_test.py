"""The ledger: no script goes uncovered, and an entry covers its own script alone."""

import hashlib
from pathlib import Path

import pytest

from tests.testing.debs import Deb
from tests.testing.roots import make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import ledger
from tools.sysimage.effects.ledger import Call, Ledger, Uncovered
from tools.sysimage.effects.registry import EFFECTS, Effect, When

ADDED = "# Automatically added by dh_greet\ngreet\n# End automatically added section\n"
GREET = f"""[[section]]
tool = "dh_greet"
sha256 = ["{hashlib.sha256(b"greet").hexdigest()}"]
effect = "catalog"
"""


def calls(folder: Path, text: str, extra: str = "", script: str = "postinst") -> list[Call] | Uncovered:
    more = folder / "extra.toml"
    more.write_text(extra)
    found, lacking = Ledger([more]).calls(Deb("pkg", control={script: text}).load(folder), script)
    return lacking[0] if lacking else found


@pytest.mark.parametrize("text", ["#!/bin/sh\nset -e\n\nexit 0\n", "#!/bin/sh\n# only words\n:\n", ""])
def test_script_that_does_nothing_needs_no_entry(tmp_path: Path, text: str) -> None:
    assert calls(tmp_path, text) == []


def test_unknown_script_says_package_text_and_the_lines_to_add(tmp_path: Path) -> None:
    found = calls(tmp_path, "#!/bin/sh\nuseradd evil\n")
    assert isinstance(found, Uncovered)
    message = found.message()
    for part in ("pkg: postinst", "    useradd evil\n", "[[script]]", 'package = "pkg"', found.sha256):
        assert part in message


def test_all_that_is_uncovered_is_told_at_once(tmp_path: Path) -> None:
    package = Deb("pkg", control={"postinst": f"{ADDED}mkdir /x\n{ADDED}"}).load(tmp_path)
    _, lacking = Ledger().calls(package, "postinst")
    assert [part.section is not None for part in lacking] == [True, True, False]


def test_entry_covers_the_script_and_no_other(tmp_path: Path) -> None:
    text = "#!/bin/sh\nmkdir /x\n"
    found = calls(tmp_path, text)
    assert isinstance(found, Uncovered)
    entry = f'[[script]]\npackage = "pkg"\nscript = "postinst"\nsha256 = ["{found.sha256}"]\n'
    effects = 'effects = [{ do = "mkdir", path = "x" }]\n'
    assert calls(tmp_path, text, entry + effects) == [Call("mkdir", {"path": "x"})]
    assert calls(tmp_path, text, entry + 'ignore = "a reason"\n') == []
    assert isinstance(calls(tmp_path, text + "rm /y\n", entry + effects), Uncovered)
    assert isinstance(calls(tmp_path, text, entry + effects, script="preinst"), Uncovered)
    # What debhelper adds does not change the rest, whose effects come first.
    for whole in (text + ADDED, text.replace("mkdir", f"{ADDED}mkdir")):
        assert calls(tmp_path, whole, GREET + entry + effects) == [
            Call("mkdir", {"path": "x"}),
            Call("catalog"),
        ]


def test_sections_have_the_place_that_the_entry_gives_them(tmp_path: Path) -> None:
    text = f"#!/bin/sh\n{ADDED}mkdir /x\n"
    _, (lacking,) = Ledger().calls(
        Deb("pkg", control={"postinst": "#!/bin/sh\nmkdir /x\n"}).load(tmp_path), "postinst"
    )
    entry = (
        f'[[script]]\npackage = "pkg"\nscript = "postinst"\nsha256 = ["{lacking.sha256}"]\n'
        'effects = [{ do = "sections" }, { do = "mkdir", path = "x" }]\n'
    )
    assert calls(tmp_path, text, GREET + entry) == [Call("catalog"), Call("mkdir", {"path": "x"})]


def test_effect_with_a_condition_needs_the_path(tmp_path: Path) -> None:
    root = make({"usr/sbin/adduser": ""})
    package = Deb("pkg").load(tmp_path)
    for path in ("usr/sbin/adduser", "usr/sbin/none"):
        call = Call("mkdir", {"path": f"made/{path}", "when": path})
        ledger.run(root, package, "postinst", [call])
    assert "made/usr/sbin/adduser" in root.tree
    assert "made/usr/sbin/none" not in root.tree


def test_entry_with_a_wrong_parameter_is_an_error_also_for_what_comes_late(tmp_path: Path) -> None:
    package = Deb("pkg").load(tmp_path)
    for effect in ("mkdir", "catalog"):
        with pytest.raises(ToolError, match="the ledger's entry for pkg postinst"):
            ledger.run(make(), package, "postinst", [Call(effect, {"color": "red"})])


def test_late_effects_with_parameters_are_as_many_as_there_are(tmp_path: Path) -> None:
    root = make()
    calls = [Call("not_with", {"path": path, "why": "x"}) for path in ("a", "b", "a")] + [
        Call("ldconfig")
    ] * 2
    ledger.run(root, Deb("pkg").load(tmp_path), "postinst", calls)
    assert len(root.late) == 3


def test_effects_at_the_end_come_by_their_numbers_and_not_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def effect(name: str, order: int) -> Effect:
        return Effect(name, lambda root, who, **parameters: done.append(name), When.AT_THE_END, order)

    monkeypatch.setattr(ledger, "EFFECTS", {"a": effect("a", 3), "b": effect("b", 1), "c": effect("c", 20)})
    root = make()
    ledger.run(root, Deb("pkg").load(tmp_path), "postinst", [Call("c"), Call("a", {"of": "x"}), Call("b")])
    assert done == []
    ledger.finish(root)
    assert done == ["b", "a", "c"]


def test_each_effect_at_the_end_has_a_place_of_its_own() -> None:
    late = [effect for effect in EFFECTS.values() if effect.when is When.AT_THE_END]
    assert len({effect.order for effect in late}) == len(late)
    # ldconfig looks for libraries through the links that alternatives make.
    assert EFFECTS["alternatives_late"].order < EFFECTS["alternatives_link"].order < EFFECTS["ldconfig"].order


@pytest.mark.parametrize(
    "entry",
    [
        'sha256 = ["x"]',
        'sha256 = ["x"]\nignore = "y"\neffects = []',
        'ignore = "y"',
        'sha256 = ["x"]\nignore = "y"\nwhy = "z"',
        'sha256 = ["x"]\neffects = [{ do = "nosuch" }]',
        "sha256 = [",
    ],
)
def test_entry_that_says_too_little_or_too_much_is_refused(tmp_path: Path, entry: str) -> None:
    with pytest.raises(ToolError, match=r"extra.toml"):
        calls(tmp_path, "", f'[[script]]\npackage = "p"\nscript = "postinst"\n{entry}\n')
