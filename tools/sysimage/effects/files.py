"""Single files, directories and links that a script makes by itself, with the path in the ledger."""

import re

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.effects.root import Root


def owner_of(root: Root, owner: str, who: str) -> tuple[int, int]:
    """The numbers of "USER:GROUP", or of a user and the group of that name.

    Raises ToolError for one that is unknown.
    """
    user, _, group = owner.partition(":")
    uid, gid = root.uid(user), root.gid(group or user)
    if uid is None or gid is None:
        raise ToolError(f"{who}: no user or group {owner} in /etc/passwd and /etc/group; correct it")
    return uid, gid


def copy(root: Root, who: str, *, source: str, to: str, mode: int | None = None) -> None:
    """Copies a file that a package ships to where it is used, mode and owner too, unless one is there."""
    if root.tree.find(to) is not None:
        return
    old = root.need(source, who)
    path = root.tree.resolve(to)
    root.tree.make_parents(path, who)
    new = Inode(
        Kind.FILE, old.mode if mode is None else mode, old.uid, old.gid, content=old.content, origin=who
    )
    root.tree.put(path, new)


def touch(
    root: Root, who: str, *, path: str, mode: int | None = None, owner: str = "", text: str = ""
) -> None:
    """Makes a file with `text` unless one is there; sets mode and owner where they are given."""
    if root.tree.find(path) is None:
        root.write(path, text, origin=who)
    inode = root.need(path, who)
    if mode is not None:
        inode.mode = mode
    if owner:
        inode.uid, inode.gid = owner_of(root, owner, who)


def mkdir(root: Root, who: str, *, path: str, mode: int = 0o755, owner: str = "root:root") -> None:
    """Makes a directory with this mode and owner unless something is there."""
    uid, gid = owner_of(root, owner, who)
    root.mkdir(path, mode, uid, gid, who)


def link(root: Root, who: str, *, path: str, target: str, replace: bool = False) -> None:
    """Makes a symbolic link; `replace` removes what is there, and only an empty directory."""
    inode = root.tree.get(path)
    if replace and inode is not None and inode.kind is Kind.DIRECTORY and root.tree.children(path):
        raise ToolError(f"{who}: /{path} is to become a link but is a directory that is not empty")
    root.link(path, target, who, replace=replace)


def own(root: Root, who: str, *, path: str, mode: int | None = None, owner: str = "") -> None:
    """Sets mode and owner of what a package ships, as chmod(1) and chown(1) do."""
    inode = root.tree.find(path)
    if inode is None:
        raise ToolError(f"{who} needs /{path}, which no package of the set has; add it or correct the ledger")
    if mode is not None:
        inode.mode = mode
    if owner:
        inode.uid, inode.gid = owner_of(root, owner, who)


def heredoc(root: Root, who: str, *, path: str, text: str, written: str = "") -> None:
    """Makes a file, unless one is there, from the here-document that the script writes to it.

    `written` is how the script names the file, if not by its path. Raises ToolError if the script has no
    such here-document, or one that the shell would expand.
    """
    names = [written] if written else [f"$DPKG_ROOT/{path}", f"/{path}"]
    target = rf"""> *["']?(?:{"|".join(map(re.escape, names))})["']?"""
    begin = r"""<<(-?) *(['"]?)(\w+)['"]?"""
    match = re.search(rf"cat (?:{target} *{begin}|{begin} *{target})\n((?:.*\n)*?)\t*(?:\3|\6)\n", text)
    if match is None:
        raise ToolError(f"{who}: the script writes no here-document to /{path}; correct the ledger")
    body = match[7]
    if match[1] or match[4]:
        body = re.sub(r"^\t+", "", body, flags=re.MULTILINE)
    if not (match[2] or match[5]) and re.search(r"[$`\\]", body):
        raise ToolError(f"{who}: the shell expands the here-document to /{path}; say it in the ledger")
    if root.tree.find(path) is None:
        root.write(path, body, origin=who)


def not_with(root: Root, who: str, *, path: str, why: str) -> None:
    """Raises ToolError if there is something at a path, for scripts that do nothing without it."""
    inode = root.tree.find(path)
    if inode is not None and (inode.kind is not Kind.DIRECTORY or root.names(path)):
        raise ToolError(f"{who}: with /{path} in the set {why}, for which there is no effect; leave one out")


def apparmor_local(root: Root, who: str, *, names: list[str]) -> None:
    """The empty files in which an administrator adds to these profiles of AppArmor."""
    for name in names:
        if root.tree.find(f"etc/apparmor.d/{name}") is not None:
            touch(root, who, path=f"etc/apparmor.d/local/{name}")


def nginx_modules(root: Root, who: str, *, names: list[str]) -> None:
    """The links to configurations of nginx's modules; a name is "available:enabled"."""
    for name in names:
        available, _, enabled = name.partition(":")
        target = f"/usr/share/nginx/modules-available/{available}"
        root.link(f"etc/nginx/modules-enabled/{enabled}", target, who, replace=True)


def usrlocal(root: Root, who: str, *, text: str) -> None:
    """The folders of a section of dh_usrlocal: lines of path, and "default" or mode, user and group."""
    for path, words in re.findall(r"^/(usr/local/\S+) (\w+(?: \w+)*)$", text, re.MULTILINE):
        if words.startswith("default"):
            mkdir(root, who, path=path)
        else:
            mode, user, group = words.split(" ")
            mkdir(root, who, path=path, mode=int(mode, 8), owner=f"{user}:{group}")


def arch_native(root: Root, who: str) -> None:
    """dpkg's record of the architecture that it was installed for."""
    root.write("var/lib/dpkg/arch-native", f"{root.architecture}\n", origin=who)


def merged_usr(root: Root, who: str, *, names: list[str]) -> None:
    """Links /NAME to usr/NAME for the folders of further ABIs that a package ships."""
    for name in names:
        inode = root.tree.get(f"usr/{name}")
        if inode is not None and inode.kind is Kind.DIRECTORY:
            root.link(name, f"usr/{name}", who)
