"""Compares update-rc.d with the program, and invoke-rc.d with what its text says where policy-rc.d denies."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import systemd_judge
from tests.commands.rooted import Done, in_memory, rooted
from tests.commands.world import run

_HEADER = (
    "#!/bin/sh\n### BEGIN INIT INFO\n"
    "# Default-Start:     {start}\n# Default-Stop:      {stop}\n### END INIT INFO\n"
)
_UNIT = "[Install]\nWantedBy=m.target\n"


def _agree(script: str, files: dict[str, str | None]) -> None:
    real = systemd_judge.real(script, files)
    made = rooted(files)
    if "usr/bin/systemctl" in files:
        made.root.tree["usr/bin/systemctl"].mode = 0o755
    status, stdout, stderr = run(made, script.encode())
    ours = Done(status, stdout, stderr, in_memory(made.root.tree))
    assert (ours.status, ours.stdout, ours.files) == (real.status, real.stdout, real.files), real.stderr


def _files(start: str, stop: str) -> dict[str, str | None]:
    return {
        "etc/systemd/system": None,
        "etc/init.d/a": _HEADER.format(start=start, stop=stop),
        "etc/init.d/ab": _HEADER.format(start="S", stop=""),
        "usr/lib/systemd/system/a.service": _UNIT,
        "usr/bin/systemctl": "",
        "lib": "-> usr/lib",
    }


_CASES = (
    "update-rc.d a defaults",
    "update-rc.d ab defaults; update-rc.d a defaults; update-rc.d a defaults-disabled",
    "update-rc.d a defaults-disabled; update-rc.d a enable",
    "update-rc.d a defaults; update-rc.d a disable; update-rc.d a enable 2",
    "update-rc.d a defaults; update-rc.d -f a remove",
    "update-rc.d zz defaults; echo $?; update-rc.d zz remove; echo $?; update-rc.d a disable; echo $?",
    "update-rc.d a start 20 2 3 . stop 1 0 .; update-rc.d; echo $?; update-rc.d -x a defaults; echo $?",
)


@pytest.mark.parametrize("script", _CASES)
def test_an_init_script_would_get_other_links_than_by_update_rc_d(script: str) -> None:
    _agree(script, _files("2 3 4 5", "0 1 6"))


def test_a_level_that_systems_do_not_have_would_get_no_link() -> None:
    _agree("update-rc.d a defaults", _files("2 5", "0 x"))


_VERBS = st.sampled_from(
    ("defaults", "defaults-disabled", "enable", "disable", "remove", "disable 2", "enable S 0")
)
_LEVELS = st.lists(st.sampled_from("0123456S"), max_size=3).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("a", "ab")), _VERBS), min_size=1, max_size=4), _LEVELS, _LEVELS)
def test_generated_calls_of_update_rc_d_would_differ(
    calls: list[tuple[str, str]], start: str, stop: str
) -> None:
    script = "".join(f"update-rc.d {name} {verb}; echo $?\n" for name, verb in calls)
    _agree(script, _files(start, stop))


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("a start", 0),
        ("a status", 4),
        ("--quiet a restart", 0),
        ("--disclose-deny a start", 101),
        ("--query a start", 101),
        ("--query zz start", 101),
        ("--force zz start", 102),
        ("zz stop", 0),
        ("--skip-systemd-native a start", 0),
        ("a", 103),
        ("--bogus a start", 103),
        ("'a b' start", 103),
    ],
)
def test_invoke_rc_d_would_end_with_another_status(call: str, status: int) -> None:
    # By hand: the program of the lock in a chroot with a policy-rc.d of `exit 101`.
    made = rooted({"etc/init.d/a": "#!/bin/sh\n"})
    made.root.tree["etc/init.d/a"].mode = 0o755
    assert run(made, f"invoke-rc.d {call}".encode())[0] == status
