"""kernel_module_check: proves that modules fit their kernel, and hold no path of the build's machine."""

import argparse
import fnmatch
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.package_set import load
from tools.sysimage.formats import kmod
from tools.sysimage.formats.kmod import Module

# The licences that the kernel accepts as compatible with its own (license_is_gpl_compatible(),
# linux/license.h).
FREE = ("GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL")
# A path that only the machine of the build has. Modules may name paths such as /proc and /dev.
_PATH = re.compile(
    rb"/(?:home|root|tmp|var/tmp|work|build|usr/src)/[\w.+/-]+|[\w.+/-]*/(?:execroot|sandbox|bazel-out|\.build-\w+)/[\w.+/-]*"
)


@dataclass(frozen=True, slots=True)
class Kernel:
    """The facts of a kernel that modules have to fit."""

    vermagic: str
    symvers: Mapping[str, int]  # symbol that it, or a module of the build, exports → CRC


_EXAMPLES = {
    "bazel test //:hello_test": "compares version magic, symbols, CRCs, licence and firmware",
    "bazel run //:hello_test -- --firmware 'acme/*.bin'": "admits firmware that the target does not name",
}


def main(argv: Sequence[str]) -> int:
    """Checks modules. Raises ToolError with all problems of all of them."""
    parser = CommandLine("kernel_module_check", __doc__ or "", _EXAMPLES)
    # .debs of kernel and headers, the modules, what these export themselves.
    parser.given("--packages", type=Path, nargs="+")
    parser.given("--modules", type=Path, nargs="+")
    parser.add_argument("--symvers", type=Path, nargs="*", default=[], help=argparse.SUPPRESS)
    parser.add_argument(
        "--license", action="append", help="what MODULE_LICENSE() may be; without it, what is free"
    )
    parser.add_argument(
        "--firmware", action="append", default=[], help="what MODULE_FIRMWARE() may be, a pattern"
    )
    options = parser.parse_args(argv)
    kernel = read_kernel(options.packages, options.symvers)
    found = {path.stem: kmod.parse(path.read_bytes(), str(path)) for path in options.modules}
    problems = list(check(found, kernel, options.license or FREE, options.firmware))
    if problems:
        raise ToolError("; ".join(problems))
    return 0


def read_kernel(debs: Sequence[Path], symvers: Sequence[Path]) -> Kernel:
    """Reads the facts of the kernel from one of its own modules, and from Module.symvers of its headers."""
    packages = [dpkg.load(path) for path in debs]
    wanted = [
        package
        for package in packages
        if kmod.is_of_kernel(package.name) or package.name.startswith("linux-headers-")
    ]
    with tempfile.TemporaryDirectory() as scratch:
        tree = load(wanted, Path(scratch))
        release = kmod.release_of(tree)
        path = next(iter(kmod.of_kernel(tree, release).values()))
        own = kmod.parse(kmod.unpacked(tree[path].read(), path), path)
        exported = tree.find(f"usr/lib/modules/{release}/build/Module.symvers")
        if exported is None:
            raise ToolError(f"the packages have no headers of the kernel {release}; name those of one kernel")
        texts = [exported.read().decode(), *(path.read_text() for path in symvers)]
        return Kernel(own.get("vermagic"), kmod.symvers("".join(texts)))


def check(
    found: Mapping[str, Module], kernel: Kernel, licenses: Sequence[str], firmware: Sequence[str]
) -> Iterator[str]:
    """The problems of modules, a sentence each."""
    for name, module in found.items():
        if module.get("vermagic") != kernel.vermagic:
            yield f"{name}: its version magic is {module.get('vermagic')!r}, the kernel's {kernel.vermagic!r}"
        yield from _symbols(name, module, kernel.symvers)
        if module.get("license") not in licenses:
            yield f"{name}: its licence is {module.get('license')!r}, not {' or '.join(map(repr, licenses))}"
        for file in module.info.get("firmware", ()):
            if not any(fnmatch.fnmatchcase(file, pattern) for pattern in firmware):
                known = ", ".join(firmware) or "none"
                yield f"{name}: it may ask for the firmware {file}, which is not among {known}"
        for path in sorted(set(_PATH.findall(module.data)))[:5]:
            yield f"{name}: it holds a path of its build, {path.decode(errors='replace')}"
    asked = {file for module in found.values() for file in module.info.get("firmware", ())}
    for pattern in firmware:
        if not fnmatch.filter(asked, pattern):
            yield f"no module asks for the firmware {pattern}"


def _symbols(name: str, module: Module, exported: Mapping[str, int]) -> Iterator[str]:
    for symbol in sorted(module.wanted | set(module.crcs)):
        if symbol not in exported:
            yield f"{name}: it needs {symbol}, which neither the kernel nor a module of this build exports"
        elif module.crcs.get(symbol) != exported[symbol]:
            has = f"{module.crcs[symbol]:#010x}" if symbol in module.crcs else "none"
            yield f"{name}: {symbol} has the CRC {exported[symbol]:#010x} in the kernel, {has} here"


if __name__ == "__main__":
    run(main)
