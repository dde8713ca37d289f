"""A layer of kernel modules: which modules are in it, and where; what is refused."""

import lzma
from pathlib import Path

import pytest

from tests.testing.modules import module
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind, Tree, file
from tools.sysimage.kernel import module_layer

RELEASE = "6.1-cloud"
FOLDER = f"usr/lib/modules/{RELEASE}"


def own(depends: str = "") -> bytes:
    return lzma.compress(module({"depends": depends, "vermagic": f"{RELEASE} SMP "}))


def kernel() -> Tree:
    tree = Tree()
    for path, data in {
        f"{FOLDER}/kernel/crypto/gcm.ko.xz": own("ghash-generic,cryptd"),
        f"{FOLDER}/kernel/crypto/ghash-generic.ko.xz": own("gf128mul"),
        f"{FOLDER}/kernel/lib/gf128mul.ko.xz": own(),
        f"{FOLDER}/kernel/crypto/cryptd.ko.xz": own(),
        f"{FOLDER}/kernel/net/other.ko.xz": own(),
        f"{FOLDER}/modules.builtin": b"kernel/crypto/ecdsa-generic.ko\n",
        f"{FOLDER}/modules.order": b"",
    }.items():
        tree.add(path, file(data))
    return tree


def external(folder: Path, name: str, release: str = RELEASE, depends: str = "") -> Path:
    path = folder / f"{name}.ko"
    path.write_bytes(module({"depends": depends, "vermagic": f"{release} SMP "}))
    return path


def paths(layer: Tree) -> list[str]:
    return [path.removeprefix(f"{FOLDER}/") for path in layer.paths() if layer[path].kind is Kind.FILE]


def test_modules_bring_what_they_depend_on_and_nothing_else() -> None:
    assert paths(module_layer.lay_out(kernel(), [], ["gcm"])) == [
        "kernel/crypto/cryptd.ko.xz",
        "kernel/crypto/gcm.ko.xz",
        "kernel/crypto/ghash-generic.ko.xz",
        "kernel/lib/gf128mul.ko.xz",
        "modules.builtin",
        "modules.order",
    ]


def test_module_that_the_kernel_has_built_in_needs_no_file() -> None:
    layer = module_layer.lay_out(kernel(), [], ["ecdsa_generic", "cryptd"])
    assert paths(layer) == ["kernel/crypto/cryptd.ko.xz", "modules.builtin", "modules.order"]


def test_external_modules_bring_what_they_depend_on_of_each_other_and_of_the_kernel(tmp_path: Path) -> None:
    given = [external(tmp_path, "driver-uvm", depends="driver,cryptd"), external(tmp_path, "driver")]
    assert paths(module_layer.lay_out(kernel(), given, [])) == [
        "kernel/crypto/cryptd.ko.xz",
        "modules.builtin",
        "modules.order",
        "updates/driver-uvm.ko",
        "updates/driver.ko",
    ]


def test_module_of_another_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ToolError, match=r"driver\.ko: is for the kernel '6\.2-cloud SMP ', not for 6\.1-cloud"
    ):
        module_layer.lay_out(kernel(), [external(tmp_path, "driver", "6.2-cloud")], [])


def test_module_that_the_kernel_lacks_is_named_with_who_wants_it(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"with_modules: the kernel 6\.1-cloud has no module drm"):
        module_layer.lay_out(kernel(), [], ["drm"])
    with pytest.raises(ToolError, match=r"driver\.ko: the kernel 6\.1-cloud has no module drm"):
        module_layer.lay_out(kernel(), [external(tmp_path, "driver", depends="drm")], [])


def test_a_misspelt_module_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"has no module cryptdd \(did you mean cryptd\?\); correct the name"):
        module_layer.lay_out(kernel(), [], ["cryptdd"])


def test_two_modules_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    given = [external(tmp_path, "a-b"), external(tmp_path / "x", "a_b")]
    with pytest.raises(ToolError, match=r"a_b\.ko is given twice"):
        module_layer.lay_out(kernel(), given, [])


def test_kernels_are_one() -> None:
    tree = kernel()
    tree.make_parents("usr/lib/modules/6.2/kernel/x")
    for wrong, said in ((Tree(), r"0 kernels \(none\)"), (tree, "2 kernels")):
        with pytest.raises(ToolError, match=said):
            module_layer.lay_out(wrong, [], [])
