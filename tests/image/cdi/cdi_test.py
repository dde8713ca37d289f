"""What an image determines of a CDI specification."""

import json
from pathlib import Path

import pytest

from tests.testing.elfs import linked
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree, file, symlink
from tools.sysimage.formats import tar
from tools.sysimage.image import cdi

LIBRARIES = "usr/lib/x86_64-linux-gnu"
CURRENT = f"{LIBRARIES}/nvidia/current"


def driver() -> Tree:
    """A root filesystem as alternatives leave it."""
    tree = Tree()
    for path, inode in {
        "etc/alternatives/libcuda.so.1": symlink(f"/{CURRENT}/libcuda.so.1"),
        f"{LIBRARIES}/libcuda.so": symlink("libcuda.so.1"),
        f"{LIBRARIES}/libcuda.so.1": symlink("/etc/alternatives/libcuda.so.1"),
        f"{LIBRARIES}/libc.so.6": file(linked("libc.so.6")),
        f"{LIBRARIES}/libnvidia-gone.so.1": symlink(f"/{CURRENT}/libnvidia-gone.so.1"),
        f"{LIBRARIES}/libnvidia-pkcs11.so.1.0": file(linked("libnvidia-pkcs11.so.1.0")),
        f"{LIBRARIES}/libnvidia-text.so": file(b"INPUT(libnvidia)"),
        f"{CURRENT}/libcuda.so.1": symlink("libcuda.so.1.0"),
        f"{CURRENT}/libcuda.so.1.0": file(linked("libcuda.so.1")),
        "usr/bin/nvidia-smi": symlink("/usr/lib/nvidia/current/nvidia-smi"),
        "usr/lib/nvidia/current/nvidia-smi": file(b"", 0o755),
    }.items():
        tree.add(path, inode)
    return tree


def test_each_library_of_the_driver_is_mounted_under_every_name_that_it_has() -> None:
    edits = cdi.specification(driver(), "x86_64-linux-gnu")["containerEdits"]
    assert {mount["containerPath"]: mount["hostPath"] for mount in edits["mounts"]} == {
        "/usr/bin/nvidia-smi": "/usr/lib/nvidia/current/nvidia-smi",
        f"/{LIBRARIES}/libcuda.so": f"/{CURRENT}/libcuda.so.1.0",
        f"/{LIBRARIES}/libcuda.so.1": f"/{CURRENT}/libcuda.so.1.0",
        f"/{LIBRARIES}/libnvidia-pkcs11.so.1.0": f"/{LIBRARIES}/libnvidia-pkcs11.so.1.0",
    }


def test_nodes_that_every_program_needs_are_there_and_the_devices_are_left_open() -> None:
    made = cdi.specification(driver(), "x86_64-linux-gnu")
    nodes = [node["path"] for node in made["containerEdits"]["deviceNodes"]]
    assert nodes == ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"]
    assert made["devices"] == []


def test_layer_has_the_line_that_is_completed_at_boot(tmp_path: Path) -> None:
    with (tmp_path / "rootfs.tar").open("wb") as stream:
        tar.write(driver(), stream)
    arguments = ["--rootfs", str(tmp_path / "rootfs.tar"), "--architecture", "amd64"]
    assert cdi.main([*arguments, "--output", str(tmp_path / "cdi.tar")]) == 0
    with (tmp_path / "cdi.tar").open("rb") as stream:
        text = tar.load(stream, "cdi.tar")["usr/share/nvidia/cdi.json"].read().decode()
    assert text.count('"devices": []') == 1
    assert json.loads(text)["kind"] == "nvidia.com/gpu"


def test_root_filesystem_without_a_driver_is_refused() -> None:
    with pytest.raises(ToolError, match="add libcuda1 to its packages"):
        cdi.specification(Tree(), "x86_64-linux-gnu")
