"""The ledger: an entry is about its own script or command alone."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.testing.debs import Deb
from tests.testing.roots import make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import ledger
from tools.sysimage.effects.ledger import Call, Ledger
from tools.sysimage.effects.registry import EFFECTS, Effect, When


def calls(folder: Path, text: str, extra: str = "", script: str = "postinst") -> Sequence[Call] | None:
    more = folder / "extra.toml"
    more.write_text(extra)
    return Ledger([more]).calls(Deb("pkg", control={script: text}).load(folder), script)


def test_entry_covers_the_script_and_no_other(tmp_path: Path) -> None:
    text = "#!/bin/sh\nmkdir /x\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    entry = f'[[script]]\npackage = "pkg"\nscript = "postinst"\nsha256 = ["{digest}"]\n'
    effects = 'effects = [{ do = "mkdir", path = "x" }]\n'
    assert calls(tmp_path, text) is None
    assert calls(tmp_path, text, entry + effects) == [Call("mkdir", {"path": "x"})]
    assert calls(tmp_path, text, entry + 'ignore = "a reason"\n') == []
    assert calls(tmp_path, text + "rm /y\n", entry + effects) is None
    assert calls(tmp_path, text, entry + effects, script="preinst") is None


def test_command_entry_is_about_its_package_and_words_alone(tmp_path: Path) -> None:
    more = tmp_path / "extra.toml"
    more.write_text('[[command]]\npackage = "a"\ncommand = "frob --x *"\nreason = "seen"\n')
    [entry] = [entry for entry in Ledger([more]).commands if entry.package == "a"]
    assert entry.fits("a", ["frob", "--x", "y z"])
    assert not entry.fits("b", ["frob", "--x", "y"])
    assert not entry.fits("a", ["frob", "--y", "--x"])


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
    calls = [Call("alternatives_link", {"link": path, "target": "x"}) for path in ("a", "b", "a")] + [
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
    assert EFFECTS["alternatives_link"].order < EFFECTS["ldconfig"].order


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
