"""The tar reader and writer: what of each format has to survive, and what has to be refused."""

import errno
import io
import os
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from tests.testing.tars import Entry, entry, hardlink, symlink, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.span import Sparse
from tools.sysimage.core.tree import Inode, Kind, Tree, directory, file
from tools.sysimage.core.tree import symlink as symlink_inode
from tools.sysimage.formats import tar as sysimage_tar
from tools.sysimage.formats import tarformat


def read(data: bytes, *, layer: bool = False) -> dict[str, Inode]:
    return {
        item.path: item.inode
        for item in sysimage_tar.read(io.BytesIO(data), "x.tar", layer=layer)
        if item.inode
    }


def written(tree: Tree) -> bytes:
    out = io.BytesIO()
    sysimage_tar.write(tree, out)
    return out.getvalue()


def tree_of(**paths: Inode) -> Tree:
    tree = Tree()
    for path, inode in paths.items():
        tree.put(path, inode)
    return tree


# Writing


def test_every_field_survives_writing_and_reading() -> None:
    program = file(b"x" * 700, 0o6755, 3_000_000, 7)
    program.xattrs = {"security.capability": b"\x01\x00\n=\xff", "user.empty": b""}
    tree = tree_of(
        program=program,
        again=program,
        folder=directory(0o1777, 1, 2),
        link=symlink_inode("/" + "t" * 200),
        disk=Inode(Kind.BLOCK, 0o660, gid=6, device=(8, 17)),
        tty=Inode(Kind.CHARACTER, 0o620, gid=5, device=(4, 1)),
        pipe=Inode(Kind.FIFO, 0o600),
    )
    tree.put("folder/" + "n" * 150, file(b""))
    tree.put("folder/caf\udce9\n \\", file(b"latin 1"))
    back = sysimage_tar.load(io.BytesIO(written(tree)), "x.tar")
    assert back.paths() == tree.paths()
    for path in tree.paths():
        old, new = tree[path], back[path]
        assert (new.kind, new.mode, new.uid, new.gid) == (old.kind, old.mode, old.uid, old.gid), path
        assert (new.target, new.device, new.xattrs) == (old.target, old.device, old.xattrs), path
        assert new.read() == old.read(), path
    assert back["again"] is back["program"]


def test_other_programs_read_what_is_written() -> None:
    tree = tree_of(**{"a" * 120: file(b"1", uid=1 << 31), "b": directory()})
    tree.put("b/" + "c" * 90 + "", directory())
    tree.put("b/" + "c" * 90 + "/" + "d" * 90, file(b"22"))
    with tarfile.open(fileobj=io.BytesIO(written(tree))) as archive:
        infos = {info.name: info for info in archive}
    assert [*infos] == [".", *(path for path in tree.paths() if path)]
    assert infos["a" * 120].uid == 1 << 31
    assert not infos["b/" + "c" * 90 + "/" + "d" * 90].pax_headers  # fits ustar's prefix
    assert {info.mtime for info in infos.values()} == {0}


def test_sizes_beyond_8_gib_are_in_a_pax_header() -> None:
    header = tarformat.TarHeader(b"big", 0o644, 0, 0, 1 << 33, b"0")
    assert b"19 size=8589934592\n" in tarformat.build(header)


def test_a_directory_whose_only_slash_is_at_its_end_is_not_split() -> None:
    name = b"d" * 120 + b"/"
    assert b"path=" + name in tarformat.build(tarformat.TarHeader(name, 0o755, 0, 0, 0, b"5"))


# Reading


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_each_format_of_long_names(form: int) -> None:
    name, target = "d/" * 40 + "n" * 60, "t" * 90
    data = tar(entry(name, b"1"), symlink("s", target), format=form)  # type: ignore[arg-type]
    assert read(data)[name].read() == b"1"
    assert read(data)["s"].target == target


def test_gnu_long_name_and_long_link() -> None:
    data = tar(symlink("n" * 200, "t" * 300), entry("short", b""), format=tarfile.GNU_FORMAT)
    assert read(data)["n" * 200].target == "t" * 300
    assert "short" in read(data)  # the long name is for one entry only


