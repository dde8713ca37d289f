"""Compares dpkg-divert and dpkg-statoverride with dpkg's own, on a root filesystem in a folder."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.commands.rooted import Done, in_memory, package, real, rooted
from tests.commands.world import run
from tools.sysimage.debian import dpkg

_FILES: dict[str, str | None] = {
    "bin/a": "a",
    "bin/b": "b",
    "bin/l": "-> a",
    "lib": None,
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nbin:x:2:2::/bin:/bin/sh\n",
    "etc/group": "root:x:0:\nstaff:x:50:\n",
    "var/lib/dpkg/status": "",
    "var/lib/dpkg/info": None,
    "var/lib/dpkg/updates": None,
    "var/lib/dpkg/triggers": None,
}
_DATABASE = ("var/lib/dpkg/lock", "var/lib/dpkg/triggers/", "var/lib/dpkg/arch", "var/lib/dpkg/info/")


def _compare(script: str) -> None:
    theirs = real(script, _FILES, ["dpkg-divert", "dpkg-statoverride"])
    mine = _ours(script)
    assert (mine.status, mine.stdout, mine.stderr) == (theirs.status, theirs.stdout, theirs.stderr)
    assert _kept(mine) == _kept(theirs)


def _ours(script: str) -> Done:
    made = rooted(_FILES)
    status, stdout, stderr = run(made, script.encode())
    diversions = [(f"/{d.path}", f"/{d.target}", d.package) for d in made.root.unpacker.diversions.values()]
    dpkg.write_database(made.root.tree, [], "amd64", diversions, made.root.overrides)
    return Done(status, stdout, stderr, in_memory(made.root.tree))


def _kept(done: Done) -> dict[str, str]:
    found = {path: what for path, what in done.files.items() if not path.startswith(_DATABASE)}
    return {path: what for path, what in found.items() if what not in ("", "folder")}


_DIVERT = [
    "dpkg-divert /bin/a; dpkg-divert --list; dpkg-divert --truename /bin/a; dpkg-divert --listpackage /bin/a",
    "dpkg-divert --package p --rename /bin/a; dpkg-divert --truename /bin/a; "
    "dpkg-divert --listpackage /bin/a",
    "dpkg-divert --package p --no-rename --divert /bin/c --add /bin/a; dpkg-divert --package p --no-rename "
    "--divert /bin/c --add /bin/a; dpkg-divert --package q --no-rename --divert /bin/c --add /bin/a; "
    "dpkg-divert --local --no-rename --divert /bin/c --add /bin/b",
    "dpkg-divert --rename --divert /bin/b --add /bin/a",
    "dpkg-divert --rename --divert /none/b --add /bin/a",
    "dpkg-divert --no-rename --divert /none/b --add /none/a",
    "dpkg-divert --rename --divert /none/b --add /none/a",
    "dpkg-divert --rename --add /bin/l; dpkg-divert --rename --remove /bin/l",
    "dpkg-divert --rename --add /lib; dpkg-divert --rename --divert /bin/a /bin/a; dpkg-divert --rename a",
    "dpkg-divert --rename --divert a /bin/a; dpkg-divert; dpkg-divert --rename /a /b; dpkg-divert --remove",
    "dpkg-divert --truename /bin//x; dpkg-divert --truename /./bin/x",
    "dpkg-divert --no-rename //bin/a; dpkg-divert --truename /bin/a; "
    "dpkg-divert --no-rename --remove /./bin/a",
    "dpkg-divert --package p --rename /bin/a; dpkg-divert --package q --rename --remove /bin/a; "
    "dpkg-divert --rename --divert /x --remove /bin/a; dpkg-divert --rename --remove --quiet /bin/a",
    "dpkg-divert --remove --no-rename /bin/a; "
    "dpkg-divert --package p --remove --no-rename --divert /x /bin/a",
    "dpkg-divert --test --rename /bin/a; dpkg-divert --quiet --rename /bin/a; echo x >/bin/a; "
    "dpkg-divert --test --remove --rename /bin/a",
    "dpkg-divert --no-rename /bin/a; dpkg-divert --package p --no-rename /x; dpkg-divert --list '/b*' 'p'; "
    "dpkg-divert --list ':'; dpkg-divert --list '*distrib'; dpkg-divert --list none",
    "export DPKG_MAINTSCRIPT_PACKAGE=p; dpkg-divert --no-rename /bin/a; "
    "dpkg-divert --local --no-rename /bin/b; "
    "dpkg-divert --no-rename --remove /bin/b; dpkg-divert --no-rename --remove /bin/a",
]
_OVERRIDE = [
    "dpkg-statoverride --add root staff 2755 /bin/a; dpkg-statoverride --list; "
    "dpkg-statoverride --list /bin/a",
    "dpkg-statoverride --add '#0' '#7' 4755 /bin/a; dpkg-statoverride --add '#x' 0 1 /x; "
    "dpkg-statoverride --list",
    "dpkg-statoverride --add root staff 2755 /bin/a; dpkg-statoverride --add root root 755 /bin/a; "
    "dpkg-statoverride --force-all --add root root 755 /bin/a; "
    "dpkg-statoverride --force --add root bin 1 /bin/a;"
    "dpkg-statoverride --force-statoverride-add --add bin root 755 /bin/a",
    "dpkg-statoverride --remove /bin/a; dpkg-statoverride --quiet --remove /bin/a; "
    "dpkg-statoverride --force-statoverride-remove --remove /bin/a",
    "dpkg-statoverride --add root root 755 /bin/a/; dpkg-statoverride --add root root 755 /lib/./; "
    "dpkg-statoverride --remove --update /lib/",
    "dpkg-statoverride --add nobody root 755 /a; dpkg-statoverride --add root nobody 755 /a; "
    "dpkg-statoverride --add root root 999 /a; dpkg-statoverride --add root root 77777 /a; "
    "dpkg-statoverride --add root root 0755; dpkg-statoverride; dpkg-statoverride --remove; "
    "dpkg-statoverride --add 0 root 755 /a",
    "dpkg-statoverride --update --add root root 755 /none; dpkg-statoverride --list '/n*'; "
    "dpkg-statoverride --list '/x*'",
    "dpkg-statoverride --add root root 0755 /b; dpkg-statoverride --add root root 0755 /c; "
    "dpkg-statoverride --add root root 0755 /usr/bin/d; dpkg-statoverride --list",
]


@pytest.mark.parametrize("case", [*_DIVERT, *_OVERRIDE])
def test_a_diversion_or_override_would_be_kept_otherwise(case: str) -> None:
    for command in case.split(";"):
        case = case.replace(command, f"{command}\necho $?", 1)
    _compare(case.replace("echo x >/bin/a", "true"))


_path = st.sampled_from(["/bin/a", "/bin/b", "/bin/c", "/bin/a.distrib", "/lib/x"])
_who = st.sampled_from(["--local", "--package p", "--package q", ""])
_call = st.builds(
    "dpkg-divert {} {} {} {} {}".format,
    _who,
    st.sampled_from(["--rename", "--no-rename"]),
    st.one_of(st.just(""), st.builds("--divert {}".format, _path)),
    st.sampled_from(["--add", "--remove", "--add", "--remove", "--truename", "--listpackage"]),
    _path,
)


@given(st.lists(_call, min_size=2, max_size=7))
@settings(max_examples=120, deadline=None)
def test_a_sequence_of_diversions_would_end_otherwise(calls: list[str]) -> None:
    _compare("; ".join(f"{call}; echo $?" for call in calls) + "; dpkg-divert --list")


def test_a_renamed_file_would_lose_its_package_and_be_overwritten_later() -> None:
    made = rooted(_FILES)
    owner = package("Package: p\nVersion: 1\nArchitecture: all\n", {}, ["bin/a"])
    made.root.packages["p"] = owner
    made.root.unpacker.owners["bin/a"] = owner
    status, stdout, _ = run(made, b"dpkg-divert --package q --rename --divert /bin/a.old /bin/a")
    assert (status, stdout) == (0, b"Adding 'diversion of /bin/a to /bin/a.old by q'\n")
    assert made.root.unpacker.owners == {"bin/a.old": owner}
    status, stdout, _ = run(
        made, b"dpkg-divert --package p --rename --divert /bin/b.old /bin/b; dpkg -S /bin/a"
    )
    assert stdout.endswith(b"diversion by q from: /bin/a\ndiversion by q to: /bin/a.old\np: /bin/a\n")
