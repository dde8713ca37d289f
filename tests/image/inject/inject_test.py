"""The overlay of a base: where additions go, what is refused, what services become."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.testing.elfs import linked
from tests.testing.tars import Entry, entry, symlink, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import layer
from tools.sysimage.formats import tar as sysimage_tar
from tools.sysimage.image import inject

_UNITS = "usr/lib/systemd/system"
_ETC = "etc/systemd/system"


def unit(path: str, text: str) -> Entry:
    return entry(path, text.encode())


BASE = (
    entry("./"),
    entry("etc/"),
    entry("etc/hostname", b"base\n"),
    entry("etc/systemd/"),
    entry("etc/systemd/system/"),
    entry("etc/systemd/system/timers.target.wants/"),
    symlink("etc/systemd/system/timers.target.wants/trim.timer", "/usr/lib/systemd/system/trim.timer"),
    symlink("lib", "usr/lib"),
    entry("usr/"),
    entry("usr/bin/"),
    entry("usr/bin/agetty", b"#!", mode=0o755),
    entry("usr/lib/"),
    entry("usr/lib/systemd/"),
    entry("usr/lib/systemd/system/"),
    unit(
        f"{_UNITS}/getty@.service",
        "[Service]\nExecStart=-/sbin/agetty %I\n[Install]\nWantedBy=getty.target\n",
    ),
    unit(f"{_UNITS}/getty.target", ""),
    unit(f"{_UNITS}/multi-user.target", "[Unit]\n"),
    unit(f"{_UNITS}/static.service", "[Service]\nExecStart=/usr/bin/agetty\n"),
    unit(f"{_UNITS}/trim.timer", "[Install]\nWantedBy=timers.target\n"),
)
SERVICE = b"[Service]\nExecStart=/usr/bin/orchestrator --verbose\n[Install]\nWantedBy=multi-user.target\n"


class Inject:
    """A folder with a base; calling it injects a manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "overlay.tar"

    def file(self, path: str, content: bytes = b"new", **more: Any) -> dict[str, Any]:
        """A file for the manifest."""
        source = self.folder / f"source{len(list(self.folder.iterdir()))}"
        source.write_bytes(content)
        return {"path": path, "source": str(source), **more}

    def __call__(self, *base: Entry, **manifest: Any) -> dict[str, Inode]:
        """The overlay's entries."""
        (self.folder / "base.tar").write_bytes(tar(*(base or BASE)))
        (self.folder / "manifest.json").write_text(json.dumps(manifest))
        arguments = {"manifest": "manifest.json", "base": "base.tar", "output": "overlay.tar"}
        words = [word for key, name in arguments.items() for word in (f"--{key}", str(self.folder / name))]
        assert inject.main(words) == 0
        entries = sysimage_tar.read(io.BytesIO(self.output.read_bytes()), "overlay")
        return {item.path: item.inode for item in entries if item.inode}

    def refused(self, message: str, *base: Entry, **manifest: Any) -> None:
        """Injecting fails with one line, and leaves nothing behind."""
        with pytest.raises(ToolError, match=message) as caught:
            self(*base, **manifest)
        assert "\n" not in str(caught.value)
        assert not self.output.exists()
        assert not [path for path in self.folder.iterdir() if path.name.startswith(".")]


@pytest.fixture(name="run")
def make_run(tmp_path: Path) -> Inject:
    return Inject(tmp_path)


# Files and links


def test_only_what_is_added_is_in_the_overlay(run: Inject) -> None:
    overlay = run(files=[run.file("opt/a/program", b"#!", mode="4750", uid=1, gid=2)])
    assert [*overlay] == ["opt", "opt/a", "opt/a/program"]
    program = overlay["opt/a/program"]
    assert (program.read(), program.mode, program.uid, program.gid) == (b"#!", 0o4750, 1, 2)
    assert overlay["opt"].mode == 0o755


def test_nothing_to_add_is_an_empty_overlay(run: Inject) -> None:
    assert run() == {}


def test_a_path_through_a_link_of_the_base_is_written_as_where_it_leads(run: Inject) -> None:
    overlay = run(files=[run.file("lib/new/x")])
    assert [*overlay] == ["usr/lib/new", "usr/lib/new/x"]


def test_a_path_of_the_base_is_refused(run: Inject) -> None:
    run.refused(
        "/etc/hostname .*the base has this path; name it in replace", files=[run.file("etc/hostname")]
    )


