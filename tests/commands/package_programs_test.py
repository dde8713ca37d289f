"""Programs of single packages, and what they did in a chroot."""

import pytest

from tests.commands.rooted import in_memory, rooted
from tests.commands.world import run
from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import ledger

_FORMATS = {
    "a": "package pA\ninterpreter /usr/bin/a\nextension py\n",
    "b": "package pB\ninterpreter /usr/bin/b\ndetector /d\nmagic \\xcf\nmask \\xff\ncredentials yes\n",
    "c": "package pC\ninterpreter /usr/bin/c\nmagic ZZ\noffset 2\npreserve yes\nfix_binary yes\n",
}
# Of update-binfmts 2.2.2.
_RECORDS = {
    "a": "pA\nextension\n0\npy\n\n/usr/bin/a\n\n\n\n\n",
    "b": "pB\nmagic\n0\n\\xcf\n\\xff\n/usr/bin/b\n/d\nyes\n\n\n",
    "c": "pC\nmagic\n2\nZZ\n\n/usr/bin/c\n\n\nyes\nyes\n",
}


def _with_formats() -> World:
    formats = {f"usr/share/binfmts/{name}": text for name, text in _FORMATS.items()}
    return rooted({**formats, "usr/bin/q": "", "var/lib/binfmts": None})


def test_formats_of_binaries_would_not_be_known_in_the_guest() -> None:
    made = _with_formats()
    assert run(made, b"update-binfmts --import")[0] == 0
    files = in_memory(made.root.tree)
    assert {name: files[f"var/lib/binfmts/{name}"] for name in _FORMATS} == _RECORDS


def test_one_format_would_be_recorded_as_all_or_none() -> None:
    made = _with_formats()
    status, _, _ = run(
        made, b"update-binfmts --import python9; echo $? >&2; update-binfmts --package pA --import a"
    )
    assert status == 0
    assert run(made, b"update-binfmts --import python9")[0] == 2
    assert run(made, b"update-binfmts --package q --install x1 /usr/bin/q --extension foo")[0] == 0
    assert run(made, b"update-binfmts --install x2 /usr/bin/nothing --extension foo")[0] == 2
    assert made.root.tree.children("var/lib/binfmts") == ["var/lib/binfmts/a", "var/lib/binfmts/x1"]
    assert in_memory(made.root.tree)["var/lib/binfmts/x1"] == "q\nextension\n0\nfoo\n\n/usr/bin/q\n\n\n\n\n"


def test_aliases_would_be_compiled_for_exim_that_reads_them_as_they_are() -> None:
    made = rooted({"usr/sbin/exim4": "", "usr/bin/newaliases": "-> ../sbin/exim4"})
    made.root.tree["usr/sbin/exim4"].mode = 0o755
    assert run(made, b"newaliases")[0] == 0
    assert not made.left
    assert run(rooted({}), b"exim4 -C /x -bV")[0] == 0
    other = rooted({"usr/sbin/sendmail": "", "usr/bin/newaliases": "-> ../sbin/sendmail"})
    other.root.tree["usr/sbin/sendmail"].mode = 0o755
    assert run(other, b"newaliases")[0] == 0
    assert [left.kind for left in other.left] == ["compiled data"]


def test_all_guests_would_have_one_name_for_iscsi() -> None:
    made = rooted({"etc/iscsi": None})
    script = b"umask 077; n=$(iscsi-iname -p iqn.1); echo N=$n > /etc/iscsi/initiatorname.iscsi; echo $n"
    assert run(made, script)[1] == b"iqn.1:guest\n"
    ledger.finish(made.root)
    inode = made.root.tree["etc/iscsi/initiatorname.iscsi"]
    assert (inode.read(), inode.mode) == (b"GenerateName=yes\n", 0o600)
    assert [left.kind for left in made.left] == ["keys"]


def test_features_of_icinga_would_be_off() -> None:
    made = rooted(
        {
            "etc/icinga2/features-available/a.conf": "",
            "etc/icinga2/features-enabled": None,
            "etc/passwd": "nagios:x:7:8::/:\n",
            "etc/group": "nagios:x:8:\n",
        }
    )
    assert run(made, b"icinga2 feature enable a")[0] == 0
    assert run(made, b"icinga2 feature enable a nothing")[0] == 1
    assert (
        in_memory(made.root.tree)["etc/icinga2/features-enabled/a.conf"] == "-> ../features-available/a.conf"
    )


def test_the_cache_of_apt_cacher_ng_would_be_elsewhere() -> None:
    made = rooted(
        {"etc/a/acng.conf": "CacheDir: /var/a\n# CacheDir: /no\n", "etc/a/x.conf": "cachedir: /var/b\n"}
    )
    assert run(made, b"acngtool printvar CacheDir -c /etc/a")[:2] == (0, b"/var/b\n")
    with pytest.raises(ToolError, match="LogDir"):
        run(made, b"acngtool printvar LogDir -c /etc/a")


def test_a_key_for_xrdp_would_stop_the_script_that_gives_it_to_its_user() -> None:
    made = rooted({"etc/xrdp": None, "etc/passwd": "x:x:7:7::/:\n"})
    assert run(made, b"xrdp-keygen xrdp auto && chown x /etc/xrdp/rsakeys.ini")[0] == 0
    made.remove_placeholders()
    assert "etc/xrdp/rsakeys.ini" not in made.root.tree


@pytest.mark.parametrize(
    "call",
    [
        "exim4 -bd",
        "auditctl -l",
        "icinga2 daemon",
        "acngtool maint",
        "update-binfmts --enable",
    ],
)
def test_what_a_packages_program_does_otherwise_would_be_nothing(call: str) -> None:
    with pytest.raises(ToolError, match="not modelled"):
        run(rooted({}), call.encode())


def test_a_compiler_would_not_be_found_by_distcc() -> None:
    programs = ("gcc", "g++-14", "x86_64-linux-gnu-gcc-14", "clang-19", "clang-format-19", "cc")
    made = rooted(
        {
            **{f"usr/bin/{name}": "" for name in programs},
            "usr/lib/gcc/x86_64-linux-gnu/14": None,
            "usr/lib/gcc/x86_64-linux-gnu/13": "-> 14",
            "usr/bin/gcc-13": "",
            "usr/lib/distcc/gone": "-> ../../bin/distcc",
        }
    )
    for name in (*programs, "gcc-13"):
        made.root.tree[f"usr/bin/{name}"].mode = 0o755
    assert run(made, b"update-distcc-symlinks")[0] == 0
    # Of distcc 3.4's program in Perl.
    found = {path.rpartition("/")[2] for path in made.root.tree.children("usr/lib/distcc")}
    assert found == {"gcc", "g++-14", "x86_64-linux-gnu-gcc-14", "clang-19", "cc"}
    assert made.root.tree["usr/lib/distcc/cc"].target == "../../bin/distcc"


def test_what_a_program_makes_in_the_guest_would_be_made_or_stop_a_package() -> None:
    made = rooted({})
    script = b"getcert list-cas -c certmaster; mono --aot=x /y; update-menus; sa-update --import /k"
    assert run(made, script) == (0, b"", b"")
    assert [left.kind for left in made.left] == ["keys", "cache", "compiled data", "compiled data"]
    assert b"Architecture:  amd64" in run(made, b"mono --version")[1]
    for script in (b"getcert request", b"mono x.exe"):
        with pytest.raises(ToolError, match="not modelled"):
            run(made, script)
