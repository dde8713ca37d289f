"""A few bytes that ask for an endless loop, or for more memory than there is: each is refused at once."""

import io
import json
import re
import struct
from pathlib import Path

import pytest

from tests.testing import elfs
from tests.testing.debs import Deb
from tests.testing.tars import entry, tar
from tools.sysimage.core import json_manifest
from tools.sysimage.core.content import ServicesInput
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import file
from tools.sysimage.debian import lock_shape
from tools.sysimage.effects import ledger_entries
from tools.sysimage.formats import deb, elf, oci_layout
from tools.sysimage.formats import tar as sysimage_tar
from tools.sysimage.lock import manifest as lock_manifest
from tools.sysimage.publish import annotate

_DEEP = "[" * 100_000
_VERNEEDNUM, _VERDEFNUM = 0x6FFFFFFF, 0x6FFFFFFD
_LIBRARY = elfs.linked("a.so", needed=["b"], interpreter="/l", wants={"b": ["V1", "V2"]}, defines=["a", "b"])


@pytest.mark.parametrize("size", ["-60", "-1", "-9999999", "1_0", "0x10", "1e3", "+5", "", "²"])
@pytest.mark.parametrize("member", [0, 1, 2])
def test_size_in_an_ar_header_would_lead_backwards(tmp_path: Path, size: str, member: int) -> None:
    data = bytearray(Deb("x").build())
    start = [match.start() for match in re.finditer(rb".{58}`\n", data, re.DOTALL)][member]
    data[start + 48 : start + 58] = size.encode("latin-1").ljust(10)
    path = tmp_path / "x.deb"
    path.write_bytes(data)
    with pytest.raises(ToolError, match=r"x\.deb: .* has the size .*, which is no number"):
        deb.open_deb(path)


def test_control_archive_would_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.deb"
    path.write_bytes(Deb("x", control={"templates": "x" * (1 << 26)}).build())
    with pytest.raises(ToolError, match=r"x\.deb: control\.tar unpacks to more than 67108864 bytes"):
        deb.open_deb(path)


@pytest.mark.parametrize("tag", [_VERNEEDNUM, _VERDEFNUM])
@pytest.mark.parametrize("count", [3, 1 << 32, 1 << 60, (1 << 64) - 1])
def test_count_of_versions_in_a_program_would_be_believed(tag: int, count: int) -> None:
    entries = [
        match.start()
        for match in re.finditer(re.escape(struct.pack("<Q", tag)), _LIBRARY)
        if match.start() % 8 == _LIBRARY.index(struct.pack("<Q", _VERNEEDNUM)) % 8
    ]
    [at] = entries
    data = bytearray(_LIBRARY)
    data[at + 8 : at + 16] = struct.pack("<Q", count)
    try:
        found = elf.linkage(file(bytes(data)))
    except ToolError as error:
        assert "is a damaged ELF file" in str(error)
    else:
        assert found is not None and count == 3


@pytest.mark.parametrize(
    "size", [(1 << 63) - 1, 1 << 63, 1 << 64, (1 << 36) + 1], ids=["2^63-1", "2^63", "2^64", "2^36+1"]
)
def test_sparse_file_would_be_longer_than_any_disk(size: int) -> None:
    pax = {"GNU.sparse.map": f"{size},0", "GNU.sparse.size": str(size), "GNU.sparse.name": "s"}
    with pytest.raises(ToolError, match=r"x\.tar: "):
        list(sysimage_tar.read(io.BytesIO(tar(entry("s", b"", pax=pax))), "x.tar"))


def test_sparse_files_would_be_longer_than_any_disk_together() -> None:
    pax = {"GNU.sparse.map": f"{1 << 33},0", "GNU.sparse.size": str(1 << 33), "GNU.sparse.name": ""}
    entries = [entry(f"s{at}", b"", pax={**pax, "GNU.sparse.name": f"s{at}"}) for at in range(9)]
    assert len(list(sysimage_tar.read(io.BytesIO(tar(*entries[:8])), "x.tar"))) == 8
    with pytest.raises(ToolError, match=r"x\.tar: with 's8', sparse files take 77309411328 bytes"):
        list(sysimage_tar.read(io.BytesIO(tar(*entries)), "x.tar"))


def test_deep_json_and_toml_would_be_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(_DEEP)
    for read in (
        lambda: json_manifest.read(ServicesInput, path),
        lambda: lock_shape.parse(_DEEP.encode()),
        lambda: oci_layout.json_object(_DEEP.encode(), "x"),
        lambda: annotate.annotations(_DEEP.encode(), {}, "", None),
        lambda: lock_manifest.parse(f"x = {_DEEP}", "x"),
        lambda: ledger_entries.read(f"x = {_DEEP}".encode(), "x"),
    ):
        with pytest.raises(ToolError):
            read()


def test_number_of_thousands_of_digits_would_be_a_traceback() -> None:
    number = "9" * 5000
    for read in (
        lambda: lock_shape.parse(json.dumps({"version": 1}).replace("1", number).encode()),
        lambda: oci_layout.json_object(f'{{"x": {number}}}'.encode(), "x"),
        lambda: annotate.annotations(f'{{"x": {number}}}'.encode(), {}, "", None),
        lambda: lock_manifest.parse(f"x = {number}", "x"),
        lambda: ledger_entries.read(f"x = {number}".encode(), "x"),
    ):
        with pytest.raises(ToolError):
            read()