def test_pax_overrides_are_for_one_entry_only() -> None:
    data = tar(entry("a", b"", uid=1 << 22), entry("b", b"", uid=3))
    assert [inode.uid for inode in read(data).values()] == [1 << 22, 3]


def test_a_global_pax_header_holds_for_what_follows() -> None:
    header = tarfile.TarInfo("g")
    header.type, record = tarfile.XGLTYPE, b"8 uid=7\n"
    header.size = len(record)
    data = header.tobuf() + record + bytes(512 - len(record)) + tar(entry("a", b""), entry("b", b""))
    assert [inode.uid for inode in read(data).values()] == [7, 7]


def test_numbers_in_base_256() -> None:
    data = tar(entry("a", b"", uid=(1 << 40) + 5), format=tarfile.GNU_FORMAT)
    assert read(data)["a"].uid == (1 << 40) + 5


def test_star_keeps_times_where_ustar_has_the_prefix() -> None:
    info, _ = entry("name", None)
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[345:476] = b"d" * 131
    block[476:500] = b"00000000001 00000000002 "
    block[508:512] = b"tar\0"
    block[148:156] = b"        "
    block[148:155] = b"%06o\0" % sum(block)
    assert [*read(bytes(block) + bytes(1024))] == ["d" * 131 + "/name"]


def test_v7_directories_end_with_a_slash() -> None:
    info, _ = entry("d/", kind=tarfile.AREGTYPE)
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[156] = 0
    block[257:512] = bytes(255)
    block[148:156] = b"        "
    block[148:155] = b"%06o\0" % sum(block)
    assert read(bytes(block) + bytes(1024))["d"].kind is Kind.DIRECTORY


@pytest.mark.parametrize("seconds", [1.5, -3.25])
def test_times_that_are_not_whole_or_negative_are_passed_over(seconds: float) -> None:
    info, _ = entry("a", b"")
    info.mtime = seconds
    assert "a" in read(tar((info, b"")))


_SPARSE_DATA = b"A" * 512 + b"B" * 100


def sparse_gnu() -> bytes:
    info, _ = entry("s", kind=tarfile.GNUTYPE_SPARSE)
    info.size = len(_SPARSE_DATA)
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    numbers = (1024, 512, 1_000_000, 100, 1_000_200, 0)
    block[386 : 386 + 72] = b"".join(b"%011o\0" % number for number in numbers)
    block[483:495] = b"%011o\0" % 1_000_200
    block[148:156] = b"        "
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block) + _SPARSE_DATA + bytes(-len(_SPARSE_DATA) % 512) + bytes(1024)


def sparse_0_1() -> bytes:
    pax = {
        "GNU.sparse.map": "1024,512,1000000,100,1000200,0",
        "GNU.sparse.size": "1000200",
        "GNU.sparse.numblocks": "3",
        "GNU.sparse.name": "s",
    }
    return tar(entry("GNUSparseFile.1/s", _SPARSE_DATA, pax=pax))


def sparse_1_0() -> bytes:
    pax = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "1000200",
        "GNU.sparse.name": "s",
    }
    table = b"3\n1024\n512\n1000000\n100\n1000200\n0\n"
    return tar(entry("GNUSparseFile.1/s", table + bytes(512 - len(table)) + _SPARSE_DATA, pax=pax))


@pytest.mark.parametrize("data", [sparse_gnu(), sparse_0_1(), sparse_1_0()], ids=["gnu", "0.1", "1.0"])
@pytest.mark.parametrize("spooled", [False, True])
def test_sparse_files_are_expanded(data: bytes, spooled: bool) -> None:
    spool = io.BytesIO() if spooled else None
    (item,) = sysimage_tar.read(io.BytesIO(data), "x.tar", spool)
    assert item.path == "s"
    assert item.inode
    content = item.inode.read()
    assert len(content) == item.inode.content.size == 1_000_200
    assert content[1024:1536] == b"A" * 512
    assert content[1_000_000:1_000_100] == b"B" * 100
    assert content.count(b"\0") == 1_000_200 - 612
    assert isinstance(item.inode.content, Sparse)


