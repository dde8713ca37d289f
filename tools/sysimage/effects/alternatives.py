"""Calls of update-alternatives(1) in maintainer scripts, as the ledger has them."""

import re
import shlex
from collections.abc import Iterator

from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Kind
from tools.sysimage.effects import alternative_calls
from tools.sysimage.effects.root import Root

_OPTIONS = r"(?:--(?:quiet|verbose|force|skip-auto)[ \t]+)*"
# How scripts of Debian's NVIDIA packages collect slaves in variables: $(add_slave LINK NAME PATH), and for
# each triplet $(add_multiarch_slave FOLDER SUBFOLDER FILE SOURCE_FOLDER SOURCE_SUBFOLDER).
_GROUP = re.compile(r'^[ \t]*(\w+)="\n((?:[ \t]*\$\(add_(?:multiarch_)?slave [^()]*\)\n)+)"', re.MULTILINE)
_SLAVE = re.compile(r"\$\(add_(multiarch_)?slave ([^()]*)\)")
_CALL = re.compile(rf"^[ \t]*update-alternatives[ \t]+{_OPTIONS}(--install\b.*)", re.MULTILINE)


def calls(script: str) -> list[list[str]]:
    """The arguments of each `update-alternatives --install` that a script calls, line breaks joined."""
    found = []
    for match in _CALL.finditer(script.replace("\\\n", " ")):
        words = shlex.split(match[1], comments=True)
        end = next(
            (at for at, word in enumerate(words) if word in ("||", "&&", ";", ">", ">/dev/null")), None
        )
        words = words[:end]
        if any("$" in word or "`" in word for word in words):
            raise ToolError(
                f"update-alternatives with variables can't be read: {match[1]!r}; say it in the ledger"
            )
        found.append(words)
    return found


def from_script(root: Root, who: str, *, text: str) -> None:
    """Carries out the calls of update-alternatives in a script."""
    for words in calls(text):
        install(root, who, words)


def collected(root: Root, who: str, *, text: str, words: list[str], prefix: str, groups: list[str]) -> None:
    """Carries out `--install` with slaves that a script collects in variables, the `groups`.

    `words` are LINK NAME PATH PRIORITY; `prefix` stands before the names of slaves. As the script does, it
    leaves out a slave whose file is missing, or the folder of its link. Raises ToolError for a group that the
    script lacks.
    """
    found = {match[1]: _SLAVE.findall(match[2]) for match in _GROUP.finditer(text)}
    triplets = re.search(r'^TRIPLETS="([^"]*)"', text, re.MULTILINE)
    slaves: list[str] = []
    for group in groups:
        if group not in found:
            raise ToolError(f"{who}: its script has no slaves in ${group}; correct the ledger")
        for multiarch, arguments in found[group]:
            for link, name, path in _places(
                multiarch, shlex.split(arguments), triplets[1] if triplets else "/"
            ):
                folder, target = root.tree.find(link.rpartition("/")[0]), root.tree.find(path)
                if folder and folder.kind is Kind.DIRECTORY and target and target.kind is Kind.FILE:
                    slaves += ["--slave", link, prefix + name, path]
    install(root, who, ["--install", *words, *slaves])


def link_if_there(root: Root, who: str, *, link: str, target: str) -> None:
    """Makes a link to what an alternative has made, if it has; `target` is relative to the link's folder."""
    if root.tree.find(f"{link.rpartition('/')[0]}/{target}") is not None:
        root.link(link, target, who)


def _places(multiarch: str, words: list[str], triplets: str) -> Iterator[tuple[str, str, str]]:
    """Link, name and path of a slave; of one for each triplet, one for each."""
    if not multiarch:
        yield words[0], words[1], words[2]
        return
    folder, below, file, source, source_below = words
    for triplet in triplets.split():
        name = f"{file}-{triplet.strip('/')}" if triplet.strip("/") else file
        yield f"{folder}{triplet}{below}{file}", name, f"{source}{triplet}{source_below}{file}"


def install(root: Root, who: str, words: list[str]) -> None:
    """Adds one alternative: the words of `--install LINK NAME PATH PRIORITY [--slave LINK NAME PATH]…`.

    The real program refuses some, and scripts go on: a manual page that the image leaves out.
    """
    try:
        alternative_calls.call(root, who, words, say=lambda _descriptor, _line: None)
    except alternative_calls.BadUsage as error:
        raise ToolError(
            f"{who}: not a call that update-alternatives(1) knows ({error}): {' '.join(words)}"
        ) from None
