"""The order of an installation, as the logs of real ones have it."""

from pathlib import Path

from tests.testing.debs import Deb
from tools.sysimage.debian import order


def batches(folder: Path, *debs: Deb) -> list[tuple[list[str], list[str]]]:
    return [
        ([package.name for package in batch.unpack], [package.name for package in batch.configure])
        for batch in order.batches([deb.load(folder) for deb in debs])
    ]


def test_what_is_essential_comes_first_with_what_it_needs(tmp_path: Path) -> None:
    debs = (
        Deb("aaa"),
        Deb("sh", fields={"Essential": "yes", "Depends": "zlib"}),
        Deb("zlib"),
    )
    assert batches(tmp_path, *debs) == [(["zlib", "sh"], ["zlib", "sh"]), (["aaa"], ["aaa"])]


def test_what_others_pre_depend_on_is_configured_before_they_are_unpacked(tmp_path: Path) -> None:
    debs = (
        Deb("a", fields={"Depends": "b", "Pre-Depends": "c"}),
        Deb("b", fields={"Depends": "a"}),
        Deb("c", fields={"Depends": "d"}),
        Deb("d"),
    )
    first, second = batches(tmp_path, *debs)
    assert first == (["d", "c"], ["d", "c"])
    assert second[0] == ["b", "a"]


def test_cycle_ends_when_nothing_else_is_left(tmp_path: Path) -> None:
    debs = (
        Deb("a", fields={"Depends": "b"}),
        Deb("b", fields={"Depends": "a"}),
        Deb("c", fields={"Depends": "b"}),
    )
    ((unpacked, configured),) = batches(tmp_path, *debs)
    assert sorted(unpacked) == sorted(configured) == ["a", "b", "c"]
    assert configured.index("c") > configured.index("b")


def test_dependency_on_what_another_package_provides_is_seen(tmp_path: Path) -> None:
    debs = (Deb("a", fields={"Depends": "none | virtual"}), Deb("z", fields={"Provides": "virtual (= 1)"}))
    assert batches(tmp_path, *debs) == [(["z", "a"], ["z", "a"])]


def test_packages_are_configured_in_the_order_of_dpkgs_table(tmp_path: Path) -> None:
    names = ["systemd-sysv", "login.defs", "runit-helper", "libexpat1", "libkeyutils1"]
    ((_, configured),) = batches(tmp_path, *map(Deb, names))
    # From the log of a real installation.
    assert configured == ["libexpat1", "runit-helper", "systemd-sysv", "libkeyutils1", "login.defs"]


def test_what_can_not_be_configured_yet_has_another_turn_after_all_others(tmp_path: Path) -> None:
    debs = (Deb("libexpat1", fields={"Depends": "login.defs"}), Deb("systemd-sysv"), Deb("login.defs"))
    ((_, configured),) = batches(tmp_path, *debs)
    assert configured == ["systemd-sysv", "login.defs", "libexpat1"]


def test_apt_unpacks_by_priority_and_what_pre_depends_first(tmp_path: Path) -> None:
    debs = (
        Deb("a", fields={"Priority": "optional"}),
        Deb("b", fields={"Priority": "required"}),
        Deb("c", fields={"Priority": "optional", "Pre-Depends": "sh"}),
        Deb("d", fields={"Protected": "yes"}),
        Deb("sh", fields={"Essential": "yes"}),
    )
    assert batches(tmp_path, *debs)[1][0] == ["d", "c", "b", "a"]


def test_of_what_is_essential_those_that_pre_depend_would_not_be_first(tmp_path: Path) -> None:
    essential = {"Essential": "yes"}
    debs = (
        Deb("aa", fields=essential | {"Depends": "late"}),
        Deb("zz", fields=essential | {"Pre-Depends": "lib"}),
        Deb("lib", fields={"Depends": "zz"}),
        Deb("late"),
    )
    ((unpacked, configured),) = batches(tmp_path, *debs)
    assert unpacked == ["lib", "zz", "late", "aa"]
    # In the order of unpacking, and cycles last.
    assert configured == ["late", "aa", "lib", "zz"]
