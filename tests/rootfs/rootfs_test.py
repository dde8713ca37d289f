"""The stage as a whole, on a small system of four packages."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.testing.debs import Deb
from tests.testing.small import BASE, INIT, UNIT, content, names, run
from tools.sysimage.core.errors import ToolError


def test_packages_become_a_tree_with_dpkgs_database(tmp_path: Path) -> None:
    output = run(tmp_path, [INIT, BASE])
    entries = names(output)
    assert entries["tmp"].mode == 0o1777
    assert entries["usr/bin/init"].mode == 0o755
    assert "Package: base-files" in content(output, "var/lib/dpkg/status")
    assert content(output, "var/lib/dpkg/info/init.list").startswith("/.\n/usr\n/usr/lib\n")
    assert all(info.mtime == 0 and not info.uname for info in entries.values())
    assert "./usr/bin/init type=file mode=0755" in (output.parent / "rootfs.mtree").read_text()


def test_same_packages_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    first = run(tmp_path, [INIT, BASE]).read_bytes()
    assert run(tmp_path, [BASE, INIT]).read_bytes() == first


def test_run_is_left_to_the_boot(tmp_path: Path) -> None:
    assert not [name for name in names(run(tmp_path, [BASE, INIT])) if name.startswith("run/")]


def test_files_links_services_and_default_target_are_laid_over(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.write_text("mine\n")
    files = [
        {"path": "etc/init.conf", "source": str(source), "mode": "0600", "replace": True},
        {"path": "lib/systemd/system/my.service", "source": str(source), "uid": 3, "gid": 4},
    ]
    output = run(
        tmp_path,
        [BASE, INIT],
        files=files,
        symlinks=[{"path": "etc/localtime", "target": "../usr/share/zoneinfo/UTC"}],
        services={"enable": ["app.service"], "disable": [], "mask": ["my.service"]},
        default_target="multi-user.target",
    )
    entries = names(output)
    assert (entries["etc/init.conf"].mode, content(output, "etc/init.conf")) == (0o600, "mine\n")
    # Canonical, although it was named through the link.
    assert (entries[f"{UNIT}/my.service"].uid, entries[f"{UNIT}/my.service"].gid) == (3, 4)
    assert entries["etc/localtime"].linkname == "../usr/share/zoneinfo/UTC"
    assert "etc/systemd/system/multi-user.target.wants/app.service" in entries
    assert entries["etc/systemd/system/default.target"].linkname == f"/{UNIT}/multi-user.target"
    assert entries["etc/systemd/system/my.service"].linkname == "/dev/null"


def test_users_own_unit_can_be_enabled(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.write_text("[Install]\nWantedBy=multi-user.target\n")
    output = run(
        tmp_path,
        [BASE, INIT],
        files=[{"path": "etc/systemd/system/my.service", "source": str(source)}],
        services={"enable": ["my.service"]},
    )
    link = names(output)["etc/systemd/system/multi-user.target.wants/my.service"]
    assert link.linkname == "/etc/systemd/system/my.service"


def test_package_database_knows_what_an_exclusion_leaves_out(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        [BASE, INIT],
        exclude=["usr/share/doc/**"],
        include=["usr/share/doc/*/copyright"],
    )
    entries = names(output)
    assert "usr/share/doc/init/copyright" in entries
    assert "usr/share/doc/init/README" not in entries
    # As dpkg does with path-exclude: the list stays whole.
    assert "/usr/share/doc/init/README\n" in content(output, "var/lib/dpkg/info/init.list")


def test_exclusion_spares_what_the_user_adds(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.write_text("mine")
    files = [{"path": f"usr/share/doc/{name}", "source": str(source)} for name in ("mine", "init/README")]
    entries = names(run(tmp_path, [BASE, INIT], exclude=["usr/share/doc/**"], files=files))
    assert [name for name in entries if name.startswith("usr/share/doc/")] == [
        "usr/share/doc/init",
        "usr/share/doc/init/README",
        "usr/share/doc/mine",
    ]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"files": [{"path": "usr/bin/init", "source": "{}"}]}, "/usr/bin/init is in the package init"),
    ({"files": [{"path": "lib/systemd/system/app.service", "source": "{}"}]}, "is in the package init"),
    ({"files": [{"path": "usr/bin", "source": "{}"}]}, "/usr/bin is a directory"),
    ({"files": [{"path": "../x", "source": "{}"}]}, "leaves the root"),
    (
        {"files": [{"path": "etc/a", "source": "{}"}, {"path": "etc/a", "source": "{}"}]},
        "/etc/a is given twice",
    ),
    ({"symlinks": [{"path": "usr/bin/init", "target": "x"}]}, "symlinks: /usr/bin/init"),
    ({"services": {"enable": ["ap.service"]}}, "no unit ap.service .*did you mean app.service"),
    (
        {"services": {"start": ["app.service"]}},
        "the field 'start' is unknown; there are disable, enable, mask",
    ),
    ({"default_target": "multi.target"}, "no unit multi.target"),
    ({"exclude": ["usr/none/**"]}, "the pattern 'usr/none/"),
    ({"exclude": [f"{UNIT}/app.service"], "services": {"enable": ["app"]}}, "no unit app.service"),
    ({"architecture": "arm64"}, "is for amd64, the image for arm64"),
    ({"color": "red"}, "color"),
]


@pytest.mark.parametrize(("more", "message"), REFUSED)
def test_mistake_is_one_line_and_leaves_no_output(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    more = json.loads(json.dumps(more).replace("{}", str(source)))
    with pytest.raises(ToolError, match=message):
        run(tmp_path, [BASE, INIT], **more)
    assert list((tmp_path / "out").iterdir()) == []


def test_replace_puts_a_users_file_in_the_place_of_a_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("mine")
    files = [{"path": "usr/bin/init", "source": str(source), "mode": "0755", "replace": True}]
    assert content(run(tmp_path, [BASE, INIT], files=files), "usr/bin/init") == "mine"


def test_unknown_script_stops_the_build_and_prints_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deb = Deb("evil", control={"postinst": "#!/bin/sh\ncurl mirror.example\n"})
    with pytest.raises(ToolError, match=r"1 maintainer script can.t be interpreted \(evil postinst\)"):
        run(tmp_path, [BASE, deb])
    printed = capsys.readouterr().err
    assert (
        "evil: /var/lib/dpkg/info/evil.postinst: line 2: no package of the set has the program curl"
        in printed
    )
    assert 'command = "curl mirror.example"' in printed


def test_command_that_a_ledger_tells_of_is_done_so(tmp_path: Path) -> None:
    script = '#!/bin/sh\nset -e\n[ "$(frob --new 7)" = made ]\nif frob --old; then exit 9; fi\n'
    book = tmp_path / "book.toml"
    book.write_text(
        '[[command]]\npackage = "mine"\ncommand = "frob --new *"\noutput = "made\\n"\nreason = "seen"\n'
        'effects = [{ do = "mkdir", path = "var/lib/mine" }]\n'
        '[[command]]\ncommand = "frob --old"\nstatus = 1\nreason = "seen"\n'
    )
    passwd = Deb("users", {"etc/passwd": "root:*:0:0::/:/bin/sh\n", "etc/group": "root:*:0:\n"})
    output = run(tmp_path, [BASE, passwd, Deb("mine", control={"postinst": script})], ledger=[str(book)])
    assert "var/lib/mine" in names(output)


def test_ledger_of_the_user_covers_a_package_of_theirs(tmp_path: Path) -> None:
    text = "#!/bin/sh\nmkdir -p /var/lib/mine\n"
    deb = Deb("mine", control={"postinst": text})
    with pytest.raises(ToolError):
        run(tmp_path, [BASE, deb])
    digest = hashlib.sha256(text.encode()).hexdigest()
    book = tmp_path / "book.toml"
    book.write_text(
        f'[[script]]\npackage = "mine"\nscript = "postinst"\nsha256 = ["{digest}"]\n'
        'effects = [{ do = "mkdir", path = "var/lib/mine" }]\n'
    )
    passwd = Deb("users", {"etc/passwd": "root:*:0:0::/:/bin/sh\n", "etc/group": "root:*:0:\n"})
    assert "var/lib/mine" in names(run(tmp_path, [BASE, passwd, deb], ledger=[str(book)]))


def test_package_twice_in_the_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="the set has init twice"):
        run(tmp_path, [BASE, INIT, Deb("init", version="2")])
