"""sysroot: takes from an image what compiling for it needs: headers, libraries, start files, compilers.

    usr/include              headers of C, C++ and the kernel, and those of the image's other packages
    usr/lib/TRIPLET          libraries, start files
    usr/lib/gcc              the compiler's own headers, libraries, start files
    usr/libexec/bin          programs: gcc, g++, cc1, as, ld, ar…, without triplet and version in their names
    usr/libexec/lib          the libraries that those need, and their loader
    usr/bin                  launchers, which start the programs on any host

If the image's compiler is for another architecture, only programs and launchers are taken. Each of these five
is whole by itself: no link leads from one to another.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core import atomic
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.materialize import write
from tools.sysimage.core.span import External, Inline
from tools.sysimage.core.tree import Inode, Kind, Tree, symlink
from tools.sysimage.formats import elf, oci, oci_image, tar

# Program → its path. {t} is the triplet that it compiles for, {g} the version of gcc.
_BIN, _GCC = "usr/bin/{t}-", "usr/libexec/gcc*/{t}/{g}/"
PROGRAMS = {
    **{name: f"{_BIN}{name}-{{g}}" for name in ("cpp", "g++", "gcc", "gcov", "gcov-tool")},
    **{name: f"{_GCC}{name}" for name in ("cc1", "cc1plus", "collect2", "lto-wrapper", "lto1")},
    **{
        name: f"{_BIN}{name}"
        for name in (
            *("addr2line", "ar", "as", "c++filt", "ld", "nm", "objcopy", "objdump"),
            *("ranlib", "readelf", "size", "strings", "strip"),
        )
    },
}
_PLUGIN = f"{_GCC}liblto_plugin.so"

# Files for running programs, not for linking them; and extensions of gcc and gdb.
_LEFT_OUT = re.compile(
    r"usr/lib/[^/]+/(audit|engines-\d+|gconv|ossl-modules|perl[^/]*|security|systemd|bfd-plugins|gprofng|ldscripts)"
    r"|usr/lib/gcc/[^/]+/[^/]+/(plugin|libcc1\.so|liblto_plugin\.so)"
)
_OTHER_TRIPLET = re.compile(r"usr/include/[a-z0-9_]+-(linux|kfreebsd|gnu)[a-z0-9_-]*")
_SCRIPT_PATH = re.compile(r"/\*.*?\*/|(?<=[\s(])/[^\s()*]+", re.DOTALL)  # or a comment
_LONGEST_SCRIPT = 4096  # bytes


def main(argv: Sequence[str]) -> int:
    """Writes the sysroot as a folder or as a tar."""
    parser = argparse.ArgumentParser(prog="sysroot", description=__doc__)
    parser.add_argument("--layout", type=Path, required=True, help="directory of the OCI image layout")
    parser.add_argument("--architecture", choices=sorted(ARCHITECTURES), required=True, help="the image's")
    parser.add_argument("--target", choices=sorted(ARCHITECTURES), required=True, help="what is compiled for")
    parser.add_argument("--gcc", required=True, help='version of gcc, as in its paths: "14"')
    parser.add_argument(
        "--launcher", type=Path, required=True, help="a launcher for the image's architecture"
    )
    parser.add_argument("--output", type=Path, help="folder to write")
    parser.add_argument("--tar", type=Path, help="tar to write")
    options = parser.parse_args(argv)
    platform = oci.Platform("linux", options.architecture, "")
    scratch = (options.output or options.tar).parent
    with ExitStack() as files:
        image = oci_image.load(options.layout, platform, files, scratch)
        spec = Spec(options.architecture, options.target, options.gcc)
        tree = extract(image, spec, External(options.launcher, options.launcher.stat().st_size))
        if options.output:
            write(tree, options.output)
        if options.tar:
            with atomic.output(options.tar) as stream:
                tar.write(merged(tree, spec), stream)
    return 0


@dataclass(frozen=True, slots=True)
class Spec:
    """Which sysroot is made."""

    architecture: str  # of the image, and so of the programs: "amd64" or "arm64"
    target: str  # the architecture that they compile for
    gcc: str  # "14"

    @property
    def parts(self) -> tuple[str, ...]:
        """The directories that are copied from the image."""
        triplet = ARCHITECTURES[self.target].triplet
        return (
            ("usr/include", f"usr/lib/{triplet}", f"usr/lib/gcc/{triplet}/{self.gcc}") if self.native else ()
        )

    @property
    def native(self) -> bool:
        """Whether the image's compiler compiles for the image."""
        return self.architecture == self.target


def extract(image: Tree, spec: Spec, launcher: External) -> Tree:
    """The sysroot of an image.

    Links become relative. A link to another part, or to a directory, is replaced by what it leads to. Links
    that lead nowhere are left out and reported on standard error. Raises ToolError if the image lacks the
    compiler, or has another version of it.
    """
    _check(image, spec)
    tree = Tree()
    for part in spec.parts:
        for path, origin in _walk(image, part, part, spec):
            _copy(image, tree, path, origin, part)
    for path in list(tree.paths()):
        inode = tree[path]
        if inode.kind is Kind.FILE and (text := _script(path, inode)):
            tree.put(path, Inode(Kind.FILE, 0o644, content=Inline(_relocated(image, tree, path, text))))
    _programs(image, tree, spec, launcher)
    return tree


