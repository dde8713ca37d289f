"""Compares pam-auth-update with the program, with a debconf that asks nobody."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands import judge, systemd_judge
from tests.commands.rooted import Done, in_memory, rooted
from tests.commands.world import run

_KINDS = ("auth", "account", "password", "session", "session-noninteractive")
_PROFILE = """Name: {name}
Default: {default}
Priority: {priority}
Conflicts: {conflicts}
Auth-Type: {kind}
Auth:
\t[success=end default=ignore]\tpam_{name}.so nullok try_first_pass
\trequired pam_{name}2.so
Auth-Initial:
\t[success=end default=ignore]\tpam_{name}.so nullok
Session-Type: Additional
Session-Interactive-Only: {only}
Session:
\toptional\tpam_{name}.so
"""
_NAMES = ("unix", "sss", "x", "y")
_FORCE = "mkdir -p var/lib/pam etc/pam.d; pam-auth-update --package --force; echo $?\n"


def _templates() -> dict[str, str | None]:
    texts = {f"usr/share/pam/common-{kind}": judge.root() / f"usr/share/pam/common-{kind}" for kind in _KINDS}
    return {
        "etc/pam.d": None,
        "var/lib/pam": None,
        **{path: file.read_text() for path, file in texts.items()},
    }


def _agree(script: str, profiles: dict[str, str]) -> None:
    files = _templates() | {f"usr/share/pam-configs/{name}": text for name, text in profiles.items()}
    real = systemd_judge.real(script, files)
    made = rooted(files)
    status, stdout, stderr = run(made, script.encode())
    ours = Done(status, stdout, stderr, in_memory(made.root.tree))
    assert (ours.status, ours.stdout, ours.files) == (real.status, real.stdout, real.files), real.stderr


def _profile(
    name: str, default: str = "yes", priority: int = 0, conflicts: str = "", kind: str = "Primary"
) -> str:
    return _PROFILE.format(
        name=name,
        default=default,
        priority=priority,
        conflicts=conflicts,
        kind=kind,
        only="yes" if priority else "no",
    )


_CALLS = (
    "",
    "pam-auth-update --package",
    "pam-auth-update --enable x",
    "pam-auth-update --enable x; pam-auth-update --disable x --package",
    "pam-auth-update --enable x; pam-auth-update --package --remove x; rm usr/share/pam-configs/x",
    "pam-auth-update --package --force",
    "pam-auth-update --package y; pam-auth-update x",
)


@pytest.mark.parametrize("call", _CALLS)
def test_the_stacks_of_pam_would_be_others_than_the_programs(call: str) -> None:
    _agree(
        _FORCE + call, {"unix": _profile("unix", priority=256), "x": _profile("x", "no"), "y": _profile("y")}
    )


def test_a_profile_with_a_conflict_would_go_instead_of_the_one_that_it_names() -> None:
    _agree(_FORCE, {"unix": _profile("unix", priority=256), "x": _profile("x", conflicts="unix")})


def test_a_conflict_that_a_pass_goes_over_would_stay() -> None:
    profiles = {
        "unix": _profile("unix", priority=256),
        "sss": _profile("sss", priority=256, conflicts="unix"),
        "x": _profile("x", priority=128, conflicts="sss"),
    }
    _agree(_FORCE, profiles)


def test_a_call_before_the_first_one_with_force_would_write_the_stacks() -> None:
    _agree("pam-auth-update --package; echo $?", {"unix": _profile("unix")})


_WORDS = st.sampled_from(("--enable x", "--disable y", "--enable sss", "--remove sss", "", "--disable unix"))


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(_NAMES[1:]),
        st.tuples(
            st.sampled_from(("yes", "no")),
            st.sampled_from((0, 128, 256, 700)),
            st.sampled_from(("", "x", "sss, y", "unix")),
            st.sampled_from(("Primary", "Additional")),
        ),
    ),
    st.lists(_WORDS, max_size=3),
)
def test_generated_profiles_would_give_other_stacks(
    profiles: dict[str, tuple[str, int, str, str]], calls: list[str]
) -> None:
    texts = {name: _profile(name, *values) for name, values in profiles.items() if name not in values[2]}
    # One that nothing takes away: without any the program asks again and again.
    texts |= {"unix": _profile("unix", priority=256), "base": _profile("base", priority=1)}
    _agree(_FORCE + "".join(f"pam-auth-update --package {words}; echo $?\n" for words in calls), texts)
