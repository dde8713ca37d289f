"""What the user adds beside files: users, host name, kernel modules; how much of dpkg's database stays."""

from pathlib import Path
from typing import Any

import pytest

from tests.testing.debs import Deb, File
from tests.testing.small import BASE, INIT, content, names, run
from tools.sysimage.core.errors import ToolError

ACCOUNTS = Deb(
    "base-passwd",
    {
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
        "etc/group": "root:x:0:\nkvm:x:993:\n",
        "etc/shadow": File("root:*:::::::\n", 0o640),
        "usr/lib/systemd/systemd-modules-load": File("", 0o755),
    },
)
DEBS = [BASE, INIT, ACCOUNTS]


def test_users_are_made_and_own_files_by_name(tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.write_text("x")
    output = run(
        tmp_path,
        DEBS,
        users=['u app 800 "The App" /var/lib/app', "m app kvm", "g log -"],
        files=[{"path": "etc/app.conf", "source": str(source), "owner": "app:log", "mode": "0640"}],
    )
    assert content(output, "etc/passwd").endswith("app:x:800:800:The App:/var/lib/app:/usr/sbin/nologin\n")
    assert content(output, "etc/group").endswith("kvm:x:993:app\nlog:x:999:\napp:x:800:\n")
    entry = names(output)["etc/app.conf"]
    assert (entry.uid, entry.gid, entry.mode) == (800, 999, 0o640)


def test_host_name_and_kernel_modules_are_written(tmp_path: Path) -> None:
    output = run(tmp_path, DEBS, hostname="guest-1.example", kernel_modules=["virtio_net", "tun"])
    assert content(output, "etc/hostname") == "guest-1.example\n"
    assert content(output, "etc/modules-load.d/image.conf") == "virtio_net\ntun\n"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"users": ["u root 0"]}, r"users: root is in /etc/passwd already"),
    ({"users": ["g kvm -"]}, r"users: kvm is in /etc/group already"),
    ({"users": ["u kvm -"]}, r"users: kvm is in /etc/group already"),
    ({"users": ["u app 0"]}, r"users: app: root in /etc/passwd has the number 0"),
    ({"users": ["g app 993"]}, r"users: app: kvm in /etc/group has the number 993"),
    ({"users": ["u a 800", "u b 800"]}, r"users: 800 is given twice"),
    ({"users": ["u a -", "u a -"]}, r"users: a is given twice"),
    ({"users": ["m nobody kvm"]}, r"users: there is no user nobody to be in the group kvm"),
    ({"users": ["x y z"]}, r"users: 'x y z': not a line of sysusers.d\(5\)"),
    ({"hostname": "no_name"}, r"hostname: 'no_name' is no host name"),
    ({"hostname": "-x"}, r"hostname: '-x' is no host name"),
    (
        {"hostname": "x", "symlinks": [{"path": "etc/hostname", "target": "y"}]},
        r"/etc/hostname is given twice",
    ),
    ({"kernel_modules": ["a b"]}, r"kernel_modules: 'a b' is no module's name"),
    ({"kernel_modules": ["a", "a"]}, r"kernel_modules: 'a' is given twice"),
    (
        {"kernel_modules": ["virtio-net", "virtio_net"]},
        r"kernel_modules: 'virtio_net' is given twice as 'virtio-net', which is the same module",
    ),
    ({"dpkg_database": "some"}, r"dpkg_database is one of full, status, none; not 'some'"),
    ({"files": [{"path": "etc/x", "source": "/dev/null", "owner": "who"}]}, r"no user or group who"),
]


@pytest.mark.parametrize(("more", "message"), REFUSED)
def test_mistake_says_the_attribute(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ToolError, match=message):
        run(tmp_path, DEBS, **more)


def test_modules_that_nothing_loads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="kernel_modules needs /usr/lib/systemd/systemd-modules-load"):
        run(tmp_path, [BASE, INIT], kernel_modules=["tun"])


def test_module_that_the_kernel_lacks_would_fail_at_boot_alone(tmp_path: Path) -> None:
    folder = "usr/lib/modules/6.12.1-amd64"
    kernel = Deb(
        "linux-image-1",
        {
            f"{folder}/kernel/net/my-tun.ko.xz": "",
            f"{folder}/modules.builtin": "kernel/fs/ext4.ko\n",
            f"{folder}/modules.alias": "alias char-major-10-200 my_tun\n",
        },
    )
    for name in ("my_tun", "my-tun", "ext4", "char-major-10-200"):
        run(tmp_path, [*DEBS, kernel], kernel_modules=[name])
    with pytest.raises(
        ToolError, match=r"kernel 6.12.1-amd64 in the image has no module 'my_tan' \(did you mean my_tun"
    ):
        run(tmp_path, [*DEBS, kernel], kernel_modules=["my_tan"])


@pytest.mark.parametrize(
    ("database", "kept"),
    [("none", []), ("status", ["var/lib/dpkg", "var/lib/dpkg/status"])],
)
def test_database_is_left_out_or_reduced(tmp_path: Path, database: str, kept: list[str]) -> None:
    output = run(tmp_path, DEBS, dpkg_database=database)
    assert [name for name in names(output) if "dpkg" in name] == kept
