"""Stage stage1: the initramfs is one that a kernel reads, with its modules in an order in which they load."""

import io
import os
from pathlib import Path

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Content, Inline
from tools.sysimage.core.tree import Inode, Kind, Tree, file, symlink
from tools.sysimage.formats import cpio
from tools.sysimage.kernel import stage1

STAGE1 = Path(os.environ["STAGE1"])


def entries(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Reads a newc archive: name → mode, content; the trailer included."""
    found = {}
    position = 0
    while position < len(data):
        assert data[position : position + 6] == b"070701"
        fields = [int(data[position + 6 + 8 * i : position + 14 + 8 * i], 16) for i in range(13)]
        name = data[position + 110 : position + 110 + fields[11]].rstrip(b"\0").decode()
        start = position + (110 + fields[11] + 3) // 4 * 4
        found[name] = (fields[1], data[start : start + fields[6]])
        position = start + (fields[6] + 3) // 4 * 4
    return found


def test_an_archive_has_every_kind_of_entry_aligned_and_can_have_another_behind_it() -> None:
    tree = Tree()
    tree.add("a/link", symlink("../b"))
    tree.put("b", file(b"12345", 0o751))
    out = io.BytesIO()
    cpio.write(tree, out)
    cpio.write(tree, out)
    assert len(out.getvalue()) % 4 == 0
    assert entries(out.getvalue()) == {
        "a": (0o40755, b""),
        "a/link": (0o120777, b"../b"),
        "b": (0o100751, b"12345"),
        "TRAILER!!!": (0, b""),
    }


def test_a_file_that_the_format_can_not_hold_is_refused() -> None:
    class Huge(Inline):
        @property
        def size(self) -> int:
            return 1 << 32

    tree = Tree()
    content: Content = Huge(b"")
    tree.put("huge", Inode(Kind.FILE, 0o644, content=content))
    with pytest.raises(ToolError, match="huge: has 4294967296 bytes"):
        cpio.write(tree, io.BytesIO())


def release(folder: Path) -> Path:
    """A folder of a release's index: c needs b, b needs a; d is built in."""
    path = folder / "6.1"
    path.mkdir()
    (path / "modules.dep").write_text(
        "k/c.ko.xz: k/b-b.ko.xz k/a.ko.xz\nk/b-b.ko.xz: k/a.ko.xz\nk/a.ko.xz:\n"
    )
    (path / "modules.builtin").write_text("k/d.ko\n")
    return path


def test_modules_come_after_what_they_need_and_once(tmp_path: Path) -> None:
    order = stage1.load_order(release(tmp_path), ["b_b", "c", "d", "a"])
    assert [path.name for path in order] == ["a.ko.xz", "b-b.ko.xz", "c.ko.xz"]


def test_a_module_that_the_kernel_has_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"nvme: the kernel 6\.1 has no such module"):
        stage1.load_order(release(tmp_path), ["a", "nvme"])


def test_a_driver_that_the_kernel_lacks_would_stop_the_build(tmp_path: Path) -> None:
    order = stage1.load_order(release(tmp_path), ["nvme", "b-b", "d"], optional=True)
    assert [path.name for path in order] == ["a.ko.xz", "b-b.ko.xz"]


def test_a_guest_could_not_ask_for_attestation() -> None:
    found = entries(STAGE1.read_bytes())
    optional = found["modules/optional"][1].decode().split()
    assert optional.index("configfs.ko") < optional.index("tsm.ko")
    if "sev-guest.ko" in optional:  # not of arm64
        assert optional.index("tsm.ko") < optional.index("sev-guest.ko")
        assert "tdx-guest.ko" in optional
    assert not set(optional) & set(found["modules/order"][1].decode().split())
    assert all(found[f"modules/{name}"][1].startswith(b"\x7fELF") for name in optional)


def test_the_initramfs_has_a_shell_or_a_program_that_would_not_start() -> None:
    found = entries(STAGE1.read_bytes())
    mode, init = found["init"]
    assert mode == 0o100755
    # A program that asks for a loader (PT_INTERP) would not start.
    headers = range(64, 64 + 56 * int.from_bytes(init[56:58], "little"), 56)
    assert init.startswith(b"\x7fELF")
    assert 3 not in [int.from_bytes(init[at : at + 4], "little") for at in headers]
    order = found["modules/order"][1].decode().split()
    assert {"virtio_blk.ko", "virtio_net.ko", "autofs4.ko"} <= set(order)
    assert all(found[f"modules/{name}"][1].startswith(b"\x7fELF") for name in order)
    others = {name for name in found if not name.startswith("modules")}
    assert others == {"init", "TRAILER!!!"}
    assert not any(mode & 0o170000 in (0o20000, 0o60000) for mode, _ in found.values())
