"""stage1 makes the tree that GNU tar makes, and refuses what it can't vouch for before it writes."""

import errno
import hashlib
import os
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tests.kernel.stage1.images import PACKED, Unpacked, load, own, sample, snapshot, unpack, xz, zst
from tests.kernel.stage1.mutated import campaign
from tests.testing.tars import entry, hardlink, symlink, tar

SOUND = sample()
PREFIX = "the system image can't be unpacked: "
END = bytes(1024)
FORMATS: dict[str, Literal[0, 1, 2]] = {
    "ustar": tarfile.USTAR_FORMAT,
    "gnu": tarfile.GNU_FORMAT,
    "pax": tarfile.PAX_FORMAT,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (folder := tmp_path / "root").mkdir()
    return folder


def refused(done: Unpacked, root: Path, *, empty: bool = True) -> str:
    """The one line of a refusal."""
    assert done.status == 1, done
    assert done.refused.endswith("\n")
    assert done.refused.count("\n") == 1
    assert not empty or not any(root.iterdir())
    return done.refused.rstrip("\n")


def took(done: Unpacked) -> None:
    assert (done.status, done.refused) == (0, ""), done


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("form", FORMATS)
def test_tree_would_not_be_that_of_gnu_tar(tmp_path: Path, root: Path, form: str, packing: str) -> None:
    data = sample(FORMATS[form])
    image = PACKED[packing](data)
    done = unpack(root, image, more=b"of the disk's last sector")
    took(done)
    digest = hashlib.sha256(image).hexdigest()
    assert done.said.startswith(f"stage1: system image: {len(image)} bytes, sha256:{digest}\n")
    (judge := tmp_path / "judge").mkdir()
    subprocess.run(["tar", "-xpf", "-", "-C", judge], input=data, check=True, timeout=20)
    assert snapshot(root) == snapshot(judge)
    assert len(snapshot(root)) > 15


@pytest.mark.parametrize("pack", [xz, zst])
@pytest.mark.parametrize("block", [100_000, 1 << 20, 3_000_001, 8 << 20])
def test_pieces_that_are_decoded_in_steps_would_be_mixed_up(
    root: Path, pack: Callable[[bytes, int], bytes], block: int
) -> None:
    numbers = b"".join(number.to_bytes(4) for number in range(1 << 20))
    took(unpack(root, pack(tar(*own(entry("numbers", numbers), entry("last", b"x"))), block)))
    assert (root / "numbers").read_bytes() == numbers
    assert (root / "last").read_bytes() == b"x"


@pytest.mark.parametrize("pack", [xz, zst])
def test_damage_late_in_a_piece_would_be_unpacked(root: Path, pack: Callable[[bytes, int], bytes]) -> None:
    image = bytearray(pack(tar(*own(entry("random", random.Random(1).randbytes(3 << 20)))), 8 << 20))
    image[3 << 20] ^= 1
    assert refused(unpack(root, bytes(image)), root, empty=False).startswith(PREFIX)


def test_owners_and_special_bits_would_be_kept_though_plain_was_asked_for(root: Path) -> None:
    entries = [entry("su", b"x", mode=0o6755, uid=12345), entry("tmp/", mode=0o1777, gid=54321)]
    entries += [entry("x", pax={"SCHILY.xattr.security.capability": "no capability at all"})]
    took(unpack(root, xz(tar(*entries)), "--plain"))
    modes = {path.name: oct(path.stat().st_mode & 0o7777) for path in root.iterdir()}
    assert modes == {"su": "0o755", "tmp": "0o777", "x": "0o644"}
    assert (root / "su").stat().st_uid == os.getuid()


def test_digest_would_be_said_elsewhere_than_in_its_file(tmp_path: Path, root: Path) -> None:
    image = xz(SOUND)
    took(unpack(root, image, "--digest", str(tmp_path / "digest"), sha256=False))
    assert (tmp_path / "digest").read_text() == hashlib.sha256(image).hexdigest() + "\n"


def test_attribute_would_be_lost(root: Path) -> None:
    try:
        os.setxattr(root, "user.test", b"")
        os.removexattr(root, "user.test")
    except OSError as error:
        assert error.errno == errno.ENOTSUP
        pytest.skip("the folder of this test is on a file system without attributes")
    entries = [
        entry("file", b"1", pax={"SCHILY.xattr.user.a": "b=\nc"}),
        entry("d/", pax={"SCHILY.xattr.user.e": ""}),
    ]
    took(unpack(root, tar(*own(*entries))))
    assert os.getxattr(root / "file", "user.a") == b"b=\nc"
    assert os.listxattr(root / "d") == ["user.e"]


def test_another_image_would_be_started(root: Path) -> None:
    image = xz(SOUND)
    digest = hashlib.sha256(image).hexdigest()
    done = unpack(root, image, "--sha256", "0" * 64, sha256=False)
    assert refused(done, root) == (
        f"the digest of the system image is sha256:{digest}, the command line wants sha256:{'0' * 64}"
    )
    assert done.said.splitlines() == [f"stage1: system image: {len(image)} bytes, sha256:{digest}"]


def test_digest_of_a_sound_image_would_vouch_for_a_damaged_one(root: Path) -> None:
    image = bytearray(xz(SOUND))
    wanted = hashlib.sha256(image).hexdigest()
    image[len(image) // 2] ^= 1
    done = unpack(root, bytes(image), "--sha256", wanted, sha256=False)
    assert refused(done, root).endswith(f", the command line wants sha256:{wanted}")


ONE_STREAM = "the system image is not one whole xz stream: cut off, or something follows it"
FRAMES = "the system image is not whole frames of zstd: cut off, or something follows them"
NO_TAR = "the system image is no tar, nor a tar.xz or tar.zst"
CUT_OFF = "the system image is cut off: no tar's end"


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (xz(SOUND)[:-1024], ONE_STREAM),
        (xz(SOUND)[:-1], ONE_STREAM),
        (xz(SOUND)[:7], ONE_STREAM),
        (xz(SOUND) * 2, ONE_STREAM),
        (xz(SOUND) + bytes(4), ONE_STREAM),
        (xz(SOUND)[:12] + xz(SOUND)[16:], ONE_STREAM),
        (PACKED["xz -6"](SOUND) + xz(SOUND), ONE_STREAM),
        (zst(SOUND)[:-1], FRAMES),
        (zst(SOUND) + bytes(1), FRAMES),
        (PACKED["zstd -"](SOUND)[:-5], FRAMES),
        (SOUND[:-1], CUT_OFF),
        (SOUND[: len(SOUND) // 2], CUT_OFF),
        (SOUND[: len(SOUND) // 2] + b"x", CUT_OFF),
        (b"x", NO_TAR),
        (bytes(4096), NO_TAR),
        (b"\x1f\x8b" + SOUND, NO_TAR),
    ],
)
def test_image_that_is_not_whole_would_be_unpacked_in_part(root: Path, image: bytes, words: str) -> None:
    assert refused(unpack(root, image), root) == words


@pytest.mark.parametrize("packing", ["xz", "xz -6", "zst", "zstd -"])
def test_damage_would_be_unpacked(root: Path, packing: str) -> None:
    image = bytearray(PACKED[packing](SOUND))
    image[len(image) // 2] ^= 0xFF
    assert refused(unpack(root, bytes(image)), root, empty=False).startswith(PREFIX)


def test_check_behind_the_last_entry_would_not_be_looked_at(root: Path) -> None:
    data = SOUND + bytes(1 << 20)
    image = bytearray(PACKED["xz -6"](data))
    # The check of the block, before the index and a footer of 12 bytes; the tar ends long before.
    at = len(image) - 12 - (int.from_bytes(image[-8:-4], "little") + 1) * 4 - 1
    image[at] ^= 1
    assert refused(unpack(root, bytes(image)), root, empty=False) == PREFIX + "corrupted data"


def test_disk_that_is_too_short_or_missing(tmp_path: Path, root: Path) -> None:
    done = unpack(root, SOUND, "--size", str(len(SOUND) + 1))
    assert refused(done, root) == f"{tmp_path}/disk has less than the {len(SOUND) + 1} bytes of stage1.size"
    done = unpack(root, SOUND, "--disk", str(tmp_path / "none"))
    assert refused(done, root) == f"{tmp_path}/none can't be read"


@pytest.mark.parametrize("packing", ["tar", "xz", "zst"])
def test_machine_with_too_little_memory_would_stop_in_the_middle(
    tmp_path: Path, root: Path, packing: str
) -> None:
    data = tar(*own(entry("zeros", bytes(16 << 20))))
    (meminfo := tmp_path / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable:    {50 << 10} kB\n")
    done = unpack(root, PACKED[packing](data), "--meminfo", str(meminfo))
    assert refused(done, root) == (
        "unpacking the system image takes 50 MiB, and 50 MiB of memory are left; give the machine more"
    )
    meminfo.write_text(f"MemAvailable:    {51 << 10} kB\n")
    took(unpack(root, PACKED[packing](data), "--meminfo", str(meminfo)))


def test_guest_would_start_without_a_module_that_it_needs(tmp_path: Path) -> None:
    (order := tmp_path / "order").write_text("")
    (tmp_path / "optional").write_text("sev-guest.ko\n")
    assert load(tmp_path) == Unpacked(0, "", "")
    order.write_text("virtio_blk.ko\n")
    assert load(tmp_path) == Unpacked(
        1, "", "the module virtio_blk.ko can't be loaded: No such file or directory\n"
    )
    order.unlink()
    assert load(tmp_path) == Unpacked(1, "", f"{order} can't be read\n")


@pytest.mark.parametrize("name", ["../out", "a/../../out", "..", "a/.."])
def test_path_would_lead_out(root: Path, name: str) -> None:
    done = unpack(root, tar(*own(entry(name, b"x"))))
    assert refused(done, root) == f"{PREFIX}{name} leads out of its folder"


def test_link_would_lead_out(tmp_path: Path, root: Path) -> None:
    (outside := tmp_path / "outside").mkdir()
    entries = own(
        *(symlink("absolute", str(outside)), symlink("up", "../../../.."), entry(str(outside)[1:] + "/")),
        *(entry("absolute/x", b"1"), entry(f"up/{outside}/y", b"2"), entry(f"/{outside}/z", b"3")),
    )
    took(unpack(root, tar(*entries)))
    assert not any(outside.iterdir())
    inside = root / str(outside)[1:]
    assert {path.name: path.read_bytes() for path in inside.iterdir()} == {"x": b"1", "y": b"2", "z": b"3"}


def test_hard_link_would_lead_out(tmp_path: Path, root: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    entries = own(symlink("up", str(tmp_path)), hardlink("got", "up/secret"))
    assert refused(unpack(root, tar(*entries)), root, empty=False).startswith(PREFIX)
    assert not (root / "got").exists()


def test_later_entry_would_not_replace_an_earlier(root: Path) -> None:
    entries = own(
        *(entry("a", b"1"), entry("a", b"2"), symlink("b", "a"), entry("b", b"3"), symlink("a", "b")),
        *(
            entry("d/", mode=0o700),
            symlink("l", "d"),
            entry("l/"),
            entry("l/x", b"4"),
            entry("d/", mode=0o750),
        ),
        *(entry("f", b"5"), entry("f/"), entry("p/q", b"6"), hardlink("a", "p/q")),
    )
    took(unpack(root, tar(*entries)))
    assert (root / "b").read_bytes() == b"3"
    assert not (root / "b").is_symlink()
    assert (root / "a").samefile(root / "p" / "q")
    assert (root / "l").is_symlink()
    assert (root / "d" / "x").read_bytes() == b"4"
    assert (root / "d").stat().st_mode & 0o7777 == 0o750
    assert (root / "f").is_dir()
    assert (root / "p").stat().st_mode & 0o7777 == 0o755


def summed(header: bytearray) -> bytes:
    """The header with its checksum."""
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def old_folder() -> bytes:
    """As tar of the seventh edition writes a folder."""
    [(info, _)] = own(entry("old/", mode=0o711))
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    block[156:157], block[257:] = b"\0", bytes(255)
    return summed(block)


def test_folder_of_an_old_tar_would_be_a_file(root: Path) -> None:
    took(unpack(root, tar(*own(entry("first")), end=False) + old_folder() + END))
    assert (root / "old").is_dir()
    assert (root / "old").stat().st_mode & 0o7777 == 0o711


def sparse() -> bytes:
    block = bytearray(own(entry("holes", b""))[0][0].tobuf(tarfile.GNU_FORMAT))
    block[156:157] = b"S"
    return summed(block)


def with_type(kind: bytes) -> bytes:
    [(info, _)] = own(entry("thing", kind=kind))
    return info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (sparse() + END, "holes is a sparse file of GNU tar; make the tar without --sparse"),
        (with_type(b"V") + END, "thing is of a type that stage1 does not know"),
        (
            tar(*own(entry("a", pax={"GNU.sparse.major": "1"}))),
            "the pax header's GNU.sparse.major is nothing",
        ),
        (tar(*own(entry("a", pax={"size": "-1"}))), "a pax header has a number that can't be"),
        (tar(*own(entry("a", pax={"uid": "1x"}))), "the pax header's uid is nothing"),
        (tar(*own(entry("a", pax={"uid": str((1 << 32) - 1)}))), "a pax header has a number that can't be"),
        (
            tar(*own(entry("a")), end=False) + b"x" * 512 + END,
            "a header's checksum is wrong, in or after the entry a",
        ),
        (tar(*own(entry("a")), end=False) + bytes(512) + SOUND, "there is something after a block of zeros"),
        (tar(*own(entry("a", b"x" * 600)))[:-1536] + END, "it is cut off, in or after the entry a"),
        (tar(hardlink("a", "b")), "a (a hard link to b): No such file or directory"),
        (tar(entry("a", mode=0o644, kind=tarfile.LNKTYPE, link="..")), ".. leads out of its folder"),
        (tar(entry(".", b"x")), "its root is no folder"),
        (
            tar(hardlink("a\n\x1b\xe4", "b")),
            "a\\x0a\\x1b\\xc3\\xa4 (a hard link to b): No such file or directory",
        ),
        (tar(*own(entry("a/x"), symlink("a", "b"))), "a: Is a directory"),
    ],
)
def test_what_can_not_be_unpacked_would_be_left_out(root: Path, data: bytes, words: str) -> None:
    said = refused(unpack(root, xz(data)), root, empty=False)
    assert said.startswith(PREFIX + words), said


def test_mutated_image_would_crash_it(tmp_path: Path) -> None:
    ends = campaign(tmp_path, 200)
    assert min(ends.values()) > 10, ends