@pytest.mark.parametrize(("table", "size"), [("0,612", 100), ("0,613", 1000), ("9,9,0,9", 1000)])
def test_a_sparse_map_that_contradicts_the_file_is_refused(table: str, size: int) -> None:
    pax = {"GNU.sparse.map": table, "GNU.sparse.size": str(size), "GNU.sparse.name": "s"}
    with pytest.raises(ToolError, match=r"x\.tar: .*map of the sparse file b's' contradicts"):
        read(tar(entry("s", _SPARSE_DATA, pax=pax)))


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd"])
def test_a_name_outside_the_root_is_refused(name: str) -> None:
    with pytest.raises(ToolError, match=r"x\.tar: entry .*(leaves the root|absolute)"):
        read(tar(entry(name, b"")))


def test_a_layers_leading_slash_means_the_root_of_the_image() -> None:
    assert [*read(tar(entry("/", kind=tarfile.DIRTYPE), entry("/etc/x", b"")), layer=True)] == ["", "etc/x"]


@pytest.mark.parametrize("name", [".", "./", "./a//b/./c"])
def test_names_are_made_canonical(name: str) -> None:
    (path,) = read(tar(entry(name, kind=tarfile.DIRTYPE)))
    assert path == ("a/b/c" if "a" in name else "")


@pytest.mark.parametrize("cut", [100, 512, 600, 1024])
def test_an_archive_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(ToolError, match=r"x\.tar: not a whole tar archive") as caught:
        read(tar(entry("a", b"x" * 700))[:cut])
    assert ("in or after the entry 'a'" in str(caught.value)) == (cut >= 512)


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end() -> None:
    data = bytearray(tar(entry("a", b""), entry("b", b"")))
    data[512 + 3] ^= 1
    with pytest.raises(ToolError, match="checksum is wrong"):
        read(bytes(data))


def test_entries_after_the_end_marker_are_not_passed_over() -> None:
    with pytest.raises(ToolError, match="entries after a block of zeros"):
        read(tar(entry("a", b""), end=False) + bytes(512) + tar(entry("b", b"")))


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ToolError, match=r"entry 'v' has the unknown type b'V'"):
        read(tar(entry("v", kind=b"V")))


@pytest.mark.parametrize("long", [entry("a/" * 2048 + "b", b""), symlink("l", "t" * 4096)])
def test_a_name_that_no_system_call_takes_is_refused(long: Entry) -> None:
    with pytest.raises(
        ToolError, match=r"a name of more than 4095 bytes, before byte \d+, in or after the entry 'a'"
    ):
        read(tar(entry("a", b""), long))


def test_a_path_as_deep_as_can_be_is_read_copied_and_written() -> None:
    path = "/".join(["d"] * 1200)
    tree = Tree()
    tree.add(path, file(b"deep"))
    assert [*tree.copy().paths()][-1] == path
    assert sysimage_tar.load(io.BytesIO(written(tree)), "x.tar")[path].read() == b"deep"


def patched(place: int, value: bytes, item: Entry, form: Literal[0, 1, 2] = tarfile.GNU_FORMAT) -> bytes:
    """An archive of one entry whose header has `value` at a byte, with a right checksum."""
    info, data = item
    block = bytearray(info.tobuf(form))
    block[place : place + len(value)] = value
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block) + data + bytes(-len(data) % 512) + tar(entry("after", b"1"))


