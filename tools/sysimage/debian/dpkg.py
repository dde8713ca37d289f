"""Debian packages as dpkg(1) sees them: relations, versions, its database."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind, Tree, directory, file
from tools.sysimage.debian import trigger_lines
from tools.sysimage.debian.locked import LockedPackage
from tools.sysimage.formats import control_file
from tools.sysimage.formats.control_file import Related
from tools.sysimage.formats.deb import Deb, open_deb

ADMIN = "var/lib/dpkg"
# The fields of a status paragraph in the order in which dpkg writes them; others follow as they came.
STATUS_FIELDS = [
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    *control_file.RELATIONS,
    "Conffiles",
    "Description",
]
# Files of control.tar that go elsewhere: "control" into status, "md5sums" is written after unpacking.
_SPACES = " \t\n\v\f\r"  # isspace(3)
_TO_ROOT = re.compile(r"^/(?:\./|/)*")
_NOT_INFO = frozenset(["control", "md5sums"])
_SCRIPTS = frozenset(["preinst", "postinst", "prerm", "postrm", "config"])
_FNV_BASIS, _FNV_PRIME, _BINS = 2166136261, 16777619, 262139


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the set: its .deb, and what unpacking it found out."""

    deb: Deb
    sha256: str = ""  # as the lock has it
    entries: list[str] = field(default_factory=list)  # paths of data.tar in its order, "" is the root
    digests: dict[str, str] = field(default_factory=dict)  # path → MD5, of conffiles and where needed

    @property
    def name(self) -> str:
        """The package's name."""
        return self.deb.name

    @property
    def version(self) -> str:
        """The package's version."""
        return self.deb.fields["Version"]

    @property
    def architecture(self) -> str:
        """The package's architecture; "all" fits every one."""
        return self.deb.fields["Architecture"]

    @property
    def essential(self) -> bool:
        """Whether the package is Essential: yes."""
        return self.deb.fields.get("Essential", "").lower() == "yes"

    def text(self, name: str) -> str:
        """A file of control.tar as text, "" if there is none."""
        return self.deb.control.get(name, b"").decode("utf-8", "surrogateescape")

    def conffiles(self) -> list[str]:
        """The conffiles, as paths of the tree; those that an upgrade removes are left out."""
        return [path[1:] for flag, path in self.conffile_lines() if not flag]

    def conffile_lines(self) -> list[tuple[str, str]]:
        """The lines of conffiles as dpkg reads them: flag ("" or "remove-on-upgrade"), absolute path.

        Raises ToolError for what dpkg refuses.
        """
        text = self.text("conffiles")
        where = f"{self.deb.path}: conffiles"
        if text and not text.endswith("\n"):
            raise ToolError(
                f"{where}: the last line does not end, which dpkg refuses; build the package again"
            )
        found = []
        for line in text.split("\n"):
            entry = line.rstrip(_SPACES)
            flag, space, path = ("", "", entry) if entry.startswith("/") else entry.partition(" ")
            if not entry:
                continue
            if (space and flag != "remove-on-upgrade") or not path.startswith("/"):
                raise ToolError(
                    f"{where}: {line!r} is neither an absolute path nor remove-on-upgrade and one, "
                    "which dpkg refuses; build the package again"
                )
            # dpkg drops what leads to the root at the beginning alone.
            found.append((flag, "/" + _TO_ROOT.sub("", path)))
        return found

    def relation(self, name: str) -> list[list[Related]]:
        """A relation field: a list of alternatives, of which one has to hold."""
        return control_file.relations(self.deb.fields.get(name, ""), f"{self.deb.path}: {name}", name)

    def replaces(self, other: Package, native: str = "") -> bool:
        """Whether Replaces lets this package take over files of the other one.

        `native` is the architecture of the image, which a package for all counts as one of. What the other
        one provides is of no account here (Debian policy 7.6.1).
        """
        own = native if other.architecture == "all" else other.architecture
        architectures = ("", "any", "all", own)
        return any(
            alternative.name == other.name and accepts(alternative, other.version)
            for group in self.relation("Replaces")
            for alternative in group
            if alternative.architecture in architectures
        )


