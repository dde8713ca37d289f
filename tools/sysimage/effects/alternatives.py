"""Links to what alternatives have made."""

from tools.sysimage.effects.root import Root


def link_if_there(root: Root, who: str, *, link: str, target: str) -> None:
    """Makes a link to what an alternative has made, if it has; `target` is relative to the link's folder."""
    if root.tree.find(f"{link.rpartition('/')[0]}/{target}") is not None:
        root.link(link, target, who)
