"""The order of an installation, as the logs of real ones have it."""

from pathlib import Path

from tests.testing.debs import Deb
from tools.sysimage.debian import order
from tools.sysimage.debian.configure_queue import Steps


def batches(folder: Path, *debs: Deb) -> list[tuple[list[str], list[str]]]:
    """For each batch what is unpacked, and what is configured, in their orders."""
    found = []
    for batch in order.batches([deb.load(folder) for deb in debs]):
        names = [package.name for package in batch.unpack]
        configured: list[str] = []
        batch.configure(Steps(configured.append))
        found.append((names, configured))
    return found


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
    assert first == (["d", "c", "b"], ["d", "c"])
    assert second == (["a"], ["b", "a"])


def test_what_is_pre_depended_on_would_come_before_what_apt_unpacks_first(tmp_path: Path) -> None:
    essential = {"Essential": "yes"}
    debs = (
        Deb("sh", fields=essential),
        Deb("init", fields={"Protected": "yes", "Pre-Depends": "manager"}),
        Deb("manager", fields={"Depends": "mounter", "Pre-Depends": "shared"}),
        Deb("mounter"),
        Deb("shared", fields={"Depends": "filter"}),
        Deb("filter"),
        Deb("bus"),
        Deb("cluster", fields={"Pre-Depends": "accounts | none"}),
        Deb("accounts", fields={"Depends": "sh, passwords"}),
        Deb("passwords"),
    )
    # As apt 2.6 has it; it names what it configures to dpkg, which processes no triggers then.
    assert batches(tmp_path, *debs)[1:] == [
        (["passwords", "accounts"], ["passwords", "accounts"]),
        (["cluster", "filter", "shared", "mounter"], ["filter", "shared"]),
        (["manager"], ["mounter", "manager"]),
        (["init", "bus"], ["bus", "init", "cluster"]),
    ]


def test_of_what_satisfies_a_dependency_only_one_would_be_unpacked_before(tmp_path: Path) -> None:
    debs = (
        Deb("a", fields={"Depends": "api"}),
        Deb("b"),
        *(Deb(name, fields={"Provides": "api", "Depends": "b"}) for name in ("x", "y", "z")),
    )
    # As apt 2.6 has it, with PHP's interpreters.
    assert batches(tmp_path, *debs)[0][0] == ["b", "z", "y", "x", "a"]


def test_apt_would_be_taken_for_essential_as_on_a_machine(tmp_path: Path) -> None:
    debs = (Deb("sh", fields={"Essential": "yes"}), Deb("a"), Deb("apt", fields={"Depends": "z"}), Deb("z"))
    # mmdebstrap turns that off, by pkgCacheGen::ForceEssential.
    assert [unpacked for unpacked, _ in batches(tmp_path, *debs)] == [["sh"], ["a", "z", "apt"]]


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
        Deb("d", fields={"Protected": "yes", "Priority": "optional"}),
        Deb("sh", fields={"Essential": "yes"}),
    )
    # As apt 2.6 has it: that a package is protected does not count.
    assert batches(tmp_path, *debs)[1][0] == ["c", "b", "a", "d"]


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
    # In the order of unpacking, and cycles last: dpkg breaks them at the end that it reaches last.
    assert configured == ["late", "aa", "zz", "lib"]


def test_of_two_that_provide_the_same_apt_would_take_the_one_of_lower_priority(tmp_path: Path) -> None:
    debs = (
        Deb("base", fields={"Essential": "yes", "Depends": "awk"}),
        Deb("gawk", fields={"Provides": "awk", "Priority": "optional"}),
        Deb("mawk", fields={"Provides": "awk", "Priority": "required"}),
    )
    assert batches(tmp_path, *debs)[0][0] == ["mawk", "base"]


def _queue(
    folder: Path, debs: tuple[Deb, ...], awaited: dict[str, str], pending: tuple[str, ...]
) -> list[str]:
    """What is configured, and, with a "!", whose triggers run. A package can await the triggers of others."""
    done: list[str] = []
    triggered = set(pending)

    def configure(name: str) -> None:
        done.append(name)
        triggered.update(awaited.get(name, "").split())

    def process(name: str) -> None:
        done.append(f"{name}!")
        triggered.remove(name)

    steps = Steps(
        configure,
        process,
        lambda name: name in triggered,
        lambda name: [other for other in awaited.get(name, "").split() if other in triggered],
    )
    packages = [deb.load(folder) for deb in debs]
    [batch] = [one for one in order.batches(packages) if not set(pending) & {p.name for p in one.unpack}][-1:]
    batch.configure(steps, pending)
    return done


def test_a_package_would_not_wait_for_the_triggers_of_what_it_depends_on(tmp_path: Path) -> None:
    debs = (
        Deb("early", fields={"Essential": "yes"}),
        Deb("libx"),
        Deb("tool", fields={"Depends": "libx"}),
        Deb("zed"),
    )
    # As dpkg 1.22 has it, where libx activates a trigger of early.
    assert _queue(tmp_path, debs, {}, ()) == ["libx", "zed", "tool"]
    assert _queue(tmp_path, debs, {"libx": "early"}, ()) == ["libx", "zed", "early!", "tool"]


def test_packages_would_be_processed_in_an_order_that_dpkgs_queue_does_not_have(tmp_path: Path) -> None:
    # As dpkg 1.22.22 had it: unpacked with --no-triggers, then configured by --configure --pending.
    early = tuple(Deb(name, fields={"Essential": "yes"}) for name in ("gnu", "elk", "cat", "aa"))
    debs = (*early, Deb("bee"), Deb("ibis"), Deb("jay"))
    done = _queue(tmp_path, debs, {}, ("gnu", "elk", "cat", "aa"))
    assert done == ["bee", "jay", "ibis", "elk!", "aa!", "cat!", "gnu!"]


def test_a_cycle_would_be_broken_at_a_package_with_a_postinst(tmp_path: Path) -> None:
    script = {"postinst": "#!/bin/sh\n"}
    debs = (
        Deb("a", fields={"Depends": "b"}, control=script),
        Deb("b", fields={"Depends": "c"}),
        Deb("c", fields={"Depends": "a"}, control=script),
    )
    assert _queue(tmp_path, debs, {}, ()) == ["b", "a", "c"]


def test_names_and_priorities_in_another_case_would_lose_their_order(tmp_path: Path) -> None:
    debs = (
        Deb("early", fields={"Essential": "yes"}),
        Deb("aaa"),
        Deb("bee", fields={"Depends": "ZED (1.0-1) | x_y:any"}),
        Deb("mid", fields={"Priority": "Required"}),
        Deb("low", fields={"Pre-Depends": "", "Homepage": "x"}),
        Deb("zed"),
    )
    [_, (unpacked, _)] = batches(tmp_path, *debs)
    assert unpacked == ["mid", "aaa", "zed", "bee", "low"]
