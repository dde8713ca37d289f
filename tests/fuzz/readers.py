"""All readers of foreign input, each with inputs to start from."""

import gzip
import hashlib
import io
import json
import lzma
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from compression import zstd
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.seeds import CONTROL, INJECT, INSTALL, LEDGER, ROOTFS, SHA, TOML, UNITS
from tests.testing import elfs, firmwares, modules
from tests.testing.debs import Deb, File, Folder, Hard, Link
from tests.testing.roots import make
from tests.testing.tars import entry, hardlink, symlink, tar
from tools.sysimage.core import json_manifest
from tools.sysimage.core.content import ServicesInput
from tools.sysimage.core.patterns import PathSelection
from tools.sysimage.core.tree import Tree, file
from tools.sysimage.debian import dpkg, installed, lock_shape, trigger_lines
from tools.sysimage.effects import accounts, ledger_entries, tmpfiles
from tools.sysimage.formats import blob, control_file, deb822, elf, kmod, layer, oci_layout, pe
from tools.sysimage.formats import tar as sysimage_tar
from tools.sysimage.image import base_index, compress, cut, inject
from tools.sysimage.image.codec import CODECS, CompressionCommand
from tools.sysimage.lock import manifest
from tools.sysimage.measure import firmware_image, oak, tdx, tpm
from tools.sysimage.measure.snp import SnpGuest, SnpLaunch
from tools.sysimage.rootfs import install, rootfs
from tools.sysimage.systemd import unit_programs, units