NEGATIVE = b"\xff" * 12
SPARSE = entry("s", b"x" * 100, kind=b"S")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (patched(483, NEGATIVE, SPARSE), "size is negative"),
        (patched(386, NEGATIVE, SPARSE), "negative number"),
        (patched(386, b"00000000000\0" + NEGATIVE, SPARSE), "negative number"),
        (patched(257, b"ustar\x0000", SPARSE), "not in GNU's format"),
        (patched(337, b"\x80\0\0\1\0\0\0\0", entry("d", kind=tarfile.CHRTYPE)), "device number"),
        (patched(337, b"\xff" * 8, entry("d", kind=tarfile.BLKTYPE)), "device number"),
        (patched(100, b"-000644\0", entry("f", b"")), "no octal number"),
        (patched(100, b"0o6_44\0\0", entry("f", b"")), "no octal number"),
        (tar(symlink("l", "")), "symbolic link to nothing"),
        (tar(entry("x", b"", pax={"SCHILY.xattr.user.a": "x" * 65537})), "extended attribute of 65537 bytes"),
        (tar(entry("d/" + "n" * 256, b"")), "longer than Linux takes"),
    ],
)
def test_what_no_file_system_has_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ToolError, match=rf"x\.tar: .*{message}"):
        read(data)


def test_data_of_an_entry_whose_name_ends_with_a_slash_are_no_entries() -> None:
    inner = tar(entry("etc/shadow", b"x"), end=False)
    info, _ = entry("d", inner)
    info.name = "d/"
    assert [*read(info.tobuf(tarfile.USTAR_FORMAT) + inner + tar(entry("after", b"")))] == ["d", "after"]


def test_an_attribute_whose_name_ends_like_a_part_of_a_sparse_map_is_none() -> None:
    (inode,) = read(tar(entry("f", b"1", pax={"SCHILY.xattr.user.offset": "x"}))).values()
    assert inode.xattrs == {"user.offset": b"x"}


def test_two_dots_in_a_layer_are_cleaned_away_as_long_as_they_stay_inside() -> None:
    assert [*read(tar(entry("a/../b", b"")), layer=True)] == ["b"]
    with pytest.raises(ToolError, match=r"entry 'a/\.\./\.\./b' leaves the root"):
        read(tar(entry("a/../../b", b"")), layer=True)


def test_a_huge_extended_header_is_refused_before_it_is_read() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 32
    with pytest.raises(ToolError, match="an extended header of 4294967296 bytes"):
        read(info.tobuf())


@pytest.mark.parametrize("record", [b"5 a=1\n", b"9 a=1\n", b"x a=1\n", b"6 a1\n\n", b"0 a=\n"])
def test_a_damaged_pax_record_is_refused(record: bytes) -> None:
    with pytest.raises(tarformat.DamagedError):
        tarformat.parse_records(record)


def test_a_tar_of_ours_has_each_path_once() -> None:
    with pytest.raises(ToolError, match="a is there twice"):
        sysimage_tar.load(io.BytesIO(tar(entry("a", b""), entry("a", b""))), "x.tar")


def test_a_link_before_its_target_is_refused_in_a_tar_of_ours() -> None:
    with pytest.raises(ToolError, match="b is a hard link to a, which does not come before"):
        sysimage_tar.load(io.BytesIO(tar(hardlink("b", "a"), entry("a", b""))), "x.tar")


@pytest.mark.parametrize("size", [(1 << 16) - 1, 1 << 16, (1 << 21) + 5])
@pytest.mark.parametrize("in_kernel", [True, False])
def test_large_files_are_copied_whole_whether_the_kernel_can_do_it_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, in_kernel: bool
) -> None:
    data = random.Random(size).randbytes(size)
    source = tar(entry("before", b"b"), entry("large", data), entry("small", b"s"))
    (tmp_path / "in.tar").write_bytes(source)
    if not in_kernel:
        calls: Iterator[int | OSError] = iter([4096, OSError(errno.EXDEV, "")])

        def copy(source: int, sink: int, count: int, offset: int) -> int:
            if isinstance(step := next(calls), OSError):
                raise step
            return os.write(sink, os.pread(source, step, offset))

        monkeypatch.setattr(os, "copy_file_range", copy)
    with (tmp_path / "in.tar").open("rb") as stream, (tmp_path / "out.tar").open("wb") as out:
        sysimage_tar.write(sysimage_tar.load(stream, "in.tar"), out)
    with tarfile.open(tmp_path / "out.tar") as archive:
        files = [(item.name, archive.extractfile(item)) for item in archive if item.isfile()]
        contents = {name: content.read() for name, content in files if content}
    assert contents == {"before": b"b", "large": data, "small": b"s"}
