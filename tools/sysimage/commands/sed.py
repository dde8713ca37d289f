"""sed(1) (GNU): its options, and the files that it edits."""

from collections.abc import Mapping, Sequence
from functools import cache

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.call import Command as Program
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.regex import PatternError, UnmodelledPatternError
from tools.sysimage.commands.sed_parse import (
    MissingLabelError,
    Script,
    SedError,
    parse,
)
from tools.sysimage.commands.sed_run import Run
from tools.sysimage.core.tree import Kind, file


@cache
def _parsed(texts: tuple[str, ...], extended: bool) -> Script:
    return parse(texts, extended=extended)


def sed(call: Call) -> int:
    """sed(1)."""
    given = call.options(
        "-n --silent --quiet",
        "-e --expression=",
        "-f --file=",
        "-i --in-place[=]",
        "-E -r --regexp-extended",
        "-s --separate",
        "-u --unbuffered",
        "-z --null-data",
        "--follow-symlinks",
        "--posix",
        "-b --binary",
    )
    operands = list(given.operands)
    texts = []
    for option, value in given.options:
        if option == "expression":
            texts.append(value or "")
        elif option == "file":
            texts.append(call.input(value or "").decode("utf-8", "surrogateescape").removesuffix("\n"))
    if not texts:
        if not operands:
            return call.complain("no script specified")
        texts.append(operands.pop(0))
    try:
        script = _parsed(tuple(texts), "regexp-extended" in given)
    except (SedError, PatternError) as error:
        if "not modelled" in str(error):
            call.refuse(f"sed: {error}")
        call.complain(f"-e expression #1: {error}")
        return 4 if isinstance(error, MissingLabelError) else 1
    except UnmodelledPatternError as error:
        call.refuse(f"sed: the pattern {str(error)!r} is not modelled")
    return _edit(call, given, script, operands)


def _edit(call: Call, given: Given, script: Script, operands: Sequence[str]) -> int:
    status = 0
    sources: list[tuple[str, bytes]] = []
    for name in operands or ("-",):
        inode = call.files.find(call.path(name)) if name != "-" else None
        if inode is not None and inode.kind is Kind.DIRECTORY:
            call.complain(f"{name}: not a regular file" if "in-place" in given else f"{name}: Is a directory")
            status = 4
            continue
        try:
            sources.append((name, call.input(name)))
        except OSError as error:
            call.complain(f"can't read {name}: {error.strerror}")
            status = 2
    apart = "separate" in given or "in-place" in given
    groups = [[source] for source in sources] if apart else [sources]
    for group in groups:
        if not group:
            continue
        run = Run(call, given, script, [data for _, data in group], group[0][0])
        ended = run.run()
        if "in-place" in given:
            _replace(call, given, group[0][0], run.output())
        else:
            call.out(run.output())
        if ended is not None:
            return ended
    return status


def _replace(call: Call, given: Given, name: str, data: bytes) -> None:
    """Puts a new file in the place of an edited one, as -i does; its mode and owner stay."""
    path = call.path(name)
    if "follow-symlinks" in given:
        path = call.files.real_path(path)
    inode = call.files.get(path)
    where, _ = call.files.lookup(path, follow=False)
    suffix = given.value("in-place")
    if suffix:
        folder, _, last = path.rpartition("/")
        backup = suffix.replace("*", last) if "*" in suffix else last + suffix
        call.files.rename(path, backup if "/" in backup else f"{folder}/{backup}")
    made = file(data, inode.mode, inode.uid, inode.gid, origin=call.world.who)
    made.xattrs = inode.xattrs
    call.files.tree.put(where, made)


COMMANDS: Mapping[str, Program] = {"sed": sed}