_UNIT = "usr/lib/systemd/system"


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads an input: it may succeed or raise ToolError, and nothing else."""

    seeds: Sequence[bytes]
    read: Callable[[bytes, Path], object]
    """Gets the input, and a folder for files."""


def _deb(data: bytes, folder: Path) -> None:
    path = folder / "x.deb"
    path.write_bytes(data)
    package = dpkg.load(path)
    tree, spool = Tree(), io.BytesIO()
    with package.deb.data() as stream:
        layer.apply(tree, sysimage_tar.read(stream, "data", spool), "data")
    for field in ("Depends", "Provides", "Replaces"):
        package.relation(field)
    package.conffiles()


def _control(data: bytes, folder: Path) -> None:
    del folder
    fields = control_file.parse(data.decode("utf-8", "surrogateescape"), "x.deb")
    written = control_file.written(fields)
    again = control_file.parse("".join(f"{name}: {value}\n" for name, value in written.items()), "status")
    assert control_file.written(again) == written
    for name in control_file.RELATIONS:
        control_file.relations(written.get(name, ""), "x.deb", name)


def _triggers(data: bytes, folder: Path) -> None:
    del folder
    trigger_lines.parse(data.decode("utf-8", "surrogateescape"), "x.deb")


def _tar(data: bytes, folder: Path) -> None:
    del folder
    for _ in sysimage_tar.read(io.BytesIO(data), "x"):
        pass
    tree = Tree()
    layer.apply(tree, sysimage_tar.read(io.BytesIO(data), "x", layer=True), "x")
    installed.packages(tree)


def _blob(data: bytes, folder: Path) -> None:
    path = folder / "blob"
    path.write_bytes(data)
    name = f"sha256:{hashlib.sha256(data).hexdigest()}"
    with path.open("rb") as stream:
        wanted = blob.Layer(path, blob.Descriptor("x", name, len(data)), "sha256:" + SHA, "x")
        blob.unpack(stream, wanted, blob.Budget(1 << 24), None)


def _lock(data: bytes, folder: Path) -> None:
    del folder
    value = lock_shape.parse(data)
    lock_shape.check(value)


def _rootfs(data: bytes, folder: Path) -> None:
    path = folder / "x.json"
    path.write_bytes(data)
    given = json_manifest.read(rootfs.RootfsInput, path)
    root = make({f"{_UNIT}/a.service": "[Service]\nExecStart=/bin/a\n[Install]\nWantedBy=x.target\n"})
    for item in given.files:
        item.bits("x")
    for link in given.symlinks:
        link.check("x")
    for one in given.directories:
        one.inode(root, "x")
    units.set_states(root, given.services)


def _install(data: bytes, folder: Path) -> None:
    path = folder / "x.json"
    path.write_bytes(data)
    given = install.parse(path)
    PathSelection.of(given.exclude, given.include)


def _inject(data: bytes, folder: Path) -> None:
    (folder / "source").write_bytes(b"x")
    path = folder / "x.json"
    path.write_bytes(data.replace(b"@SOURCE@", str(folder / "source").encode()))
    base = folder / "base.tar"
    base.write_bytes(
        tar(
            entry("./"),
            entry("etc/"),
            entry("etc/passwd", b"root:x:0:0::/:/bin/sh\n"),
            entry("etc/group", b"root:x:0:\n"),
        )
    )
    inject.inject(inject.parse(path), base, folder / "out.tar")


def _units(data: bytes, folder: Path) -> None:
    del folder
    root = make({f"{_UNIT}/b.service": "[Install]\nWantedBy=x.target\n", "bin/a": File("#!", 0o755)})
    for path in ("a.service", "a@.service", "b.service.d/1.conf"):
        root.tree.add(f"{_UNIT}/{path}", file(data))
    units.set_states(root, ServicesInput(enable=("a.service", "a@i.service", "b.service")))
    unit_programs.check(root.tree, [f"{_UNIT}/a.service"], ["a.service"])
    units.set_states(root, ServicesInput(disable=("a.service", "b.service")))


def _sysusers(data: bytes, folder: Path) -> None:
    del folder
    root = make()
    root.tree.add("usr/lib/sysusers.d/x.conf", file(data))
    accounts.sysusers(root, "x", names=["x.conf"])


def _tmpfiles(data: bytes, folder: Path) -> None:
    del folder
    root = make({"var/lib/x": "x"})
    root.tree.add("usr/lib/tmpfiles.d/x.conf", file(data))
    tmpfiles.tmpfiles(root, "x", names=["x.conf"])


def _passwd(data: bytes, folder: Path) -> None:
    del folder
    root = make()
    root.tree.add("etc/passwd", file(data))
    root.tree.add("etc/group", file(data))
    root.tree.add("usr/lib/sysusers.d/x.conf", file(b"u app - - /x\ng log 20\nm app log\n"))
    accounts.sysusers(root, "x", names=["x.conf"])


def _elf(data: bytes, folder: Path) -> None:
    del folder
    elf.read(file(data))
    elf.linkage(file(data))


def _module(data: bytes, folder: Path) -> None:
    del folder
    suffix = ".xz" if data[:1] == b"\xfd" else ".zst" if data[:1] == b"\x28" else ""
    kmod.parse(kmod.unpacked(data, f"x.ko{suffix}"), "x")


def _firmware(data: bytes, folder: Path) -> None:
    firmware = firmware_image.parse(data, "x")
    if firmware.tdvf:
        tdx.mrtd(firmware)
    if firmware.sev:
        SnpLaunch(firmware).digest(SnpGuest("EPYC-Milan", 2, 1))
    tpm.load_options(firmware, "quiet", initrd=True)


def _uki(data: bytes, folder: Path) -> None:
    firmware = firmware_image.parse(firmwares.firmware(), "x")
    tpm.unified_boots(firmware, pe.parse(data, "x"), "x")


def _index(data: bytes, folder: Path) -> None:
    flat, packed = _base(folder)
    path = folder / "index"
    path.write_bytes(data)
    with flat.open("rb") as one, packed.open("rb") as other:
        base_index.load(path, one, [other], "none")


def _base(folder: Path) -> tuple[Path, Path]:
    flat, packed, index = folder / "flat", folder / "packed", folder / "known"
    if not flat.exists():
        flat.write_bytes(tar(entry("./"), entry("a", b"x" * 700), hardlink("b", "a"), symlink("c", "a")))
        cut.cut(flat, [folder / "cut"], index)
        compress.compress(folder / "cut", CompressionCommand(CODECS["none"]), packed)
    return flat, packed


def _status(data: bytes, folder: Path) -> None:
    del folder
    list(deb822.paragraphs(data.decode("utf-8", "surrogateescape")))
    deb822.fields(data.decode("utf-8", "surrogateescape"))
    tree = Tree()
    tree.add("var/lib/dpkg/status", file(data))
    installed.packages(tree)
    installed.owners(tree)


def _layout(data: bytes, folder: Path) -> None:
    (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_bytes(data)
    oci_layout.first_digest(folder)


def _json(kind: type) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        path = folder / "x.json"
        path.write_bytes(data)
        return json_manifest.read(kind, path)

    return read


_DEB = Deb(
    "pkg",
    {
        "etc/x.conf": "x",
        "usr/bin/x": File("#!/bin/sh", 0o4755, 3, 4),
        "usr/bin/y": Hard("usr/bin/x"),
        "lib": Link("usr/lib"),
        "var/lib/x": Folder(0o700),
    },
    {"Depends": "libc6 (>= 2.38), a | b", "Provides": "p (= 1)"},
    {"conffiles": "/etc/x.conf\n", "postinst": "#!/bin/sh\n", "triggers": "interest x\n"},
)


def _plain(deb: bytes) -> bytes:
    """The same package with an uncompressed control.tar, whose files are changed then."""
    start = deb.index(b"\xfd7zXZ")
    size = int(deb[start - 12 : start - 2])
    control = lzma.decompress(deb[start : start + size])
    head = b"control.tar     " + deb[start - 44 : start - 12] + f"{len(control):<10}`\n".encode()
    return deb[: start - 60] + head + control + deb[start + size + size % 2 :]


def _sparse() -> bytes:
    """A sparse file, as GNU tar 1.35 writes it by pax 1.0 and by its old format."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("GNUSparseFile.0/sparse")
        body = b"2\n0\n5\n1000\n5\n".ljust(512, b"\0") + b"abcdefghij"
        info.size = len(body)
        info.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.name": "sparse",
            "GNU.sparse.realsize": "2000",
        }
        archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def _lock_seed() -> bytes:
    package = {
        "version": "1:2-3",
        "architecture": "amd64",
        "archive": "debian",
        "suite": "trixie",
        "component": "main",
        "path": "pool/main/p/p.deb",
        "size": 1000,
        "sha256": SHA,
        "depends": [],
        "control": {"Depends": "q"},
    }
    release = {
        "components": ["main"],
        "date": "2026-01-01T00:00:00Z",
        "sha256": SHA,
        "signed_by": ["A" * 40],
    }
    lock = {
        "version": 2,
        "manifest_sha256": SHA,
        "snapshot": "20260101T000000Z",
        "archives": {"debian": {"releases": {"trixie": release | {"valid_until": None}}}},
        "packages": {"amd64": {"p": package}},
        "sets": {"base": {"extends": None, "packages": {"amd64": ["p"]}, "exclude": {"x": "why"}}},
    }
    return json.dumps(lock, indent=1).encode()