def load(path: Path, name: str = "", version: str = "", sha256: str = "") -> Package:
    """Opens a .deb and checks that it is what the lock names, as far as that is given.

    Raises ToolError for another package, version or SHA-256, and what `open_deb` raises.
    """
    deb = open_deb(path)
    for key, wanted in (("Package", name), ("Version", version)):
        if wanted and deb.fields.get(key) != wanted:
            raise ToolError(
                f"{path}: {key} is {deb.fields.get(key)}, the lock says {wanted}; run the lock tool again"
            )
    if sha256:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != sha256:
            raise ToolError(
                f"{path}: SHA-256 is {digest}, the lock says {sha256} for {name or deb.name}; fetch it again"
            )
    return Package(deb, sha256)


def load_all(items: Iterable[LockedPackage]) -> list[Package]:
    """Opens the packages that a manifest lists. Raises ToolError as `load` does."""
    return [load(item.deb, item.name, item.version, item.sha256) for item in items]


def accepts(related: Related, version: str) -> bool:
    """Whether a version fits; an unversioned relation accepts any."""
    if not related.operator:
        return True
    order = compare(version, related.version)
    return {
        "<<": order < 0,
        "<=": order <= 0,
        "=": order == 0,
        ">=": order >= 0,
        ">>": order > 0,
    }[related.operator]


def compare(left: str, right: str) -> int:
    """Compares versions as deb-version(7) defines it: negative, zero or positive. Raises ToolError."""
    return compare_parts(_parts(left), _parts(right))


