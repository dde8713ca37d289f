"""update-ca-certificates(8)."""

import re
from collections.abc import Mapping

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.tree import Kind
from tools.sysimage.effects import certificates

_CONF = "etc/ca-certificates.conf"
_SHIPPED = "usr/share/ca-certificates"
_INTO = "etc/ssl/certs"
_HOOKS = "/etc/ca-certificates/update.d"
_HASH = re.compile(r"[0-9a-f]{8}\.\d+")
_HOOK = re.compile(r"[A-Za-z0-9_-]+")  # as run-parts has names


def update_ca_certificates(call: Call) -> int:
    """Trusts what /etc/ca-certificates.conf lists and what the image's owner adds; hooks run as scripts."""
    given = call.options("-v --verbose", "-f --fresh", "-d --default", "--hooksdir=")
    if "default" in given:
        call.refuse("update-ca-certificates --default is not modelled")
    root = call.root
    listed = root.text(_CONF)
    if "fresh" in given or not listed:
        call.out(f"Clearing symlinks in /{_INTO}...\ndone.\n")
        _clear(call)
    call.out(f"Updating certificates in /{_INTO}...\n")
    added, removed = _change(call, listed)
    call.out(f"{len(added)} added, {len(removed)} removed; done.\n")
    hooks = given.value("hooksdir", _HOOKS)
    if not hooks or not call.files.find(hooks):
        return 0
    call.out(f"Running hooks in {hooks}...\n")
    for name in call.files.names(hooks):
        inode = call.files.find(f"{hooks}/{name}")
        if inode is not None and inode.kind is Kind.FILE and inode.mode & 0o111 and _HOOK.fullmatch(name):
            # Java's key store, and others' like it.
            call.leave("compiled data")
    call.out("done.\n")
    return 0


def _clear(call: Call) -> None:
    tree = call.root.tree
    ours = (f"/{_SHIPPED}", "/usr/local/share/ca-certificates")
    for path in _symlinks(call):
        if tree[path].target.startswith(ours):
            tree.remove(path)
    for path in _symlinks(call):
        if not _leads_to_file(call, path):
            tree.remove(path)


def _symlinks(call: Call) -> list[str]:
    return [path for path in call.root.tree.below(_INTO) if call.root.tree[path].kind is Kind.SYMLINK]


def _leads_to_file(call: Call, path: str) -> bool:
    inode = call.files.find(f"/{path}")
    return inode is not None and inode.kind is Kind.FILE


def _change(call: Call, listed: str) -> tuple[list[str], list[str]]:
    """Links, unlinks and bundles; returns the links that are new and those that went."""
    root = call.root
    removed: list[str] = []
    found: list[str] = []
    for line in filter(None, listed.split("\n")):
        if line.startswith("!"):
            # The program turns no blank into "_" here.
            link = f"{_INTO}/{line[1:].rpartition('/')[2].removesuffix('.crt')}.pem"
            inode = root.tree.get(link)
            if inode is not None and inode.kind is Kind.SYMLINK:
                root.tree.remove(link)
                removed.append(link)
        elif not line.startswith("#"):
            inode = call.files.find(f"/{_SHIPPED}/{line}")
            if inode is not None and inode.kind is Kind.FILE:
                found.append(f"{_SHIPPED}/{line}")
            else:
                message = f"W: /{_SHIPPED}/{line} not found, but listed in /{_CONF}.\n"
                call.machine.stream(2).write(message.encode("utf-8", "surrogateescape"))
    found += certificates.local(root)
    added = []
    for path in found:
        link = f"{_INTO}/{certificates.link_name(path)}"
        inode = root.tree.get(link)
        if inode is None or inode.kind is not Kind.SYMLINK or inode.target != f"/{path}":
            added.append(link)
    if added or removed:
        for path in list(root.tree.children(_INTO)):
            if root.tree[path].kind is Kind.SYMLINK and (
                _HASH.fullmatch(path.rpartition("/")[2]) or call.files.find(f"/{path}") is None
            ):
                root.tree.remove(path)
        certificates.trust(root, call.world.who, found)
    else:
        certificates.bundle(root, call.world.who, found)
    return added, removed


COMMANDS: Mapping[str, Command] = {"update-ca-certificates": update_ca_certificates}
"""This family's commands by name."""
