"""sed(1) (GNU): its options, and the files that it edits."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from tools.sysimage.commands.call import Call
from tools.sysimage.commands.call import Command as Program
from tools.sysimage.commands.options import Given
from tools.sysimage.commands.regex import ColonError, PatternError, UnmodelledPatternError
from tools.sysimage.commands.sed_parse import parse
from tools.sysimage.commands.sed_run import Run
from tools.sysimage.commands.sed_stream import Source
from tools.sysimage.commands.sed_tree import MissingLabelError, Script, SedError
from tools.sysimage.core.tree import Kind
from tools.sysimage.scripts.files import Access
from tools.sysimage.scripts.streams import Null, OpenFile, Stream


@lru_cache(maxsize=1 << 10)
def _parsed(
    texts: tuple[str, ...], extended: bool, null: bool
) -> tuple[Script | SedError | PatternError | UnmodelledPatternError, Sequence[str]]:
    """A script, or what is wrong with it, and the files that it writes."""
    files: list[str] = []
    try:
        return parse(texts, files, extended=extended, null=null), files
    except (SedError, PatternError, UnmodelledPatternError) as error:
        return error, files


def _opened(call: Call, names: Sequence[str]) -> dict[str, Stream]:
    """Makes the files that a script writes. Raises OSError with the name as the script has it."""
    found: dict[str, Stream] = {}
    access = Access(read=False, write=True, create=True, truncate=True, mode=call.umask(0o666))
    for name in names:
        if name in found or name in ("/dev/stdout", "/dev/stderr"):
            continue
        if name == "/dev/null":
            found[name] = Null()
            continue
        try:
            content = call.files.open(call.path(name), access)
        except OSError as error:
            raise OSError(error.errno, error.strerror, name) from None
        found[name] = OpenFile(content, call.machine.meter, read=False, write=True, append=False)
    return found


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
    script, files = _parsed(tuple(texts), "regexp-extended" in given, "null-data" in given)
    if isinstance(script, UnmodelledPatternError):
        call.refuse(f"sed: the pattern {str(script)!r} is not modelled")
    if isinstance(script, SedError) and "not modelled" in str(script):
        call.refuse(f"sed: {script}")
    try:
        written = _opened(call, files)
    except OSError as error:
        call.complain(f"couldn't open file {error.filename}: {error.strerror}")
        return 4
    if not isinstance(script, Script):
        call.complain(f"-e expression #1: {script}")
        return 4 if isinstance(script, ColonError | MissingLabelError) else 1
    return _edit(call, given, script, operands, written)


def _edit(
    call: Call, given: Given, script: Script, operands: Sequence[str], written: dict[str, Stream]
) -> int:
    names = operands or ("-",)
    sources: list[Source] = []
    for name in names:
        inode = call.files.find(call.path(name)) if name != "-" else None
        if inode is not None and inode.kind is Kind.DIRECTORY:
            text = (
                "couldn't edit {}: not a regular file"
                if "in-place" in given
                else "read error on {}: Is a directory"
            )
            sources.append(Source(name, b"", text.format(name), 4))
            continue
        try:
            sources.append(Source(name, call.input(name)))
        except OSError as error:
            sources.append(Source(name, b"", f"can't read {name}: {error.strerror}", 2))
    apart = "separate" in given or "in-place" in given
    run = Run(call, given, script, written)
    for group in [[source] for source in sources] if apart else [sources]:
        ended = run.run(group)
        if "in-place" not in given:
            call.out(run.output())
        elif not group[0].complaint:
            _replace(call, given, group[0].name, run.output())
        if ended is not None:
            return run.status(ended)
    return run.status(None)


def _replace(call: Call, given: Given, name: str, data: bytes) -> None:
    """Puts a new file in the place of an edited one, as -i does; its mode and owner stay."""
    path = call.path(name)
    if "follow-symlinks" in given:
        path = call.files.real_path(path)
    backup = ""
    if suffix := given.value("in-place"):
        folder, _, last = path.rpartition("/")
        backup = suffix.replace("*", last) if "*" in suffix else last + suffix
        backup = backup if "/" in backup else f"{folder}/{backup}"
    call.files.exchange(path, data, backup)


COMMANDS: Mapping[str, Program] = {"sed": sed}
"""This family's commands by name."""
