"""Compares update-alternatives with that of dpkg, call by call, on a root filesystem in a folder."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands.rooted import Done, ours, real, rooted
from tests.commands.world import run

_PATHS = ("/opt/a", "/opt/b", "/opt/c", "/opt/gone")
_FILES: dict[str, str | None] = {
    "opt/a": "a",
    "opt/b": "b",
    "opt/c": "c",
    "opt/m1": "1",
    "opt/m2": "2",
    "usr/bin/real": "a file of a package",
    "usr/bin/folder": None,
    "usr/share/x": None,
    "etc": None,
}
_INSTALL = "update-alternatives --install /usr/bin/x x"
_CASES = [
    f"{_INSTALL} /opt/a 10; {_INSTALL} /opt/b 20; {_INSTALL} /opt/c 20; update-alternatives --display x",
    f"{_INSTALL} /opt/a 10 --slave /usr/share/x/m x.m /opt/m1 --slave /usr/share/x/n x.n /opt/none",
    f"{_INSTALL} /opt/a 10 --slave /usr/share/x/m x.m /opt/m1; {_INSTALL} /opt/b 20",
    f"{_INSTALL} /opt/a 10; {_INSTALL} /opt/a 10 --slave /usr/share/x/m x.m /opt/m1",
    f"{_INSTALL} /opt/a 10 --slave /usr/share/x/m x.m /opt/m1; "
    f"{_INSTALL} /opt/a 10 --slave /usr/share/x/n x.m /opt/m1",
    f"{_INSTALL} /opt/a 10; update-alternatives --install /usr/bin/y x /opt/b 5",
    "update-alternatives --install /usr/bin/real x /opt/a 1; update-alternatives --remove x /opt/a",
    "update-alternatives --force --install /usr/bin/real x /opt/a 1; update-alternatives --query x",
    "update-alternatives --install /usr/bin/folder x /opt/a 1; update-alternatives --display x",
    "update-alternatives --install /nowhere/x x /opt/a 1; update-alternatives --display x",
    "update-alternatives --install /usr/bin/x x /opt/gone 1; update-alternatives --remove x /opt/gone",
    f"{_INSTALL} /opt/a 10 --slave /usr/bin/real x.m /opt/m1; update-alternatives --remove-all x",
    f"{_INSTALL} /opt/a 10; update-alternatives --set x /opt/b; update-alternatives --set x /opt/a; "
    f"{_INSTALL} /opt/b 20; update-alternatives --get-selections; update-alternatives --auto x",
    f"{_INSTALL} /opt/a 10; {_INSTALL} /opt/b 5; echo 'x manual /opt/b' | "
    "update-alternatives --set-selections; update-alternatives --list x",
    "printf 'x\\ny auto\\nz auto auto\\n' | update-alternatives --set-selections",
    f"{_INSTALL} /opt/a 10 --slave /usr/bin/y y /opt/m1; "
    "update-alternatives --install /usr/bin/z y /opt/b 1; "
    "update-alternatives --install /usr/bin/y z /opt/b 1;"
    "update-alternatives --install /usr/bin/w w /opt/b 1 --slave /usr/bin/v x /opt/m1;"
    "update-alternatives --install /usr/bin/w w /opt/b 1 --slave /usr/bin/v y /opt/m1;"
    "update-alternatives --install /usr/bin/w w /opt/b 1 --slave /usr/bin/y v /opt/m1;"
    "update-alternatives --install /usr/bin/x x /opt/b 1 --slave /usr/bin/y v /opt/m1",
    "update-alternatives; update-alternatives x; update-alternatives --foo; update-alternatives --display",
    "update-alternatives --install /a x b 1; update-alternatives --install a x /opt/a 1; "
    "update-alternatives --install /a 'x y' /opt/a 1; update-alternatives --install /a x /a 1; "
    "update-alternatives --install /a x /opt/a one; update-alternatives --install /a x /opt/a 99999999999",
    "update-alternatives --slave /a b /c; update-alternatives --list x; "
    "update-alternatives --list x --auto x",
    "update-alternatives --remove x y; update-alternatives --verbose --remove x /y",
    f"{_INSTALL} /opt/a 10; update-alternatives --quiet --remove-all x; update-alternatives --remove-all x",
    f"{_INSTALL} /opt/a 10; update-alternatives --config x --skip-auto",
    f"{_INSTALL} /opt/a 1 --slave /usr/bin/y x /opt/m1; {_INSTALL} /opt/a 1 --slave /usr/bin/x y /opt/m1;"
    f"{_INSTALL} /opt/a 1 --slave /b b /c --slave /b c /c; "
    f"{_INSTALL} /opt/a 1 --slave /b b /c --slave /c b /d",
]


def _compare(script: str, files: dict[str, str | None]) -> None:
    assert ours(script, files) == _real(script, files)


def _real(script: str, files: dict[str, str | None]) -> Done:
    return real(script, files, ["update-alternatives"])


@pytest.mark.parametrize("case", _CASES)
def test_update_alternatives_would_leave_something_else_than_dpkgs(case: str) -> None:
    for command in case.split(";"):
        case = case.replace(command, f"{command}\necho $?", 1)
    _compare(case, _FILES)


_BROKEN = [
    "auto\n/usr/bin/x\n\n/opt/a\n10\n\n",
    "auto\n/usr/bin/x\nm\n/usr/share/x/m\n\n/opt/gone\n10\n/opt/m1\n/opt/b\n5\n\n\n",
    "manual\n/usr/bin/x\n\n/opt/a\n10\n/opt/b\n20\n\n",
    "auto\n/usr/bin/x\n",
    "none\n/usr/bin/x\n\n\n",
    "auto\n/usr/bin/x\n\n/opt/a\nten\n\n",
    "auto\n/usr/bin/x\n\n/opt/a\n99999999999\n\n",
    "auto\n/usr/bin/x\n\n/opt/a\n10",
    "",
    "auto\n/usr/bin/x\nm\n/usr/bin/x\n\n\n",
    "auto\n/usr/bin/x\nm\n/m\nm\n/n\n\n\n",
]


@pytest.mark.parametrize("database", _BROKEN)
@pytest.mark.parametrize("link", ["", "-> /opt/a", "-> /opt/gone", "-> /opt/c", "a file"])
def test_a_database_that_is_there_would_be_read_otherwise(database: str, link: str) -> None:
    files = _FILES | {"var/lib/dpkg/alternatives/x": database}
    if link:
        files["etc/alternatives/x"] = link
    for call in (f"{_INSTALL} /opt/b 20", "update-alternatives --display x", "update-alternatives --auto x"):
        _compare(f"{call}; echo $?; update-alternatives --get-selections; echo $?", files)


_name = st.sampled_from(["x", "y"])
_link = st.sampled_from(["/usr/bin/x", "/usr/bin/y", "/usr/bin/real", "/usr/share/x/z"])
_path = st.sampled_from(_PATHS)
_slave = st.builds(
    "--slave {} {} {}".format,
    st.sampled_from(["/usr/share/x/m", "/usr/share/x/n", "/usr/bin/real"]),
    st.sampled_from(["m", "n"]),
    st.sampled_from(["/opt/m1", "/opt/m2", "/opt/none"]),
)
_added = st.builds(
    lambda link, name, path, priority, slaves: (
        f"update-alternatives --install {link} {name} {path} {priority} {' '.join(slaves)}"
    ),
    _link,
    _name,
    _path,
    st.integers(-1, 2),
    st.lists(_slave, max_size=2),
)
_other = st.one_of(
    st.builds("update-alternatives --remove {} {}".format, _name, _path),
    st.builds("update-alternatives --set {} {}".format, _name, _path),
    st.builds("update-alternatives --{} {}".format, st.sampled_from(["auto", "remove-all", "query"]), _name),
    st.builds("update-alternatives --force --auto {}".format, _name),
)


@given(st.lists(st.one_of(_added, _added, _other), min_size=2, max_size=7))
@settings(max_examples=200, deadline=None)
def test_a_sequence_of_calls_would_leave_something_else(calls: list[str]) -> None:
    _compare("; ".join(f"{call}; echo $?" for call in calls), _FILES)


def test_a_slave_whose_file_the_image_leaves_out_would_get_a_link() -> None:
    made = rooted({"etc/alternatives": None, "usr/bin/mini": "", "usr/share/man/man1/mini.1.gz": ""})
    made.root.excluded = lambda path: path.startswith("usr/share/man/")
    call = (
        "update-alternatives --install /usr/bin/edit edit /usr/bin/mini 5"
        " --slave /usr/share/man/man1/edit.1.gz edit.1.gz /usr/share/man/man1/mini.1.gz"
        " --slave /usr/bin/view view /usr/bin/mini"
    )
    assert run(made, call.encode())[0] == 0
    assert sorted(made.root.tree.children("etc/alternatives")) == [
        "etc/alternatives/edit",
        "etc/alternatives/view",
    ]


def test_a_set_of_compilers_without_base_files_would_not_build() -> None:
    made = rooted({"usr/bin/cpp": "", "usr/lib/x": ""})
    assert run(made, b"update-alternatives --quiet --install /lib/cpp cpp /usr/bin/cpp 10")[0] == 0
    assert made.root.tree["lib"].target == "usr/lib"
    assert made.root.tree["usr/lib/cpp"].target == "/etc/alternatives/cpp"
