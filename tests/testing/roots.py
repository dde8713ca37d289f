"""Root filesystems for tests of single effects: a tree from a few words, without packages."""

from collections.abc import Mapping

from tests.testing.debs import File, Folder, Link, Node
from tools.sysimage.core.tree import Inode, Kind, Tree, directory, file, symlink
from tools.sysimage.debian.unpack import Unpacker
from tools.sysimage.effects.root import Root

PASSWD = "root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534::/nonexistent:/usr/sbin/nologin\n"
GROUP = "root:*:0:\nmail:*:8:\nadm:*:4:\nnogroup:*:65534:\n"


def make(paths: Mapping[str, Node] | None = None, architecture: str = "amd64") -> Root:
    """A root with root and nobody in it, and with these paths."""
    tree = Tree()
    root = Root(tree, architecture, Unpacker(tree))
    for path, node in {"etc/passwd": PASSWD, "etc/group": GROUP, **(paths or {})}.items():
        tree.add(path, inode(node))
    return root


def inode(node: Node) -> Inode:
    """The inode that a node stands for."""
    if isinstance(node, Folder):
        return directory(node.mode)
    if isinstance(node, Link):
        return symlink(node.target)
    if isinstance(node, File):
        data = node.data.encode() if isinstance(node.data, str) else node.data
        return file(data, node.mode, node.uid, node.gid)
    assert isinstance(node, str | bytes)
    return file(node.encode() if isinstance(node, str) else node)


def links(root: Root, folder: str = "") -> dict[str, str]:
    """The symbolic links below a folder: path → target."""
    return {
        path: root.tree[path].target
        for path in root.tree.below(folder)
        if root.tree[path].kind is Kind.SYMLINK
    }
