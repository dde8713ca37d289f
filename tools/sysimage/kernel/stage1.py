"""stage1: makes an initramfs of an init and modules, in the order in which they load."""

import argparse
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import atomic, json_manifest
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tree import Tree, file
from tools.sysimage.formats import cpio
from tools.sysimage.kernel.depmod import MODULES


@dataclass(frozen=True, slots=True)
class Stage1Input:
    """What the rule hands over."""

    kernel_modules: tuple[str, ...]  # names
    optional_modules: tuple[str, ...]  # names; the kernel may lack them


def main(argv: Sequence[str]) -> int:
    """Writes the initramfs."""
    parser = argparse.ArgumentParser(prog="stage1", description=__doc__)
    parser.add_argument(
        "--manifest", type=Path, required=True, help='JSON: "kernel_modules", "optional_modules"'
    )
    parser.add_argument("--modules", type=Path, required=True, help="the kernel's modules, from kernel")
    parser.add_argument("--init", type=Path, required=True, help="the program /init")
    parser.add_argument("--output", type=Path, required=True, help="the initramfs")
    options = parser.parse_args(argv)
    manifest = json_manifest.read(Stage1Input, options.manifest)
    tree = Tree()
    tree.put("init", file(options.init.read_bytes(), 0o755))
    _add_modules(tree, options.modules, manifest)
    with atomic.output(options.output) as stream:
        cpio.write(tree, stream)
    return 0


def _add_modules(tree: Tree, folder: Path, manifest: Stage1Input) -> None:
    releases = sorted((folder / MODULES).iterdir())
    if len(releases) != 1:
        raise ToolError(f"{folder}: has modules of {len(releases)} kernels; name one kernel")
    order = load_order(releases[0], manifest.kernel_modules)
    optional = load_order(releases[0], manifest.optional_modules, optional=True)
    for name, paths in {"order": order, "optional": [path for path in optional if path not in order]}.items():
        names = [path.name.partition(".")[0] + ".ko" for path in paths]
        for path, module in zip(paths, names, strict=True):
            data = path.read_bytes()
            tree.make_parents(f"modules/{module}")
            # The kernel gets the file as it is.
            tree.put(f"modules/{module}", file(lzma.decompress(data) if path.suffix == ".xz" else data))
        tree.add(f"modules/{name}", file("".join(f"{module}\n" for module in names).encode()))


def load_order(release: Path, names: Sequence[str], *, optional: bool = False) -> list[Path]:
    """The files of modules, each after those that it needs. Modules that are built in have no file.

    `release` is a folder usr/lib/modules/RELEASE. Raises ToolError for a module that the kernel lacks,
    unless they are `optional`.
    """
    needs = {}
    for line in (release / "modules.dep").read_text("utf-8").splitlines():
        path, _, others = line.partition(":")
        # depmod lists direct dependencies first, so the module to load first comes last.
        needs[_name(path)] = [release / other for other in reversed(others.split())] + [release / path]
    builtin = {_name(line) for line in (release / "modules.builtin").read_text("utf-8").splitlines()}
    order: dict[Path, None] = {}
    for name in (name.replace("-", "_") for name in names):
        if name not in needs and name not in builtin and not optional:
            raise ToolError(
                f"{name}: the kernel {release.name} has no such module; `kernel_modules` names it"
            )
        order.update(dict.fromkeys(needs.get(name, ())))
    return list(order)


def _name(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0].replace("-", "_")


if __name__ == "__main__":
    run(main)
