"""Stage bundle: what an image says becomes what runc is told, and what it can't be told is refused."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.testing.layouts import layout
from tests.testing.tars import entry, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree, file, symlink
from tools.sysimage.image import bundle

IMAGE: dict[str, Any] = {
    "Entrypoint": ["/bin/app"],
    "Cmd": ["serve"],
    "Env": ["PATH=/bin", "MODE=test"],
    "WorkingDir": "/srv",
    "User": "app:staff",
}


def root() -> Tree:
    """A root filesystem with a user and a group."""
    tree = Tree()
    for path, text in {
        "etc/passwd": "root:x:0:0::/root:/bin/sh\napp:x:800:801::/:/bin/sh\n",
        "etc/group": "root:x:0:\nstaff:x:50:app\n",
    }.items():
        tree.add(path, file(text.encode()))
    return tree


def container(
    path: str = "", *args: str, env: Mapping[str, str] | None = None, mounts: Mapping[str, str] | None = None
) -> bundle.Container:
    """What is made of the base."""
    return bundle.Container(path, args, env or {}, mounts or {}, "base")


def test_without_a_program_the_container_is_what_the_image_says() -> None:
    process = bundle.config(root(), IMAGE, container(env={"MORE": "1"}))["process"]
    assert process["args"] == ["/bin/app", "serve"]
    assert process["env"] == ["PATH=/bin", "MODE=test", "MORE=1"]
    assert process["cwd"] == "/srv"
    assert process["user"] == {"uid": 800, "gid": 50}
    assert process["noNewPrivileges"] is True


def test_arguments_take_the_place_of_the_images_command_and_a_program_that_of_its_entry_point() -> None:
    assert bundle.config(root(), IMAGE, container("", "check"))["process"]["args"] == ["/bin/app", "check"]
    assert bundle.config(root(), IMAGE, container("usr/bin/x", "a"))["process"]["args"] == ["/usr/bin/x", "a"]


@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("", (0, 0)),
        ("app", (800, 801)),
        ("800", (800, 801)),
        ("7", (7, 0)),
        ("7:8", (7, 8)),
        ("0:staff", (0, 50)),
    ],
)
def test_users_are_looked_up_in_the_image_as_the_specification_asks(user: str, ids: tuple[int, int]) -> None:
    found = bundle.config(root(), {**IMAGE, "User": user}, container())["process"]["user"]
    assert (found["uid"], found["gid"]) == ids


@pytest.mark.parametrize(
    ("image", "what", "message"),
    [
        ({}, container(), "the image names no program to run; give binary"),
        ({**IMAGE, "User": "nobody"}, container(), "the image's user 'nobody' is not in its /etc/passwd"),
        (IMAGE, container(mounts={"data": "/data"}), "'data' is no absolute path"),
        (IMAGE, container(mounts={"/data": "data"}), "'data' is neither tmpfs nor"),
        (IMAGE, container(mounts={"/data": "/data:wr"}), "'/data:wr' is neither tmpfs nor"),
    ],
)
def test_what_runc_could_not_run_is_refused(
    image: dict[str, Any], what: bundle.Container, message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        bundle.config(root(), image, what)


def test_folders_are_there_where_something_is_mounted_and_a_binds_are_left_to_the_runtime() -> None:
    tree = root()
    mounts = {"/scratch": "tmpfs", "/etc/release": "/usr/lib/os-release:ro"}
    made = bundle.config(tree, IMAGE, container(mounts=mounts))["mounts"]
    assert all(path in tree for path in ("proc", "dev/pts", "sys/fs/cgroup", "scratch"))
    assert "etc/release" not in tree
    assert made[-1] == {
        "destination": "/etc/release",
        "type": "bind",
        "source": "/usr/lib/os-release",
        "options": ["rbind", "ro"],
    }


def run(tmp_path: Path, base: Path, *more: str) -> dict[str, tarfile.TarInfo]:
    """Makes a bundle; returns its entries."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        json.dumps({"path": "bin/app" if more else "", "args": ["x"], "env": {}, "mounts": {}})
    )
    output = tmp_path / "out.tar"
    argv = [
        "--manifest",
        str(manifest),
        "--base",
        str(base),
        "--architecture",
        "amd64",
        "--output",
        str(output),
    ]
    assert bundle.main([*argv, *more]) == 0
    with tarfile.open(output) as archive:
        return {member.name: member for member in archive}


def test_a_program_goes_to_where_the_bases_links_lead_and_a_tar_or_an_image_is_a_base(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"app")
    data = tar(entry("usr/"), entry("usr/bin/"), entry("bin", kind=tarfile.SYMTYPE, link="usr/bin"))
    (tmp_path / "base.tar").write_bytes(data)
    for base in (tmp_path / "base.tar", layout(tmp_path / "layout", data)):
        found = run(tmp_path, base, "--program", str(program))
        assert found["rootfs/usr/bin/app"].mode == 0o755
        assert found["rootfs/bin"].issym()
        assert "config.json" in found
        assert "rootfs/proc" in found


def test_names_in_links_do_not_lead_out_of_the_base() -> None:
    tree = root()
    tree.put("proc", symlink("../../outside"))
    bundle.config(tree, IMAGE, container())
    assert "outside" in tree