def _parts(version: str) -> tuple[int, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, hyphen, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    if not re.fullmatch("[0-9]+", epoch) or not upstream or (hyphen and not revision):
        raise ToolError(f"{version!r} is no version of a package (deb-version(7)); build the package again")
    return int(epoch), upstream, revision


def compare_parts(left: tuple[int, str, str], right: tuple[int, str, str]) -> int:
    """Compares versions that are cut into epoch, upstream version and revision."""
    if left[0] != right[0]:
        return left[0] - right[0]
    return _compare_text(left[1], right[1]) or _compare_text(left[2], right[2])


def _compare_text(left: str, right: str) -> int:
    # Text and numbers alternate, text first; a missing part counts as empty or 0.
    a, b = re.split("([0-9]+)", left), re.split("([0-9]+)", right)
    for index in range(max(len(a), len(b))):
        x, y = (part[index] if index < len(part) else "" for part in (a, b))
        if index % 2:
            order = int(x or 0) - int(y or 0)
        else:
            xs, ys = [_weight(c) for c in x] + [0], [_weight(c) for c in y] + [0]
            order = (xs > ys) - (xs < ys)
        if order:
            return order
    return 0


def _weight(character: str) -> int:
    # "~" sorts before the end (0), letters before all else.
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def info_prefix(package: Package) -> str:
    """The name of a package's files in the info folder: with the architecture if several can be there."""
    same = package.deb.fields.get("Multi-Arch", "").lower() == "same"
    return f"{ADMIN}/info/{package.name}{':' + package.architecture if same else ''}"


def status(package: Package) -> str:
    """The paragraph of /var/lib/dpkg/status for an installed package, without the empty line after it."""
    fields = control_file.written(package.deb.fields)
    fields["Status"] = "install ok installed"
    conffiles = ""
    told = set[str]()
    for flag, path in package.conffile_lines():
        # What is no file of the package has no digest, nor has a line that comes again.
        digest = "newconffile" if flag or path in told else package.digests.get(path[1:], "newconffile")
        told.add(path)
        conffiles += f"\n {path} {digest}{' ' if flag else ''}{flag}"
    if conffiles:
        fields["Conffiles"] = conffiles
    order = [name for name in STATUS_FIELDS if name in fields] + [
        name for name in fields if name not in STATUS_FIELDS
    ]
    return "".join(f"{name}:{'' if name == 'Conffiles' else ' '}{fields[name]}\n" for name in order)


def write_info(tree: Tree, packages: Iterable[Package]) -> None:
    """Writes /var/lib/dpkg/info: format, and each package's list, md5sums and control files."""
    tree.make_parents(f"{ADMIN}/info/x", "dpkg")
    tree.put(f"{ADMIN}/info/format", file(b"1\n", origin="dpkg"))
    for package in packages:
        prefix = info_prefix(package)
        lines = "".join(f"/{path or '.'}\n" for path in package.entries)
        tree.put(f"{prefix}.list", file(lines.encode("utf-8", "surrogateescape"), origin="dpkg"))
        for name, data in package.deb.control.items():
            if name not in _NOT_INFO:
                mode = 0o755 if name in _SCRIPTS else 0o644
                tree.put(f"{prefix}.{name}", file(data, mode, origin="dpkg"))
        if "md5sums" in package.deb.control:
            sums = package.deb.control["md5sums"]
        else:
            conffiles = set(package.conffiles())
            sums = "".join(
                f"{digest}  {path}\n" for path, digest in package.digests.items() if path not in conffiles
            ).encode("utf-8", "surrogateescape")
        tree.put(f"{prefix}.md5sums", file(sums, origin="dpkg"))


def write_database(
    tree: Tree,
    packages: Sequence[Package],
    architecture: str,
    diversions: Sequence[tuple[str, str, str]],
    overrides: Mapping[str, str],
) -> None:
    """Writes the rest of /var/lib/dpkg: status, arch, triggers, diversions and statoverride.

    `packages` come in the order of installation. A diversion is (path, diverted path, package or ":" for
    the administrator's), an override a path with its line of statoverride.
    """
    for name in ("info", "parts", "triggers", "updates", "alternatives"):
        if f"{ADMIN}/{name}" not in tree:
            tree.add(f"{ADMIN}/{name}", directory(origin="dpkg"))
    write_info(tree, packages)
    by_name = sorted(packages, key=lambda package: package.name)
    text = {
        "status": "".join(status(package) + "\n" for package in by_name),
        "arch": f"{architecture}\n",
        "diversions": "".join(
            f"{line}\n"
            for diversion in sorted(diversions, key=lambda d: path_bin(d[0]))
            for line in diversion
        ),
    }
    if overrides:
        text["statoverride"] = "".join(f"{overrides[path]}\n" for path in sorted(overrides, key=path_bin))
    files: list[str] = []
    named: dict[str, list[str]] = {}
    for package in packages:
        name = info_prefix(package).rpartition("/")[2]
        # Of one that is named twice, the last line counts.
        for trigger, kind in {trigger: kind for kind, trigger in interests(package)}.items():
            if trigger.startswith("/"):
                files.append(f"{trigger} {name}{kind}\n")
            else:
                named.setdefault(trigger, []).append(f"{name}{kind}\n")
    text["triggers/File"] = "".join(files)
    text["triggers/Unincorp"] = ""
    for trigger, lines in named.items():
        text[f"triggers/{trigger}"] = "".join(lines)
    for name, value in text.items():
        tree.put(f"{ADMIN}/{name}", file(value.encode("utf-8", "surrogateescape"), origin="dpkg"))
    for name in ("lock", "lock-frontend", "triggers/Lock"):
        mode = 0o600 if name == "triggers/Lock" else 0o640
        tree.put(f"{ADMIN}/{name}", file(b"", mode, origin="dpkg"))


def interests(package: Package) -> Iterator[tuple[str, str]]:
    """The triggers that a package declares interest in (deb-triggers(5)): ("" or "/noawait", trigger)."""
    for directive in trigger_lines.parse(package.text("triggers"), str(package.deb.path)):
        if directive.kind == "interest":
            yield "" if directive.awaits else "/noawait", directive.trigger


def md5(inode: Inode) -> str:
    """The MD5 of a file's content in hex, which is what dpkg compares."""
    digest = hashlib.md5(usedforsecurity=False)
    if inode.kind is Kind.FILE:
        for chunk in inode.content.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def fnv(name: str) -> int:
    """The hash of a name (FNV-1a, 32 bits) by which dpkg's tables are ordered."""
    value = _FNV_BASIS
    for byte in name.encode("utf-8", "surrogateescape"):
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return value


def path_bin(path: str) -> int:
    """The place of a path in dpkg's hash table of file names, in whose order it writes and lists them."""
    return fnv(path.lstrip("/")) % _BINS
