"""What is in the image with nvidia's driver: libraries that load, links, account, units, firmware, sizes."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.nvidia.images import TRIPLET, driver, image
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.formats import elf, kmod
from tools.sysimage.toolchain import elf_dependencies

LIBRARIES = f"usr/lib/{TRIPLET}"


@pytest.fixture(scope="module")
def files() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def tree(files: ExitStack) -> Tree:
    return image(files)


@pytest.fixture(scope="module")
def layer(files: ExitStack) -> Tree:
    return driver(files)


def programs(layer: Tree) -> list[tuple[str, Inode]]:
    """What of the layer the loader loads: programs and libraries."""
    found = [(path, layer[path]) for path in layer.paths() if layer[path].kind is Kind.FILE]
    return [(path, inode) for path, inode in found if elf.linkage(inode) is not None]


def version(tree: Tree) -> str:
    """The version of the driver's kernel module, which takes calls of libraries of its own version alone."""
    path = f"usr/lib/modules/{kmod.release_of(tree)}/updates/nvidia.ko"
    return kmod.parse(tree[path].read(), path).get("version")


def test_libraries_and_firmware_are_of_the_kernel_module_s_version(tree: Tree) -> None:
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", version(tree))
    paths = [path for path in tree.children(f"{LIBRARIES}/nvidia/current") if tree[path].kind is Kind.FILE]
    assert len(paths) > 3
    assert [path for path in paths if not path.endswith(f".so.{version(tree)}")] == []
    assert tree.children("usr/lib/firmware/nvidia") == [f"usr/lib/firmware/nvidia/{version(tree)}"]


def test_every_library_finds_what_it_needs(tree: Tree, layer: Tree) -> None:
    problems: list[str] = []
    found = programs(layer)
    for path, inode in found:
        inode.origin = path
        problems += elf_dependencies.check(tree, inode, TRIPLET, {})
    assert problems == []
    assert {path.rpartition("/")[2] for path, _ in found} >= {
        f"libcuda.so.{version(tree)}",
        f"libnvidia-ml.so.{version(tree)}",
        "nvidia-persistenced",
        "nvidia-smi",
    }


def test_loader_finds_every_library_of_the_driver_by_its_soname(tree: Tree, layer: Tree) -> None:
    cache = tree["etc/ld.so.cache"].read()
    for path, inode in programs(layer):
        name = path.rpartition("/")[2]
        if "/nvidia/current/" not in path or not name.startswith("lib"):
            continue
        linkage = elf.linkage(inode)
        assert linkage is not None
        assert tree.find(f"{LIBRARIES}/{linkage.soname}") is not None, name
        assert f"\0/lib/{TRIPLET}/{linkage.soname}\0".encode() in cache, name


def test_alternatives_are_those_of_an_installation(tree: Tree) -> None:
    assert {path: tree[path].target for path in tree.children("etc/alternatives") if "/nvidia" in path} == {
        "etc/alternatives/nvidia": "/usr/lib/nvidia/current",
        **{
            f"etc/alternatives/nvidia--{name}-{TRIPLET}": f"/{LIBRARIES}/nvidia/current/{name}"
            for name in (
                "libcuda.so",
                "libcuda.so.1",
                "libnvidia-cfg.so.1",
                "libnvidia-ml.so.1",
                "libnvidia-ptxjitcompiler.so.1",
            )
        },
        "etc/alternatives/nvidia--nvidia-smi": "/usr/lib/nvidia/current/nvidia-smi",
    }
    assert tree.resolve("usr/bin/nvidia-smi") == "usr/lib/nvidia/current/nvidia-smi"


def test_persistence_daemon_has_its_account_and_keeps_the_memory_manager_s_state(tree: Tree) -> None:
    account = next(
        line for line in tree["etc/passwd"].read().decode().splitlines() if line.startswith("nvpd:")
    )
    assert re.fullmatch(r"nvpd:x:\d+:\d+:NVIDIA Persistence Daemon:/var/run/nvpd/:/usr/sbin/nologin", account)
    dropin = "etc/systemd/system/nvidia-persistenced.service.d/10-guest.conf"
    assert b"--user nvpd --uvm-persistence-mode" in tree[dropin].read()


@pytest.mark.parametrize("unit", ["devices", "cdi", "confidential", "persistenced"])
def test_units_start_where_a_gpu_is_and_nowhere_else(tree: Tree, unit: str) -> None:
    link = tree[f"etc/systemd/system/multi-user.target.wants/nvidia-{unit}.service"]
    texts = [tree[tree.resolve(link.target)].read()]
    texts += [tree[path].read() for path in tree.children(f"etc/systemd/system/nvidia-{unit}.service.d")]
    assert b"\nConditionPathExistsGlob=/proc/driver/nvidia/gpus/*\n" in b"".join(texts)


def test_modules_are_loaded_in_an_order_in_which_the_encrypted_channel_works(tree: Tree) -> None:
    lines = tree["etc/modules-load.d/nvidia.conf"].read().decode().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert names[-2:] == ["nvidia", "nvidia-uvm"]
    crypto = {"ecdh_generic", "ecdsa_generic", "gcm", "ghash-generic", "cryptd", "crypto_simd", "aesni-intel"}
    assert set(names[:-2]) == crypto
    # And for udev, which does not read this.
    assert tree["etc/modprobe.d/10-nvidia.conf"].read().decode().splitlines()[-1] == (
        f"softdep nvidia pre: {' '.join(names[:-2])}"
    )
    release = kmod.release_of(tree)
    index = tree[f"usr/lib/modules/{release}/modules.dep"].read().decode()
    there = {
        kmod.normal(line.partition(":")[0].rpartition("/")[2].partition(".")[0])
        for line in index.splitlines()
    }
    assert {kmod.normal(name) for name in names} <= there | kmod.built_in(tree, release)
    assert "updates/nvidia-uvm.ko: updates/nvidia.ko" in index


def test_firmware_is_there_for_the_gpus_that_the_image_is_for(tree: Tree) -> None:
    release = kmod.release_of(tree)
    asked = kmod.parse(tree[f"usr/lib/modules/{release}/updates/nvidia.ko"].read(), "nvidia.ko").info[
        "firmware"
    ]
    there = {path for path in asked if tree.get(f"usr/lib/firmware/{path}")}
    assert {path.rpartition("/")[2] for path in there} == {"gsp_ga10x.bin"}


def test_nothing_of_x11_gl_dkms_or_a_compiler_is_in_the_image(tree: Tree) -> None:
    status = tree["var/lib/dpkg/status"].read().decode()
    packages = set(re.findall(r"^Package: (\S+)$", status, re.MULTILINE))
    assert "libcuda1" in packages
    unwanted = re.compile(
        r"libgl.*|libegl.*|libx.*-|x11.*|xserver.*|dkms|gcc(-\d+)?|make|glx.*|debhelper|pciutils"
    )
    assert [name for name in sorted(packages) if unwanted.fullmatch(name)] == []
