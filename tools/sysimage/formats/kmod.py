"""Reads kernel modules: relocatable 64-bit little-endian ELF files with the sections that modpost wrote.

`.modinfo` is "key=value" strings that end with NUL (include/linux/moduleparam.h); `__versions` is an array of
struct modversion_info (include/linux/module.h): a CRC of 8 bytes, a name of 56.
"""

import io
import lzma
import struct
import zlib
from collections.abc import Iterable, Mapping
from compression import gzip, zstd
from dataclasses import dataclass

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import elf

SUFFIXES = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")
_IMAGE = "boot/vmlinuz-"
_LARGEST = 1 << 27  # bytes of a module; those of GPUs have half of it
_WEAK = 2  # the upper half of st_info


@dataclass(frozen=True, slots=True)
class Module:
    """What a module says of itself, and what it needs of the kernel."""

    info: Mapping[str, tuple[str, ...]]  # of .modinfo
    crcs: Mapping[str, int]  # imported symbol → CRC
    wanted: frozenset[str]  # symbols that are undefined, and not weak
    data: bytes

    def get(self, key: str) -> str:
        """The first value of a key, "" if there is none."""
        return next(iter(self.info.get(key, ())), "")

    @property
    def depends(self) -> list[str]:
        """The modules that have to be loaded before."""
        return [normal(name) for name in self.get("depends").split(",") if name]


def normal(name: str) -> str:
    """The kernel's name of a module: with underscores, where the name of its file may have hyphens."""
    return name.replace("-", "_")


def unpacked(data: bytes, path: str) -> bytes:
    """The module in a file, which may be compressed. Raises ToolError for a damaged one."""
    for suffix, opener in ((".xz", lzma.open), (".zst", zstd.open), (".gz", gzip.open)):
        if path.endswith(suffix):
            try:
                with opener(io.BytesIO(data)) as stream:
                    made = bytes(stream.read(_LARGEST + 1))
            except (lzma.LZMAError, zstd.ZstdError, zlib.error, OSError, EOFError) as error:
                raise ToolError(f"{path}: can't be unpacked ({error}); fetch its package again") from error
            if len(made) > _LARGEST:
                raise ToolError(f"{path}: unpacks to more than {_LARGEST} bytes, as no kernel module does")
            return made
    return data


def parse(data: bytes, where: str) -> Module:
    """Reads a module. Raises ToolError if `data` is none."""
    try:
        sections = elf.sections(data)
        strings = sections[".modinfo"]
        info: dict[str, tuple[str, ...]] = {}
        for item in strings.split(b"\0"):
            key, _, value = item.decode().partition("=")
            if key:
                info[key] = (*info.get(key, ()), value)
        crcs = {
            name.partition(b"\0")[0].decode(): crc
            for crc, name in struct.iter_unpack("<Q56s", sections.get("__versions", b""))
        }
        wanted = frozenset(_undefined(sections[".symtab"], sections[".strtab"]))
    except (KeyError, IndexError, ValueError, OverflowError, struct.error) as error:
        raise ToolError(
            f"{where}: is no kernel module for a 64-bit machine ({error!r}); build it again"
        ) from error
    return Module(info, crcs, wanted, data)


def _undefined(table: bytes, strings: bytes) -> Iterable[str]:
    for name, info, _, section, _, _ in struct.iter_unpack("<IBBHQQ", table):
        if section == 0 and name and info >> 4 != _WEAK:
            yield strings[name : strings.index(b"\0", name)].decode()


def symvers(text: str) -> dict[str, int]:
    """The symbols of a Module.symvers, each with its CRC: lines of CRC, symbol, module, kind, namespace."""
    return {
        fields[1]: int(fields[0], 16) for line in text.splitlines() if len(fields := line.split("\t")) > 1
    }


def is_of_kernel(package: str) -> bool:
    """Whether a package, by its name, has a part of a kernel: since Linux 7.3, Debian's has several."""
    return package.startswith(("linux-base-", "linux-binary-", "linux-image-", "linux-modules-"))


def release_of(tree: Tree) -> str:
    """The release of the kernel in a tree, by its image or modules, such as "6.12.118+deb13-cloud-amd64".

    Raises ToolError unless there is exactly one kernel.
    """
    images = {path.removeprefix(_IMAGE) for path in tree.children("boot") if path.startswith(_IMAGE)}
    folders = [path.rpartition("/")[2] for path in tree.children("usr/lib/modules")]
    found = sorted(images.union(name for name in folders if tree.get(f"usr/lib/modules/{name}/kernel")))
    if len(found) != 1:
        raise ToolError(
            f"the set has {len(found)} kernels ({', '.join(found) or 'none'}); "
            "name a set with one linux-image package"
        )
    return found[0]


def of_release(tree: Tree, release: str, name: str) -> Inode | None:
    """A file such as `vmlinuz` or `config`: in the kernel's folder since Linux 7.3, before that in /boot."""
    return tree.find(f"usr/lib/modules/{release}/{name}") or tree.find(f"boot/{name}-{release}")


def index_files(tree: Tree, release: str) -> list[str]:
    """The paths of what depmod(8) reads beside the modules: modules.builtin, modules.order and so on."""
    paths = tree.children(f"usr/lib/modules/{release}")
    return [
        path
        for path in paths
        if path.rpartition("/")[2].startswith("modules.") and tree[path].kind is Kind.FILE
    ]


def built_in(tree: Tree, release: str) -> frozenset[str]:
    """The modules that a kernel has built in, by their normal names."""
    inode = tree.get(f"usr/lib/modules/{release}/modules.builtin")
    paths = inode.read().decode().split() if inode else []
    return frozenset(normal(path.rpartition("/")[2].removesuffix(".ko")) for path in paths)


def of_kernel(tree: Tree, release: str) -> dict[str, str]:
    """The modules that come with a kernel: normal name → path."""
    found = {}
    for path in tree.below(f"usr/lib/modules/{release}/kernel"):
        if tree[path].kind is Kind.FILE and path.endswith(SUFFIXES):
            found[normal(path.rpartition("/")[2].partition(".ko")[0])] = path
    return found