def test_a_path_of_the_base_under_another_name_is_refused(run: Inject) -> None:
    path = "lib/systemd/system/getty.target"
    run.refused("/usr/lib/systemd/system/getty.target .*the base has this path", files=[run.file(path)])


def test_a_path_of_the_base_is_replaced_if_that_is_said(run: Inject) -> None:
    overlay = run(files=[run.file("etc/hostname", b"mine", replace=True)])
    assert overlay["etc/hostname"].read() == b"mine"


def test_a_link_of_the_base_is_not_a_free_path(run: Inject) -> None:
    run.refused("/lib .*the base has this path", files=[run.file("lib")])


def test_a_directory_of_the_base_is_never_replaced(run: Inject) -> None:
    run.refused("/etc .*the base has a directory there", files=[run.file("etc", replace=True)])


def test_one_path_twice_is_refused_also_under_two_names(run: Inject) -> None:
    files = [run.file("usr/lib/x"), run.file("lib/x")]
    run.refused("/usr/lib/x .*the same path as 'usr/lib/x', which is also given", files=files)


def test_a_path_below_a_file_is_refused(run: Inject) -> None:
    run.refused("/etc/hostname is a file, not a directory", files=[run.file("etc/hostname/x")])


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x"])
def test_a_path_outside_the_root_is_refused(run: Inject, path: str) -> None:
    run.refused(r"manifest\.json: entry .*(leaves the root|absolute)", files=[run.file(path)])


def test_a_link_that_leads_outside_is_followed_inside(run: Inject) -> None:
    overlay = run(*BASE, symlink("zz", "../../../etc"), files=[run.file("zz/x")])
    assert [*overlay] == ["etc/x"]


def test_a_name_that_would_be_a_whiteout_is_refused(run: Inject) -> None:
    run.refused(
        r"a name that starts with \.wh\. would remove something", files=[run.file("etc/.wh.hostname")]
    )


def test_links_are_laid_too(run: Inject) -> None:
    overlay = run(symlinks=[{"path": "lib/l", "target": "../../x"}])
    assert (overlay["usr/lib/l"].kind, overlay["usr/lib/l"].target) == (Kind.SYMLINK, "../../x")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mode", "9", "mode '9' is not octal"),
        ("mode", "17777", "mode '17777' is not octal"),
        ("uid", "root", "uid: has to be a whole number"),
        ("owner", 0, "the field 'owner' is unknown; there are gid, mode, path"),
    ],
)
def test_a_field_that_means_nothing_is_refused(run: Inject, field: str, value: object, message: str) -> None:
    run.refused(message, files=[{**run.file("x"), field: value}])


def test_a_source_that_is_a_folder_is_refused(run: Inject) -> None:
    run.refused(
        "is no file, as the source of 'x' has to be", files=[{"path": "x", "source": str(run.folder)}]
    )


# Services


def test_an_enabled_unit_is_wanted_by_what_it_names(run: Inject) -> None:
    overlay = run(
        files=[run.file("usr/bin/orchestrator", mode="0755"), run.file(f"{_ETC}/o.service", SERVICE)],
        services={"enable": ["o.service"]},
    )
    link = overlay[f"{_ETC}/multi-user.target.wants/o.service"]
    assert link.target == f"/{_ETC}/o.service"


def test_enabling_what_is_enabled_changes_nothing(run: Inject) -> None:
    assert run(services={"enable": ["trim.timer"]}) == {}


def test_disabling_a_unit_of_the_base_is_a_whiteout_that_takes_its_link_away(run: Inject) -> None:
    overlay = run(services={"disable": ["trim.timer"]})
    tree = Tree()
    for data in (tar(*BASE), run.output.read_bytes()):
        layer.apply(tree, sysimage_tar.read(io.BytesIO(data), "x"), "x")
    assert f"{_ETC}/timers.target.wants/trim.timer" not in tree
    assert f"{_UNITS}/trim.timer" in tree
    assert all(inode.content.size == 0 for inode in overlay.values())


def test_a_masked_unit_is_a_link_to_nowhere(run: Inject) -> None:
    assert run(services={"mask": ["static.service"]})[f"{_ETC}/static.service"].target == "/dev/null"


def test_a_unit_that_can_not_be_enabled_is_refused(run: Inject) -> None:
    run.refused(r"static\.service has no \[Install\] section", services={"enable": ["static.service"]})


def test_a_unit_that_does_not_exist_names_the_nearest(run: Inject) -> None:
    run.refused(r"there is no unit trims\.timer .*trim\.timer", services={"enable": ["trims.timer"]})


