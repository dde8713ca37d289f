"""systemd-sysusers(8): the accounts of sysusers.d(5)."""

from collections.abc import Iterator, Mapping, Sequence

from tools.sysimage.commands.call import Call, Command
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects import accounts
from tools.sysimage.effects.accounts import Item
from tools.sysimage.effects.sysusers_lines import lines


def systemd_sysusers(call: Call) -> int:
    """systemd-sysusers(8): what is given, or all files; with --replace, both.

    A wrong line in what is given is an error; in a file that is read with all others, a complaint.
    """
    given = call.options("--root=", "--replace=", "--inline", "--no-pager", "--dry-run")
    if given.value("root") not in ("", "/"):
        call.refuse("systemd-sysusers: the option --root is not modelled")
    replaced, inline = given.value("replace"), "inline" in given
    if replaced and not (replaced.startswith("/") and replaced.endswith(".conf") and given.operands):
        return call.complain(
            "--replace= takes the absolute path of a file *.conf, and needs what replaces it"
        )
    items: list[Item] = []
    try:
        if given.operands and not replaced:
            items += _given(call, given.operands, inline)
        else:
            for path in _all(call, replaced):
                if path == replaced:
                    items += _given(call, given.operands, inline)
                else:
                    items += _lenient(call, path, call.root.text(path))
    except ToolError as error:
        return call.complain(str(error))
    if "dry-run" in given:
        return 0
    for note in accounts.apply(call.root, call.world.who, items, lenient=True):
        call.complain(note)
    return 0


def _given(call: Call, operands: Sequence[str], inline: bool) -> list[Item]:
    """What the operands say: lines, or files, of which "-" is the input. Raises ToolError."""
    found: list[Item] = []
    for operand in operands:
        if inline:
            found.append(accounts.parse(call.root, operand.strip(), "(argv)"))
            continue
        where, text = operand, ""
        if operand == "-":
            text = call.stdin().decode("utf-8", "surrogateescape")
        else:
            places = [operand] if operand.startswith("/") else [f"/{f}/{operand}" for f in accounts.FOLDERS]
            where = next((place for place in places if call.files.find(place) is not None), "")
            if not where:
                raise ToolError(f"failed to open '{operand}': No such file or directory")
            text = call.root.text(where.lstrip("/"))
        found += [accounts.parse(call.root, line, f"{where}:{number}") for number, line in lines(text)]
    return found


def _all(call: Call, replaced: str) -> Iterator[str]:
    """Yields the files of all folders by name, and `replaced` if no other comes before it."""
    found: dict[str, str] = {}
    folder, _, name = replaced.lstrip("/").rpartition("/")
    for place in accounts.FOLDERS:
        names = call.root.names(place, ".conf")
        for file in [*names, *([name] if place == folder and name not in names else [])]:
            found.setdefault(file, f"{place}/{file}")
    for _, path in sorted(found.items()):
        yield replaced if replaced.lstrip("/") == path else path


def _lenient(call: Call, path: str, text: str) -> Iterator[Item]:
    for number, line in lines(text):
        try:
            yield accounts.parse(call.root, line, f"/{path}:{number}")
        except ToolError as error:
            call.complain(str(error))


COMMANDS: Mapping[str, Command] = {"systemd-sysusers": systemd_sysusers}
"""This family's commands by name."""
