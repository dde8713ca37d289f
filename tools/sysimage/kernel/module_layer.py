"""module_layer: makes a layer with modules of a kernel in usr/lib/modules/RELEASE, as modprobe(8) finds them.

External modules go to the directory updates, which depmod.d(5) searches first. Of the kernel's own modules,
the layer has those that are named, and those that any module in it depends on.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.nearest import nearest
from tools.sysimage.core.span import External
from tools.sysimage.core.tool import tool_argv
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.locked import PackagesInput
from tools.sysimage.debian.package_set import copy, load
from tools.sysimage.formats import kmod, tar
from tools.sysimage.kernel import depmod
from tools.sysimage.kernel.depmod import MODULES


@dataclass(frozen=True, slots=True)
class ModuleLayerInput(PackagesInput):
    """What the rule hands over."""

    external: tuple[Path, ...]  # modules that do not come with the kernel
    with_modules: tuple[str, ...]  # names of modules that come with the kernel


def main(argv: Sequence[str]) -> int:
    """Writes the layer."""
    parser = argparse.ArgumentParser(prog="module_layer", description=__doc__)
    parser.add_argument(
        "--manifest", type=Path, required=True, help='JSON with "packages", "external", "with_modules"'
    )
    parser.add_argument(
        "--depmod", type=Path, required=True, help='JSON {"argv": […]}: how depmod is started'
    )
    parser.add_argument("--output", type=Path, required=True, help="the tar")
    options = parser.parse_args(argv)
    manifest = json_manifest.read(ModuleLayerInput, options.manifest)
    with tempfile.TemporaryDirectory(dir=options.output.parent) as name:
        kernel = load(dpkg.load_all(manifest.packages), Path(name))
        layer = lay_out(kernel, manifest.external, manifest.with_modules)
        index(layer, kmod.release_of(kernel), tool_argv(options.depmod), Path(name))
        with atomic.output(options.output) as stream:
            tar.write(layer, stream)
    return 0


def lay_out(kernel: Tree, external: Sequence[Path], names: Sequence[str]) -> Tree:
    """The modules of the layer, and the files of the kernel that depmod reads.

    Raises ToolError for a module that the kernel lacks, and for an external module of another kernel.
    """
    release = kmod.release_of(kernel)
    folder = f"{MODULES}/{release}"
    own, built_in = kmod.of_kernel(kernel, release), kmod.built_in(kernel, release)
    layer = Tree()
    have: dict[str, str] = {}
    todo = [(kmod.normal(name), "with_modules") for name in names]
    for file in external:
        name = kmod.normal(file.stem)
        module = kmod.parse(file.read_bytes(), str(file))
        magic = module.get("vermagic")
        if magic.split(" ")[0] != release:
            raise ToolError(
                f"{file}: is for the kernel {magic!r}, not for {release}; build it with its headers"
            )
        if name in have:
            raise ToolError(f"external: {file.name} is given twice; keep one")
        have[name] = f"{folder}/updates/{file.name}"
        layer.add(have[name], Inode(Kind.FILE, 0o644, content=External(file, file.stat().st_size)))
        todo += [(needed, file.name) for needed in module.depends]
    while todo:
        name, who = todo.pop()
        if name in have or name in built_in:
            continue
        if name not in own:
            near = nearest(name, own)
            raise ToolError(f"{who}: the kernel {release} has no module {name}{near}; correct the name")
        have[name] = own[name]
        layer.add(own[name], kernel[own[name]])
        module = kmod.parse(kmod.unpacked(kernel[own[name]].read(), own[name]), own[name])
        todo += [(needed, name) for needed in module.depends]
    for path in kmod.index_files(kernel, release):
        layer.add(path, kernel[path])
    return layer


def index(layer: Tree, release: str, argv: Sequence[str], scratch: Path) -> None:
    """Adds depmod(8)'s index of the modules. Raises ToolError if depmod fails or warns."""
    for path in layer.paths():
        if layer[path].kind is Kind.FILE:
            copy(layer[path], scratch / path)
    depmod.index(scratch, release, argv)
    folder = f"{MODULES}/{release}"
    for file in sorted((scratch / folder).glob("modules.*")):
        layer.put(
            f"{folder}/{file.name}", Inode(Kind.FILE, 0o644, content=External(file, file.stat().st_size))
        )


if __name__ == "__main__":
    run(main)