def test_the_default_target(run: Inject) -> None:
    overlay = run(default_target="multi-user.target")
    assert overlay[f"{_ETC}/default.target"].target == f"/{_UNITS}/multi-user.target"


# ExecStart


def started(run: Inject, command: str, *files: dict[str, Any], **more: Any) -> dict[str, Inode]:
    text = f"[Service]\n{command}\n"
    return run(files=[run.file(f"{_ETC}/o.service", text.encode()), *files], **more)


@pytest.mark.parametrize("command", ["/usr/bin/none", "none", "@/usr/bin/none none -x", '"/usr/bin/none" x'])
def test_a_unit_that_starts_a_program_that_is_not_there_is_refused(run: Inject, command: str) -> None:
    with pytest.raises(
        ToolError, match=r"o\.service: ExecStart=.*none is neither in the base nor in what is"
    ):
        started(run, f"ExecStart={command}")
    assert not run.output.exists()


@pytest.mark.parametrize(
    "command",
    [
        "ExecStart=/usr/bin/agetty",
        "ExecStart=+agetty \\\n  --flag",
        "ExecStart=-/usr/bin/none",
        "ExecStart=/opt/%H/x",
        "ExecStart=/usr/bin/none\nExecStart=\nExecStart=/usr/bin/agetty",
        "ExecStart=agetty\n# ExecStart=/usr/bin/none",
        "ExecStart=agetty\n[Unit]\nExecStart=/usr/bin/none",
    ],
)
def test_a_unit_that_starts_what_is_there_or_may_be_missing_is_taken(run: Inject, command: str) -> None:
    started(run, command)


def test_a_program_that_can_not_be_executed_is_refused(run: Inject) -> None:
    with pytest.raises(ToolError, match="/opt/x is in the image, but can't be executed"):
        started(run, "ExecStart=/opt/x", run.file("opt/x", mode="0644"))


def test_the_program_of_a_unit_of_the_base_has_to_come_with_the_overlay(run: Inject) -> None:
    base = (*BASE, entry(f"{_ETC}/o.service", SERVICE))
    run.refused(r"o\.service: ExecStart=/usr/bin/orchestrator .*is neither", *base)
    run(*base, files=[run.file("usr/bin/orchestrator", mode="0755")])


@pytest.mark.parametrize("key", ["ExecCondition", "ExecStartPre", "ExecStartPost"])
def test_whatever_has_to_run_for_a_unit_to_start_has_to_be_there(run: Inject, key: str) -> None:
    with pytest.raises(ToolError, match=f"o.service: {key}=/usr/bin/none: /usr/bin/none is neither"):
        started(run, f"ExecStart=/usr/bin/agetty\n{key}=/usr/bin/none")


def test_a_unit_of_a_package_is_checked_although_nobody_enabled_it(run: Inject) -> None:
    run.refused(
        r"o\.service: ExecStart=/usr/bin/orchestrator", *BASE, unit(f"{_UNITS}/o.service", SERVICE.decode())
    )


@pytest.mark.parametrize("more", [{}, {"services": {"enable": ["o"]}}, {"drop_in": True}])
def test_a_unit_of_a_package_with_a_condition_may_lack_its_program_unless_the_owner_wants_it(
    run: Inject, more: dict[str, Any]
) -> None:
    text = f"[Unit]\nConditionPathExists=/usr/bin/orchestrator\n{SERVICE.decode()}"
    base = (*BASE, unit(f"{_UNITS}/o.service", text))
    if more.pop("drop_in", None):
        more["files"] = [run.file(f"{_UNITS}/o.service.d/10.conf", b"[Service]\nNice=1\n")]
    if more:
        run.refused(r"o\.service: ExecStart=/usr/bin/orchestrator", *base, **more)
    else:
        run(*base)


def test_a_file_that_replaces_a_packages_is_taken_out_of_dpkgs_database(run: Inject) -> None:
    info = "var/lib/dpkg/info"
    folders = [entry(f"{path}/") for path in ("var", "var/lib", "var/lib/dpkg", info)]
    listed = entry(f"{info}/util-linux.list", b"/usr/bin\n/usr/bin/agetty\n/lib/other\n")
    overlay = run(*BASE, *folders, listed, files=[run.file("usr/bin/agetty", mode="0755", replace=True)])
    assert overlay[f"{info}/util-linux.list"].read() == b"/usr/bin\n/lib/other\n"


