"""Maintainer scripts as dpkg calls them, in the stage rootfs."""

import json
from pathlib import Path

import pytest

from tests.testing import filesystems
from tests.testing.debs import Deb, File, Link
from tests.testing.small import BASE, content, names, run
from tools.sysimage.core.errors import ToolError

# Programs of which the commands stand for; `sh` is the shell.
_PROGRAMS = "cat chmod dpkg dpkg-trigger mkdir mv rm sed sh ssh-keygen systemctl"
_FILES = {f"usr/bin/{name}": File("\x7fELF", 0o755) for name in _PROGRAMS.split()}
TOOLS = Deb("tools", _FILES | {"bin": Link("usr/bin")})


def post(script: str, name: str = "mine", **more: str) -> Deb:
    return Deb(
        name, control={"postinst": f"#!/bin/sh\nset -e\n{script}\n", **more}, fields={"Depends": "tools"}
    )


def test_scripts_would_get_other_arguments_or_variables_than_dpkgs(tmp_path: Path) -> None:
    script = (
        'printf "%s\\n" "$0" "$#" "$1" "$2" "$DPKG_MAINTSCRIPT_PACKAGE" "$DPKG_MAINTSCRIPT_NAME" "$PWD" >/{}'
    )
    deb = Deb(
        "mine",
        control={
            "preinst": "#!/bin/sh\n" + script.format("pre"),
            "postinst": "#!/bin/sh\n" + script.format("post"),
        },
    )
    output = run(tmp_path, [BASE, deb])
    assert content(output, "pre") == "/var/lib/dpkg/tmp.ci/preinst\n1\ninstall\n\nmine\npreinst\n/\n"
    assert content(output, "post") == "/var/lib/dpkg/info/mine.postinst\n2\nconfigure\n\nmine\npostinst\n/\n"


def test_a_trigger_would_be_lost(tmp_path: Path) -> None:
    watcher = post(
        'if [ "$1" = triggered ]; then echo "$2" >>/seen; fi',
        "watcher",
        triggers="interest-noawait /etc/parts\ninterest named\n",
    )
    other = Deb(
        "other",
        fields={"Depends": "tools, watcher"},
        control={
            "postinst": "#!/bin/sh\nset -e\ndpkg-trigger named\n",
            "triggers": "activate /etc/parts/x\n",
        },
    )
    assert content(run(tmp_path, [BASE, TOOLS, watcher, other]), "seen") == "named /etc/parts\n"


def test_a_service_would_start_or_a_device_would_stay(tmp_path: Path) -> None:
    script = (
        'status=0; /usr/sbin/policy-rc.d x start || status=$?; [ "$status" = 101 ]\n'
        "[ -c /dev/null ]; echo lost >/dev/null; cat /dev/null >/empty; systemctl restart x.service"
    )
    entries = names(run(tmp_path, [BASE, TOOLS, post(script)]))
    assert entries["empty"].size == 0
    assert "usr/sbin/policy-rc.d" not in entries
    assert not [name for name in entries if name.startswith("dev/")]


def test_a_key_would_be_the_same_in_all_guests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = (
        "ssh-keygen -q -f /etc/key -N ''; chmod 640 /etc/key; mv /etc/key /etc/moved; [ -f /etc/key.pub ]"
    )
    entries = names(run(tmp_path, [BASE, TOOLS, post(script)]))
    assert not {"etc/key", "etc/moved", "etc/key.pub"} & set(entries)
    assert "left for the guest: keys (mine): " in capsys.readouterr().err


def test_a_failure_that_nobody_looks_at_would_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for script, message in (
        ("x=$(nosuch); true", "no package of the set has the program nosuch"),
        ("sed --unheard-of x", "the option --unheard-of"),
        ("exit 3", "ended with 3 at line 3"),
        ("while :; do :; done", "more than 400000 steps"),
        ("rm -rf /", "rm"),
    ):
        with pytest.raises(ToolError, match="1 maintainer script can't be interpreted"):
            run(tmp_path, [BASE, TOOLS, post(script)])
        assert message in capsys.readouterr().err


def test_a_script_that_fails_would_hide_behind_what_it_did_not_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The cache is made at the end, by a program that names its version, which this one does not.
    linker = Deb("linker", {"usr/sbin/ldconfig": File("\x7fELF", 0o755)})
    with pytest.raises(ToolError, match="1 maintainer script can't be interpreted"):
        run(tmp_path, [BASE, TOOLS, linker, post("ldconfig\nexit 3")])
    assert "ended with 3 at line 4" in capsys.readouterr().err


def test_a_guarded_call_of_a_program_that_is_not_there_would_fail(tmp_path: Path) -> None:
    script = "nosuch || echo a >>/log; if nosuch; then exit 1; fi; command -v nosuch || echo b >>/log"
    assert content(run(tmp_path, [BASE, TOOLS, post(script)]), "log") == "a\nb\n"


def test_what_scripts_change_would_not_be_told(tmp_path: Path) -> None:
    deb = post("mkdir /made\necho x >/made/file\nrm /made/file")
    path = deb.write(tmp_path)
    run(tmp_path, [BASE, TOOLS, deb])
    manifest = tmp_path / "manifest.json"
    effects = tmp_path / "effects.json"
    arguments = [
        "--manifest",
        str(manifest),
        "--output",
        str(tmp_path / "again.tar"),
        "--effects",
        str(effects),
    ]
    assert path.exists() and filesystems.main(arguments) == 0
    changes = [change for change in json.loads(effects.read_text())["changes"] if change["package"] == "mine"]
    assert [(c["path"], c["what"], c["line"]) for c in changes] == [
        ("made", "made", 3),
        ("made/file", "made", 4),
        ("made/file", "removed", 5),
    ]
    assert changes[0]["command"] == "mkdir /made"


def test_a_script_of_another_language_would_pass_unread(tmp_path: Path) -> None:
    deb = Deb("mine", control={"postinst": "#!/usr/bin/perl\nunlink '/x';\n"})
    with pytest.raises(ToolError, match="1 maintainer script can't be interpreted"):
        run(tmp_path, [BASE, deb])


def _with_conffile(text: str) -> Deb:
    return Deb(
        "late",
        {"etc/parts/late": text},
        control={"conffiles": "/etc/parts/late\n", "postinst": "#!/bin/sh\ncat /etc/parts/late >/own\n"},
        fields={"Depends": "mine"},
    )


def test_a_script_would_see_the_conffile_of_a_package_that_is_not_configured(tmp_path: Path) -> None:
    output = run(tmp_path, [BASE, TOOLS, post("echo /etc/parts/* >/seen"), _with_conffile("x")])
    assert content(output, "seen") == "/etc/parts/late.dpkg-new\n"
    assert content(output, "etc/parts/late") == content(output, "own") == "x"
    assert "etc/parts/late.dpkg-new" not in names(output)


def test_a_conffile_would_replace_what_a_script_has_made(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"/etc/parts/late is a conffile of late, and a script"):
        run(tmp_path, [BASE, TOOLS, post("echo y >/etc/parts/late"), _with_conffile("x\n")])
    output = run(tmp_path, [BASE, TOOLS, post("echo x >/etc/parts/late"), _with_conffile("x\n")])
    assert "etc/parts/late.dpkg-new" not in names(output)