def _check(image: Tree, spec: Spec) -> None:
    if image.find(_place(image, PROGRAMS["gcc"], spec)) is not None:
        return
    triplet = ARCHITECTURES[spec.target].triplet
    pattern = re.compile(rf"usr/bin/{re.escape(triplet)}-gcc-(\d+)")
    there = [match[1] for path in image.children("usr/bin") if (match := pattern.fullmatch(path))]
    remedy = f'it has gcc {there[0]}: say gcc = "{there[0]}"' if there else "add gcc and g++ to its packages"
    raise ToolError(f"the image has no gcc {spec.gcc} that compiles for {triplet}; {remedy}")


def _place(image: Tree, pattern: str, spec: Spec) -> str:
    path = pattern.format(t=ARCHITECTURES[spec.target].triplet, g=spec.gcc)
    # A cross compiler has folders of its own.
    return next(
        (place for kind in ("gcc", "gcc-cross") if (place := path.replace("gcc*", kind)) in image), path
    )


def _walk(image: Tree, path: str, origin: str, spec: Spec) -> Iterator[tuple[str, str]]:
    """The paths in a directory to copy, parents first, each with the path in the image of its source."""
    triplet = ARCHITECTURES[spec.target].triplet
    for child in image.children(image.resolve(origin)):
        own = f"{path}/{child.rpartition('/')[2]}"
        if _LEFT_OUT.fullmatch(own) or (_OTHER_TRIPLET.fullmatch(own) and not own.endswith(f"/{triplet}")):
            continue
        end = image.resolve(child)
        if end != child and f"{child}/".startswith(f"{end}/"):
            raise ToolError(f"/{child}: is a link to a folder that it is in; remove it from the image")
        yield own, child
        inode = image.get(end)
        if inode is not None and inode.kind is Kind.DIRECTORY:
            yield from _walk(image, own, child, spec)


def _copy(image: Tree, tree: Tree, path: str, origin: str, part: str) -> None:
    end = image.resolve(origin)
    inode = image.get(end)
    if inode is None:
        print(f"sysroot: /{path}: a link to /{end}, which the image lacks: left out", file=sys.stderr)
        return
    if inode.kind is Kind.DIRECTORY:
        return  # made when something is put into it
    if inode.kind is not Kind.FILE:
        return
    tree.make_parents(path)
    if end != origin and end.startswith(f"{part}/") and origin == path and not _LEFT_OUT.match(end):
        tree.put(path, symlink(os.path.relpath(end, path.rpartition("/")[0])))
    else:
        tree.put(path, inode)


def _script(path: str, inode: Inode) -> str:
    """The text of a linker script that has the name of a library; "" for any other file."""
    if not path.endswith((".so", ".a")) or inode.content.size > _LONGEST_SCRIPT:
        return ""
    data = inode.read()
    return "" if data.startswith((b"\x7fELF", b"!<")) or b"\0" in data else data.decode("utf-8", "replace")


def _relocated(image: Tree, tree: Tree, path: str, text: str) -> bytes:
    """A linker script with its absolute paths made relative to --sysroot, as "=/…".

    ld also looks into the sysroot for a plain absolute path, but only if it sees that the script is in the
    sysroot. It does not see that where a sandbox has links instead of files.
    """

    def below(match: re.Match[str]) -> str:
        if match[0].startswith("/*"):
            return match[0]
        named = match[0].strip("/")
        # /usr is merged, even if the image lacks base-files, the package with the links.
        end = next((end for path in (named, f"usr/{named}") if (end := image.resolve(path)) in tree), named)
        if end not in tree:
            print(f"sysroot: /{path}: names {match[0]}, which is not in the sysroot", file=sys.stderr)
        return f"=/{end}"

    return _SCRIPT_PATH.sub(below, text).encode()


def _programs(image: Tree, tree: Tree, spec: Spec, launcher: External) -> None:
    started = []
    for name, pattern in {**PROGRAMS, "liblto_plugin.so": _PLUGIN}.items():
        place = _place(image, pattern, spec)
        inode = image.find(place)
        if inode is None or inode.kind is not Kind.FILE:
            raise ToolError(f"/{place}: the image lacks it; add the package that has it")
        started.append(inode)
        path = f"usr/libexec/{'lib' if name.endswith('.so') else 'bin'}/{name}"
        tree.add(path, Inode(Kind.FILE, 0o755, content=inode.content))
    libraries = elf.closure(image, started, ARCHITECTURES[spec.architecture].triplet)
    if ARCHITECTURES[spec.architecture].loader not in libraries:
        raise ToolError(
            f"{ARCHITECTURES[spec.architecture].loader}: no program of the image names it as its loader"
        )
    for name, inode in libraries.items():
        tree.put(f"usr/libexec/lib/{name}", Inode(Kind.FILE, 0o755, content=inode.content))
    tree.make_parents("usr/bin/x")
    starter = Inode(Kind.FILE, 0o755, content=launcher)
    for name in PROGRAMS:
        tree.put(f"usr/bin/{name}", starter)


def merged(tree: Tree, spec: Spec) -> Tree:
    """The sysroot with the links of a merged /usr, for programs that look into /lib."""
    if spec.native:
        for name in ("lib", "bin"):
            tree.put(name, symlink(f"usr/{name}"))
        if ARCHITECTURES[spec.target].lib64:
            tree.put("lib64", symlink(f"usr/lib/{ARCHITECTURES[spec.target].triplet}"))
    return tree


if __name__ == "__main__":
    run(main)
