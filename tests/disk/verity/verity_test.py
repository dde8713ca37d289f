"""Stage verity: the erofs has what the tar says, and dm-verity finds each changed byte of it."""

import io
import json
import os
import random
import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest

from tests.disk.verity import extracted
from tests.testing import firmwares
from tests.testing.programs import argv
from tests.testing.tars import Entry, entry, hardlink, symlink, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode
from tools.sysimage.disk import disk, hash_tree, verity
from tools.sysimage.evidence import diff, difference
from tools.sysimage.formats import erofs, mtree
from tools.sysimage.formats import tar as tars
from tools.sysimage.formats.verity import VerityInput

MKFS, FSCK, DUMP, VERITYSETUP = (
    Path(os.environ[name]) for name in ("MKFS_EROFS", "FSCK_EROFS", "DUMP_EROFS", "VERITYSETUP")
)
LIMIT = 40  # seconds
FOLDERS = ("dev", "etc", "proc", "run", "sbin", "sys", "tmp", "var")
CAPABILITY = "\x01\x00\x00\x02\x00\x04\x00\x00" + "\x00" * 12


def image(*more: Entry, without: str = "") -> bytes:
    """A tar of what every image has, and more."""
    folders = [entry(f"{name}/") for name in ("", *FOLDERS) if name != without or not name]
    folders[0] = entry("./")
    init = [] if without in ("sbin", "sbin/init") else [entry("sbin/init", b"\x7fELF" * 2048, mode=0o755)]
    return tar(*folders, *init, *more)


def sample() -> bytes:
    """A tar of each kind of path."""
    noise = random.Random(1).randbytes(70_000)
    long = "n" * 200
    return image(
        entry("usr/"),
        entry("usr/closed/", mode=0o500, uid=7),
        *(entry(f"usr/closed/{size}", noise[:size], mode=0o400) for size in (0, 1, 4095, 4096, 4097, 70_000)),
        entry("usr/zeros", bytes(300_000)),
        entry("usr/text", b"a line\n" * 20_000),
        entry("usr/su", b"#!", mode=0o4755, uid=70_000, gid=4_000_000_000),
        entry("usr/sg", b"#!", mode=0o2711, gid=42),
        hardlink("usr/again", "usr/su"),
        hardlink("third", "usr/su"),
        entry("var/mail/", mode=0o2775, gid=8),
        entry("var/spool/", mode=0o1777),
        symlink("absolute", "/usr/su"),
        symlink("dangling", "target/" * 200),
        entry(f"usr/{long}", b"long"),
        entry(f"usr/{'d' * 255}/", uid=65_536),
        entry(f"usr/{'d' * 255}/{'e' * 255}", b"longest", uid=4_294_967_294),
        *(entry("/".join(["deep"] * depth) + "/") for depth in range(1, 60)),
        symlink("longest", "t" * 4_095),
        entry("usr/an odd\n\\#", b"odd"),
        entry("usr/many", b"x", pax={f"SCHILY.xattr.user.{n}": "v" * n for n in range(1, 40)}),
        entry(
            "usr/tagged",
            b"x",
            pax={"SCHILY.xattr.user.note": "ä=1\n", "SCHILY.xattr.security.capability": CAPABILITY},
        ),
        entry("usr/tagged folder/", pax={"SCHILY.xattr.user.note": "of a folder"}),
        entry("var/pipe", kind=tarfile.FIFOTYPE, mode=0o620, gid=5),
    )


