"""explain: where a path of an image comes from, through all stages, and why a package is in it."""

import argparse
import difflib
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run
from tools.sysimage.core.tree import Inode, Kind, Tree
from tools.sysimage.evidence import facts
from tools.sysimage.evidence.components import name_of
from tools.sysimage.evidence.facts import Facts, Node, Package

_SHOWN = 8  # packages of a list

_DOC = "Where a path of an image comes from, through all stages, and why a package is in it."
_EXAMPLES = {
    "bazel run //:guest_explain -- /usr/bin/runc": "package, script or target that laid it there",
    "bazel run //:guest_explain -- --package libssl3t64": "what needs it, and what it costs",
}


def main(argv: Sequence[str]) -> int:
    """Command line: PATH… or --package NAME…; prints a paragraph for each."""
    parser = CommandLine("explain", _DOC, _EXAMPLES)
    parser.given("--facts", type=Path)
    parser.add_argument("--effects", type=Path, action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--package", action="append", default=[], help="a package to explain")
    parser.add_argument("path", nargs="*", help="a path of the image")
    options = parser.parse_args(argv)
    if not options.path and not options.package:
        parser.error("name a path of the image, or --package NAME")
    found = facts.load(options.facts)
    changes = [change for path in options.effects for change in facts.read_json(path)["changes"]]
    for path in options.path:
        for line in explain_path(found, changes, path.strip("/")):
            print(line)
    for name in options.package:
        for line in explain_package(found, name):
            print(line)
    return 0


def explain_path(found: Facts, changes: Sequence[Mapping[str, Any]], path: str) -> Iterator[str]:
    """Yields lines about a path. Raises ToolError, with the nearest paths, if the image has none of it."""
    real = _real(found, path)
    node = found.paths.get(real)
    if node is None:
        near = (
            difflib.get_close_matches(path, found.paths, 3)
            or [other for other in found.paths if other.rpartition("/")[2] == path.rpartition("/")[2]][:3]
        )
        hint = f"; there is {', '.join(f'/{other}' for other in near)}" if near else ""
        raise ToolError(f"/{path}: is not in the image{hint}")
    yield f"/{name_of(path)}" + (f" is /{name_of(real)}, through links" if real != path else "")
    yield f"  {_about(node, found)}"
    scripts = [change for change in changes if change["path"] == real]
    packages = {package.name: package for package in found.packages}
    if node.package in packages:
        package = packages[node.package]
        yield f"  from the package {package.name} {package.version} {package.architecture}"
        if package.pool:
            yield f"    {package.pool.rpartition('/')[2]}, sha256:{package.deb_sha256}"
    for change in scripts:
        yield (
            f"  {change['what']} by {change['package']}'s {change['script']}, line {change['line']}: "
            f"{' '.join(str(change['command']).split())}"
        )
    if node.label:
        how = "laid over the base" if node.origin == "overlay" else "laid into the root filesystem"
        yield f"  from the target {node.label}, {how}"
    elif node.origin == "overlay":
        yield "  from an attribute of system_image: a link, a folder, or the state of a unit"
    elif node.origin == "base" and not scripts:
        users = _users_of(found, real)
        unit = _enables(real)
        if unit:
            yield f"  enables {unit}: by `enable` of rootfs, or by a preset when its package was installed"
        elif users:
            yield f"  a folder of {_listed(users)}"
        else:
            yield "  from the installation: an attribute of rootfs, or what dpkg itself keeps"
    yield f"  to change it: {_remedy(node, bool(scripts))}"


def explain_package(found: Facts, name: str) -> Iterator[str]:
    """Yields lines about a package. Raises ToolError, with near names, if the image does not have it."""
    by_name = {package.name: package for package in found.packages}
    package = by_name.get(name)
    if package is None:
        near = difflib.get_close_matches(name, by_name, 3)
        hint = f"; there is {', '.join(near)}" if near else ""
        raise ToolError(f"{name}: is not installed in the image{hint}")
    needed_by: dict[str, list[str]] = {}
    for other in found.packages:
        for needed in other.depends:
            needed_by.setdefault(needed, []).append(other.name)
    yield f"{package.name} {package.version} {package.architecture}: {package.description}"
    yield f"  from {package.pool or 'no lock'}, sha256:{package.deb_sha256 or 'unknown'}"
    if package.suite:
        yield f"  of {package.archive} {package.suite}, built from {package.source} {package.source_version}"
    chain = _chain(name, needed_by)
    if len(chain) > 1:
        yield f"  in the image because {' needs '.join(chain)}"
    else:
        yield "  in the image because its set asks for it: no other package needs it"
    direct = needed_by.get(name, [])
    if direct:
        yield f"  needed by {_listed(direct)}"
    own = sum(1 for _, node in found.files() if node.package == name)
    yield f"  costs {package.size:,} bytes in {own} files"
    alone = _alone(package, by_name, needed_by)
    if len(alone) > 1:
        size = sum(by_name[one].size for one in alone)
        yield f"  costs {size:,} bytes with what it alone brings in: {_listed(alone[1:])}"
    yield f"  licence: {package.licence or 'none that its copyright file declares in machine-readable form'}"


def _real(found: Facts, path: str) -> str:
    """The path with links of its folders followed. Raises ToolError after too many links."""
    tree = Tree()
    for other, node in found.paths.items():
        tree.add(other, Inode(Kind(node.type), node.mode, target=node.link))
    return tree.resolve(path, last=False)


def _about(node: Node, found: Facts) -> str:
    users = {user.uid: user.name for user in found.users}
    groups = {group.gid: group.name for group in found.groups}
    owner = f"{users.get(node.uid, node.uid)}:{groups.get(node.gid, node.gid)}"
    if node.type == "link":
        return f"link to {name_of(node.link)}"
    kind = {"dir": "folder"}.get(node.type, node.type)
    more = f", {node.size:,} bytes, sha256:{node.sha256}" if node.type == "file" else ""
    return f"{kind} {node.mode:04o} {owner}{more}"


def _users_of(found: Facts, path: str) -> list[str]:
    below = {
        node.package for other, node in found.paths.items() if node.package and other.startswith(f"{path}/")
    }
    return sorted(below) if found.paths[path].type == "dir" else []


def _enables(path: str) -> str:
    """The unit that a link of systemctl enables, "" if it is none."""
    match = re.fullmatch(r"etc/systemd/system/[^/]+\.(?:wants|requires|upholds)/([^/]+)", path)
    return match[1] if match else ""


def _remedy(node: Node, scripts: bool) -> str:
    if node.label:
        return f"change {node.label}, or name another label in `files`"
    if node.origin == "overlay":
        return "change the attributes of system_image"
    if scripts:
        return "say otherwise in rootfs: `files` with `replace`, `exclude`, `debconf`, or a ledger"
    if node.package:
        return "`exclude` it in rootfs, or lay another file there with `files` and `replace`"
    return "change the attributes of rootfs, or `exclude` it"


def _chain(name: str, needed_by: Mapping[str, Sequence[str]]) -> list[str]:
    """The shortest way from a package that no other needs."""
    queue = deque([[name]])
    seen = {name}
    while queue:
        chain = queue.popleft()
        above = needed_by.get(chain[0], ())
        if not above:
            return chain
        for other in above:
            if other not in seen:
                seen.add(other)
                queue.append([other, *chain])
    return [name]  # packages that need each other


def _alone(
    package: Package, by_name: Mapping[str, Package], needed_by: Mapping[str, Sequence[str]]
) -> list[str]:
    """The package, and those that nothing else needs once it is gone."""
    gone = [package.name]
    for name in gone:
        for needed in by_name[name].depends:
            rest = [other for other in needed_by.get(needed, ()) if other not in gone]
            if needed in by_name and needed not in gone and not rest:
                gone.append(needed)
    return gone


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


if __name__ == "__main__":
    run(main)