@pytest.mark.parametrize("path", ["etc/hostname\0", "etc/\ud800", "etc/" + "n" * 256])
def test_a_path_that_no_file_system_takes_is_refused(run: Inject, path: str) -> None:
    run.refused("has a NUL|no encoding has|longer than Linux takes", files=[run.file(path)])


@pytest.mark.parametrize("uid", [-1, (1 << 32) - 1, 10**30])
def test_an_owner_that_no_file_system_takes_is_refused(run: Inject, uid: int) -> None:
    run.refused("uid and gid have to be numbers below", files=[run.file("etc/x", uid=uid)])


@pytest.mark.parametrize(
    "text",
    ["[Service]\nType=oneshot\nExecStart=/usr/bin/agetty ; /usr/bin/none", " [Service]\nExecStart=none"],
)
def test_each_command_of_a_unit_is_looked_for(run: Inject, text: str) -> None:
    with pytest.raises(ToolError, match="none is neither"):
        run(files=[run.file(f"{_ETC}/o.service", text.encode())])


def test_a_semicolon_in_quotes_would_end_a_command(run: Inject) -> None:
    started(run, 'ExecStart=/usr/bin/agetty -c "echo hello ; echo world"')
    with pytest.raises(ToolError, match="none is neither"):
        started(run, "Type=oneshot\nExecStart=/usr/bin/agetty ; /usr/bin/none")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("o.service", "[Service]\nExecStrat=/usr/bin/agetty\n", "no ExecStart=.*ExecStart= may be meant"),
        ("o.service", "[Service]\nType=oneshot\n", "has no ExecStart="),
        ("o.service", "[Service]\nExecStart=/usr/bin/agetty\nExecStart=/usr/bin/agetty\n", "2 commands"),
        ("o.service", '[Service]\nExecStart=/usr/bin/agetty "open\n', "mend the line"),
        ("o.socket", "[Socket]\nListenSteam=/x\n", "ListenStream= may be meant"),
        ("o.timer", "[Timer]\nOnCalender=daily\n", "OnCalendar= may be meant"),
        ("o.path", "[Path]\nUnit=static.service\n", "PathExists="),
        ("o.mount", "[Mount]\nWhere=/o\n", "no What="),
    ],
)
def test_a_unit_that_systemd_would_not_load_would_be_in_an_image(
    run: Inject, name: str, text: str, reason: str
) -> None:
    text += "[Install]\nWantedBy=multi-user.target\n"
    run.refused(
        rf"^{name}: systemd would not load it: /{_ETC}/{name}.*{reason}",
        files=[run.file(f"{_ETC}/{name}", text.encode())],
        services={"enable": [name]},
    )


def test_disabling_a_unit_disables_those_that_it_names_in_also(run: Inject) -> None:
    wants = f"{_ETC}/multi-user.target.wants"
    base = (
        *BASE,
        entry(f"{wants}/"),
        symlink(f"{wants}/b.service", f"/{_UNITS}/b.service"),
        unit(f"{_UNITS}/a.service", "[Install]\nAlso=b.service\n"),
        unit(f"{_UNITS}/b.service", "[Install]\nWantedBy=multi-user.target\n"),
    )
    assert [*run(*base, services={"disable": ["a"]})] == [f"{_ETC}/.wh.multi-user.target.wants"]


_NONE = b"[Service]\nExecStart=\nExecStart=/usr/bin/none\n"


@pytest.mark.parametrize("folder", ["o-p-q.service.d", "o-p-.service.d", "o-.service.d", "service.d"])
def test_a_drop_in_counts(run: Inject, folder: str) -> None:
    base = (*BASE, entry(f"{_UNITS}/o-p-q.service", b"[Service]\nExecStart=/usr/bin/agetty\n"))
    run.refused("/usr/bin/none is neither", *base, files=[run.file(f"{_ETC}/{folder}/10.conf", _NONE)])


@pytest.mark.parametrize("folder", ["o-p@.service.d", "o-@.service.d", "o-@x.service.d"])
def test_a_drop_in_of_an_instance_counts(run: Inject, folder: str) -> None:
    base = (
        *BASE,
        unit(
            f"{_UNITS}/o-p@.service", "[Service]\nExecStart=/usr/bin/agetty\n[Install]\nWantedBy=a.target\n"
        ),
    )
    run.refused(
        r"o-p@(x)?\.service: ExecStart=/usr/bin/none: /usr/bin/none is neither",
        *base,
        files=[run.file(f"{_ETC}/{folder}/10.conf", _NONE)],
        services={"enable": ["o-p@x.service"]},
    )


