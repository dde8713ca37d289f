"""Triggers, as dpkg 1.22.22 had them for such packages in a chroot."""

import pytest

from tests.commands.rooted import package
from tests.commands.world import run, world
from tools.sysimage.commands import triggers
from tools.sysimage.commands.world import World
from tools.sysimage.debian.dpkg import Package
from tools.sysimage.debian.unpack import Diversion


def _package(name: str, directives: str = "", paths: tuple[str, ...] = (), conffiles: str = "") -> Package:
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\n"
    return package(control, {"triggers": directives, "conffiles": conffiles}, list(paths))


def _world(*packages: Package) -> World:
    made = world()
    for one in packages:
        made.root.packages[one.name] = one
        made.configured.add(one.name)
    return made


def test_a_name_would_be_processed_once_for_each_call() -> None:
    made = _world(_package("a", "interest x\ninterest-noawait y\n"), _package("b", "interest x\n"))
    for name in ("x", "y", "x"):
        triggers.activate(made, name, "")
    # The latest is the first, as dpkg gives them to the script.
    assert triggers.pending(made) == [("a", ["y", "x"]), ("b", ["x"])]
    triggers.processing(made, "a")
    assert triggers.pending(made) == [("b", ["x"])]


def test_a_path_would_trigger_only_itself_and_not_those_above() -> None:
    made = _world(_package("a", "interest-noawait /usr/share/doc\n"), _package("b", "interest /usr/share\n"))
    triggers.activate(made, "/usr/share/doc/x/y", "")
    assert triggers.pending(made) == [("a", ["/usr/share/doc"]), ("b", ["/usr/share"])]
    assert triggers.interested(made, "/usr") == []


def test_a_package_that_is_not_configured_would_be_triggered() -> None:
    made = _world(_package("a", "interest x\n"))
    made.configured.clear()
    triggers.activate(made, "x", "")
    assert triggers.pending(made) == []


def test_files_would_not_trigger_when_they_are_unpacked() -> None:
    made = _world(_package("a", "interest-noawait /usr/share/f\ninterest-noawait /etc\n"))
    new = _package("n", "activate z\n", ("", "usr", "usr/share", "usr/share/f", "usr/share/f/1"))
    made.root.packages["n"] = new
    triggers.unpacked(made, new)
    assert triggers.pending(made) == [("a", ["/usr/share/f"])]


def test_a_conffile_would_trigger_too_early() -> None:
    made = _world(_package("a", "interest-noawait /etc/f\n"))
    new = _package("n", "", ("etc/f/1",), "/etc/f/1\n")
    made.root.packages["n"] = new
    triggers.unpacked(made, new)
    assert triggers.pending(made) == []
    triggers.configuring(made, new)
    assert triggers.pending(made) == [("a", ["/etc/f"])]


def test_a_diverted_file_would_trigger_under_its_old_name() -> None:
    made = _world(_package("a", "interest-noawait /bin/x\ninterest-noawait /bin/y\n"))
    made.root.unpacker.diversions["bin/x"] = Diversion("bin/x", "bin/y", "a")
    triggers.unpacked(made, _package("n", "", ("bin/x",)))
    assert triggers.pending(made) == [("a", ["/bin/y"])]


def test_a_script_could_not_trigger_its_own_package() -> None:
    own = _package("a", "interest x\n")
    made = _world(own)
    made.package, made.script = own, "postinst"
    assert run(made, b"dpkg-trigger --by-package=a x")[0] == 0
    assert triggers.pending(made) == []
    triggers.script_ended(made)
    assert triggers.pending(made) == [("a", ["x"])]


@pytest.mark.parametrize(
    ("option", "states"),
    [("", (b"triggers-awaited", b"installed")), ("--no-await", (b"installed", b"installed"))],
)
def test_who_awaits_a_trigger_would_be_installed_at_once(option: str, states: tuple[bytes, bytes]) -> None:
    made = _world(_package("a", "interest x\n"), _package("b"))
    run(made, f"dpkg-trigger --by-package=b {option} x".encode())
    ask = b"dpkg-query -W -f '${db:Status-Status}' b"
    before = run(made, ask)[1]
    triggers.processing(made, "a")
    assert (before, run(made, ask)[1]) == states


def test_another_run_of_dpkg_would_keep_the_order() -> None:
    made = _world(_package("a", "interest x\ninterest y\n"))
    triggers.activate(made, "x", "")
    triggers.activate(made, "y", "")
    triggers.new_run(made)
    assert triggers.pending(made) == [("a", ["x", "y"])]


def test_what_comes_later_would_be_processed_earlier() -> None:
    made = _world(_package("a", "interest x\n"), _package("b", "interest y\n"))
    triggers.activate(made, "y", "")
    triggers.activate(made, "x", "")
    assert [name for name, _ in triggers.pending(made)] == ["b", "a"]
    assert triggers.new_run(made) == ["b", "a"]


def test_a_call_of_dpkg_trigger_would_be_taken_that_has_no_meaning() -> None:
    for call in ("dpkg-trigger", "dpkg-trigger a b", "dpkg-trigger x", "dpkg-trigger --no-await 'a b'"):
        assert run(_world(), call.encode())[0] == 2
    assert run(_world(), b"dpkg-trigger --check-supported")[0] == 0