def made(folder: Path, data: bytes, compression: str = "none", *over: bytes) -> tuple[Path, Path, str]:
    """erofs, hash tree and root hash of a tar."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = []
    for number, each in enumerate((data, *over)):
        layers += ["--layer", str(folder / f"{number}.tar")]
        (folder / f"{number}.tar").write_bytes(each)
    (folder / "mkfs.json").write_text(json.dumps({"argv": argv(MKFS)}))
    erofs, tree, root = (folder / name for name in ("erofs", "tree", "root"))
    verity.main(
        [
            *(*layers, "--compression", compression, "--mkfs", str(folder / "mkfs.json")),
            *("--data", str(erofs), "--hash-tree", str(tree), "--root-hash", str(root)),
        ]
    )
    return erofs, tree, root.read_text("ascii").strip()


def verified(erofs: Path, tree: Path, root: str) -> bool:
    """Whether veritysetup finds all of it sound."""
    command = [*argv(VERITYSETUP), "verify", str(erofs), str(tree), root]
    return subprocess.run(command, capture_output=True, timeout=LIMIT, check=False).returncode == 0


@pytest.mark.parametrize("compression", sorted(verity.COMPRESSIONS))
def test_what_is_read_of_an_erofs_would_be_another_tree_than_the_tar_s(
    tmp_path: Path, compression: str
) -> None:
    image, _, _ = made(tmp_path, sample(), compression)
    with image.open("rb") as stream:
        found = dict(erofs.read(stream, "erofs"))
    wanted = dict(tars.load(io.BytesIO(sample()), "sample").walk())
    assert {path: facts(inode) for path, inode in found.items()} == {
        path: facts(inode) for path, inode in wanted.items()
    }
    assert found["usr/again"] is found["usr/su"] is found["third"]


def facts(inode: Inode) -> tuple[object, ...]:
    return inode.kind, inode.mode, inode.uid, inode.gid, inode.target, inode.device, dict(inode.xattrs)


def test_a_damaged_erofs_would_end_in_a_traceback(tmp_path: Path) -> None:
    image, _, _ = made(tmp_path, sample())
    data = image.read_bytes()
    chance = random.Random(3)
    refused = 0
    for _ in range(400):
        changed = bytearray(data)
        # Where the metadata are: the superblock, and what follows it.
        changed[chance.randrange(1024, 24_576)] ^= 1 << chance.randrange(8)
        try:
            for _ in erofs.read(io.BytesIO(changed[: chance.choice((len(data), 20_000))]), "erofs"):
                pass
        except ToolError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("compression", sorted(verity.COMPRESSIONS))
def test_a_disk_would_differ_from_the_image_that_it_is_made_of(tmp_path: Path, compression: str) -> None:
    data, tree, root = made(tmp_path, sample(), compression)
    uki = tmp_path / "uki"
    uki.write_bytes(firmwares.program({".text": b"x"}))
    (tmp_path / "root").write_text(f"{root}\n")
    with (tmp_path / "disk").open("w+b") as stream:
        disk.write(disk.DiskInput(uki, VerityInput(data, tree, tmp_path / "root")), stream)
    (tmp_path / "sample.tar").write_bytes(sample())
    found = diff.load(tmp_path / "disk", fsck=argv(FSCK))
    wanted = diff.load(tmp_path / "sample.tar")
    assert not difference.compare(wanted, found).files
    assert len(found.paths) > 30
    assert len([name for name in found.measurements if name.startswith("partition ")]) == 3


@pytest.mark.parametrize("compression", sorted(verity.COMPRESSIONS))
def test_a_path_would_be_another_one_in_the_guest(tmp_path: Path, compression: str) -> None:
    erofs, tree, root = made(tmp_path, sample(), compression)
    out = io.BytesIO()
    paths = list(tars.load(io.BytesIO(sample()), "sample").walk())
    mtree.write(paths, out)
    wanted = extracted.read_mtree(out.getvalue().decode().splitlines())
    assert len(wanted) == len(paths) > 30
    assert extracted.differences(wanted, extracted.extract(erofs, tmp_path / "out", FSCK)) == []
    for path, inode in paths:
        if "\n" not in path:
            assert extracted.owner(erofs, path, DUMP) == (inode.uid, inode.gid, inode.mode & 0o777), path
    assert verified(erofs, tree, root)


def test_a_name_that_is_not_ascii_would_be_another_one(tmp_path: Path) -> None:
    # Not extracted: Bazel crashes where such a name is left in a test's folder.
    erofs, _, _ = made(tmp_path, image(entry("Főtanúsítvány", b"root of trust")))
    command = [*argv(DUMP), "--cat", "--path=/Főtanúsítvány", str(erofs)]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=True)
    assert done.stdout == b"root of trust"


def test_devices_would_be_missing(tmp_path: Path) -> None:
    devices = (
        entry("dev/null", kind=tarfile.CHRTYPE, mode=0o666),
        entry("dev/disk", kind=tarfile.BLKTYPE, mode=0o660, gid=6),
    )
    for info, _ in devices:
        info.devmajor, info.devminor = 259, 1_000
    erofs, _, _ = made(tmp_path, image(*devices))
    for path, kind in (("dev/null", "char dev"), ("dev/disk", "block dev")):
        command = [*argv(DUMP), f"--path=/{path}", str(erofs)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
        assert kind in done.stdout


def test_an_overlay_would_not_be_in_it(tmp_path: Path) -> None:
    base = image(entry("usr/"), entry("usr/old", b"1"), entry("usr/kept", b"2"))
    over = tar(entry("./"), entry("usr/"), entry("usr/.wh.old"), entry("usr/new", b"3"))
    erofs, _, _ = made(tmp_path, base, "none", over)
    found = extracted.extract(erofs, tmp_path / "out", FSCK)
    assert {path for path in found if path.startswith("./usr/")} == {"./usr/kept", "./usr/new"}


def test_a_changed_byte_would_pass(tmp_path: Path) -> None:
    erofs, tree, root = made(tmp_path, sample(), "lz4hc")
    seed = random.Random(2)
    # The superblock of the hash tree has bytes that veritysetup does not read; the guest does.
    for path, first in ((erofs, 0), (tree, hash_tree.BLOCK)):
        sound = path.read_bytes()
        for at in [first, len(sound) - 1, *(seed.randrange(first, len(sound)) for _ in range(20))]:
            damaged = bytearray(sound)
            damaged[at] ^= 1 << seed.randrange(8)
            path.write_bytes(damaged)
            assert not verified(erofs, tree, root), f"byte {at} of {path.name}"
        path.write_bytes(sound)
    assert verified(erofs, tree, root)
    assert not verified(erofs, tree, ("0" if root[0] != "0" else "1") + root[1:])


def test_a_tree_of_several_levels_would_be_another_than_veritysetups(tmp_path: Path) -> None:
    for blocks in (2, 127, 128, 129, 128 * 128 + 1):
        data, tree = tmp_path / "data", tmp_path / "tree"
        data.write_bytes(b"".join(zlib.crc32(b"%d" % n).to_bytes(4096) for n in range(blocks)))
        with data.open("rb") as source, tree.open("wb") as out:
            root = hash_tree.write(source, out, b"\x07" * 32).hex()
        assert verified(data, tree, root), blocks
        command = [*argv(VERITYSETUP), "format", "--salt", "07" * 32, "--uuid", _uuid(root)]
        theirs = tmp_path / "theirs"
        theirs.write_bytes(b"")
        subprocess.run([*command, str(data), str(theirs)], capture_output=True, timeout=LIMIT, check=True)
        assert theirs.read_bytes() == tree.read_bytes(), blocks


def _uuid(root: str) -> str:
    return "-".join((root[:8], root[8:12], root[12:16], root[16:20], root[20:32]))


def test_the_host_or_its_clock_would_show_in_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for number, (zone, mask, cpus) in enumerate((("UTC", 0o22, None), ("Asia/Kabul", 0o77, {0}))):
        monkeypatch.setenv("TZ", zone)
        before, affinity = os.umask(mask), os.sched_getaffinity(0)
        if cpus:
            os.sched_setaffinity(0, {min(affinity)})
        try:
            erofs, tree, root = made(tmp_path / f"folder {number}", sample(), "lz4hc")
        finally:
            os.umask(before)
            os.sched_setaffinity(0, affinity)
        found.append((erofs.read_bytes(), tree.read_bytes(), root, erofs.stat().st_mode))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("without", "message"),
    [
        ("var", r"no folder /var, which a guest with a read-only root mounts over; add one"),
        ("tmp", r"no folder /tmp, "),
        ("sbin/init", r"no program /sbin/init, which starts the guest"),
    ],
)
def test_an_image_that_can_not_start_from_a_disk_would_be_built(
    tmp_path: Path, without: str, message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        made(tmp_path, image(without=without))
    assert not (tmp_path / "erofs").exists()


def test_attributes_would_end_in_a_fault_of_mkfs(tmp_path: Path) -> None:
    def tagged(size: int) -> bytes:
        return image(entry("usr/"), entry("usr/tagged", b"x", pax={"SCHILY.xattr.user.b0": "v" * size}))

    # As many as mkfs.erofs reads.
    made(tmp_path, tagged(32740))
    with pytest.raises(ToolError, match=r"^/usr/tagged: has extended attributes of more than 32 KiB; leave"):
        made(tmp_path, tagged(32741))


def test_a_full_disk_would_be_an_invalid_checksum_or_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4096))
    outputs = (tmp_path / "erofs", tmp_path / "tree", tmp_path / "root")
    (tmp_path / "image.tar").write_bytes(image())
    # Too little room to begin with; and mkfs.erofs that fails when nothing is left.
    for options in ((), ("-zlz4hc", "--none-such")):
        with pytest.raises(OSError, match="No space left on device"):
            verity.make([tmp_path / "image.tar"], [*argv(MKFS), *options], outputs)
        assert [path.name for path in tmp_path.iterdir()] == ["image.tar"]


def test_what_mkfs_says_would_be_lost_and_half_an_image_be_left(tmp_path: Path) -> None:
    outputs = (tmp_path / "erofs", tmp_path / "tree", tmp_path / "root")
    (tmp_path / "image.tar").write_bytes(image())
    with pytest.raises(ToolError, match=r"mkfs\.erofs ended with status 1: .+"):
        verity.make([tmp_path / "image.tar"], [*argv(MKFS), "-z", "none-such"], outputs)
    assert not any(path.exists() for path in outputs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.tar"]