def _index_seed() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _base(Path(folder))
        return (Path(folder) / "known").read_bytes()


_KERNEL = firmwares.program({".text": b"kernel" * 99}, setup=True)

READERS: Mapping[str, Reader] = {
    "deb": Reader((_DEB.build(), _plain(_DEB.build())), _deb),
    "control file": Reader((CONTROL,), _control),
    "triggers": Reader((b"interest x\ninterest-noawait /usr/x\n# c\nactivate-await y\n",), _triggers),
    "tar": Reader(
        (
            _DEB.data(),
            tar(
                entry("./"), entry("a/", uid=9), symlink("b", "a"), entry("d", b"x" * 600), hardlink("c", "d")
            ),
            _sparse(),
        ),
        _tar,
    ),
    "blob": Reader((lzma.compress(b"x"), zstd.compress(b"x" * 9000), gzip.compress(b"y" * 9000)), _blob),
    "lock": Reader((_lock_seed(),), _lock),
    "debian.toml": Reader((TOML,), lambda data, _: manifest.parse(data.decode("utf-8", "replace"), "x")),
    "ledger": Reader((LEDGER,), lambda data, _: ledger_entries.read(data, "x")),
    "install manifest": Reader((json.dumps(INSTALL, indent=1).encode(),), _install),
    "rootfs manifest": Reader((json.dumps(ROOTFS, indent=1).encode(),), _rootfs),
    "inject manifest": Reader((json.dumps(INJECT, indent=1).encode(),), _inject),
    "units": Reader(UNITS, _units),
    "sysusers": Reader(
        (b'u app 800:root "An app" /x /bin/sh\ng log -\nm app log\nr - 500-900\nu! b - -\n',), _sysusers
    ),
    "tmpfiles": Reader(
        (
            b"d /var/x 0755 root root - -\nf /etc/a 0644 - - - text\\x20\nL+ /b - - - - ../c\n"
            b"z /var/lib 0700\n",
        ),
        _tmpfiles,
    ),
    "passwd": Reader((b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:::\n+nis\n",), _passwd),
    "elf": Reader(
        (
            elfs.linked(
                "a.so", needed=["b"], interpreter="/l", runpath="/r", wants={"b": ["V1"]}, defines=["a", "b"]
            ),
        ),
        _elf,
    ),
    "module": Reader(
        (
            modules.module({"name": "x", "vermagic": "6.1 SMP"}, {"printk": 7}, ["printk"]),
            lzma.compress(modules.module({"name": "y"})),
            zstd.compress(modules.module({"name": "z"})),
        ),
        _module,
    ),
    "firmware": Reader((firmwares.firmware(), firmwares.firmware(firmwares.LAST)), _firmware),
    "bzImage": Reader((_KERNEL,), lambda data, _: oak.measure(data, "x")),
    "uki": Reader((firmwares.program({".cmdline": b"a", ".initrd": b"b", ".linux": _KERNEL}),), _uki),
    "base index": Reader((_index_seed(),), _index),
    "dpkg status": Reader(
        (
            b"Package: a\nStatus: install ok installed\nVersion: 1\n"
            b"Architecture: all\nConffiles:\n /etc/x 00\nDescription: x\n y\n\nPackage: b\n",
        ),
        _status,
    ),
    "layout": Reader(
        (
            b'{"schemaVersion": 2, "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", '
            b'"digest": "sha256:' + SHA.encode() + b'", "size": 3}]}',
        ),
        _layout,
    ),
}