@pytest.mark.parametrize(
    ("weak", "strong"),
    [
        (f"{_UNITS}/o-p.service.d", f"{_ETC}/o-.service.d"),
        (f"{_UNITS}/o-.service.d", f"{_UNITS}/o-p.service.d"),
        (f"{_ETC}/service.d", f"{_UNITS}/o-p.service.d"),
    ],
)
def test_of_drop_ins_of_one_name_the_one_counts_that_systemd_reads(
    run: Inject, weak: str, strong: str
) -> None:
    base = (
        entry("./"),
        entry("usr/"),
        entry("usr/bin/"),
        entry("usr/bin/o", b"#!", mode=0o755),
        entry("usr/lib/"),
        entry("usr/lib/systemd/"),
        entry(f"{_UNITS}/"),
        entry(f"{_UNITS}/o-p.service", b"[Service]\nExecStart=/usr/bin/o\n"),
    )
    harmless = b"[Service]\nNice=1\n"
    run.refused(
        "/usr/bin/none is neither",
        *base,
        files=[run.file(f"{weak}/10.conf", harmless), run.file(f"{strong}/10.conf", _NONE)],
    )
    run(*base, files=[run.file(f"{weak}/10.conf", _NONE), run.file(f"{strong}/10.conf", harmless)])


def test_a_masked_unit_starts_nothing(run: Inject) -> None:
    base = (*BASE, entry(f"{_UNITS}/o.service", SERVICE))
    run(*base, services={"mask": ["o.service"]})


_GUEST = {
    "sbin/init": entry("sbin/init", b"#!", mode=0o755),
    "loader": entry("lib64/ld-linux-x86-64.so.2", b"\x7fELF", mode=0o755),
    "orchestrator.service": unit(
        f"{_UNITS}/orchestrator.service", "[Service]\nExecStart=/usr/bin/orchestrator\n"
    ),
    "wants": symlink(
        f"{_ETC}/multi-user.target.wants/orchestrator.service", f"/{_UNITS}/orchestrator.service"
    ),
    "dbus": unit(f"{_UNITS}/dbus.socket", "[Socket]\nListenStream=/run/dbus/socket\n"),
    "asking": unit(
        f"{_UNITS}/asking.service", "[Service]\nType=dbus\nBusName=a.b\nExecStart=/usr/bin/agetty\n"
    ),
    "asking.wants": symlink(f"{_ETC}/multi-user.target.wants/asking.service", f"/{_UNITS}/asking.service"),
}
_LACKS = {
    "": "",
    "sbin/init": "it has no /sbin/init, which the first-stage loader starts; lock systemd-sysv",
    "loader": "is started by /lib64/ld-linux-x86-64.so.2, which it does not have; lock libc6 and base-files",
    "orchestrator.service": "it has no unit orchestrator.service, which starts /usr/bin/orchestrator",
    "wants": "nothing starts orchestrator.service; name it in `enable`",
    "dbus": "asking.service is enabled and needs D-Bus; lock dbus for the base, or disable the unit",
}


@pytest.mark.parametrize("without", _LACKS)
def test_image_that_no_guest_could_boot_is_refused_with_what_it_lacks(tmp_path: Path, without: str) -> None:
    base = [item for name, item in _GUEST.items() if name != without]
    folders = [entry(f"{name}/") for name in ("sbin", "lib64", f"{_ETC}/multi-user.target.wants")]
    (tmp_path / "base.tar").write_bytes(tar(*BASE, *folders, *base))
    program = tmp_path / "orchestrator"
    program.write_bytes(linked(interpreter="/lib64/ld-linux-x86-64.so.2"))
    files = [{"path": "usr/bin/orchestrator", "source": str(program), "mode": "0755"}]
    manifest = tmp_path / "manifest.json"

    def build(*, guest: bool) -> None:
        manifest.write_text(json.dumps({"files": files, "guest": guest}))
        inject.inject(inject.parse(manifest), tmp_path / "base.tar", tmp_path / "overlay.tar")

    build(guest=False)
    if not without:
        build(guest=True)
        return
    with pytest.raises(ToolError) as caught:
        build(guest=True)
    assert str(caught.value).startswith("the image can't boot: ")
    assert _LACKS[without] in str(caught.value)
    assert str(caught.value).count("; ") == 1
