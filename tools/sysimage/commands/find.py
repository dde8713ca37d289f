"""find(1) of findutils, over a tree: what is in a directory comes by its name."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.sysimage.commands import modes, owners
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.coreutils_look import size_of
from tools.sysimage.commands.coreutils_words import base, curly, joined, names_of, not_modelled, reason
from tools.sysimage.commands.find_expression import ExpressionError, Found, Parser, Test, both_hold, count
from tools.sysimage.commands.find_output import LETTERS, printed
from tools.sysimage.commands.find_regex import regex, regextype
from tools.sysimage.commands.tree_files import Buffer
from tools.sysimage.core.tree import Inode, Kind
from tools.sysimage.scripts.marked import inward
from tools.sysimage.scripts.patterns import matches

_WORK = 40  # units of work of looking at a file
_UNITS = {"c": 1, "w": 2, "b": 512, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class _QuitError(Exception):
    """The end of a search by -quit."""


@dataclass(slots=True)
class _Search:
    """A call of find."""

    call: Call
    follow: str = "P"
    least: int = 0
    most: int = 1 << 30
    depth_first: bool = False
    status: int = 0
    pruned: bool = False
    regextype: str = "findutils-default"
    batches: list[tuple[list[str], list[str]]] = field(default_factory=list)  # of -exec … +

    def complain(self, message: str) -> None:
        self.call.complain(message)
        self.status = 1

    # Walking.

    def walk(self, start: str, test: Test) -> None:
        try:
            found = self._found(start, start, 0)
        except OSError as error:
            self.complain(f"{curly(start)}: {reason(error)}")
            return
        self._visit(found, test)

    def _found(self, name: str, start: str, depth: int) -> Found:
        files, path = self.call.files, self.call.path(name)
        link = files.get(path, follow=False)
        if self.follow == "L" or (self.follow == "H" and not depth):
            where, inode = files.lookup(path) if files.find(path) else files.lookup(path, follow=False)
        else:
            where, inode = files.lookup(path, follow=False)
        return Found(name, start, where, inode or link, depth, link)

    def _visit(self, found: Found, test: Test) -> None:
        self.call.machine.meter.work(_WORK + found.depth)
        self.pruned = False
        within = self.least <= found.depth
        if within and not self.depth_first:
            test(found)
        if found.inode.kind is Kind.DIRECTORY and found.depth < self.most and not self.pruned:
            if self.call.files.tree.get(found.path) is not found.inode:
                self.complain(f"{curly(found.name)}: No such file or directory")
                return
            for child in self.call.files.tree.children(found.path):
                if child not in self.call.files.tree:
                    continue
                name = joined(found.name, child.rpartition("/")[2])
                self._visit(self._found(name, found.start, found.depth + 1), test)
        self.pruned = False
        if within and self.depth_first:
            test(found)

    # Tests and actions.

    def primary(self, word: str, take: Callable[[], str]) -> Test:  # noqa: PLR0911 - a table
        """Returns the test that a word is."""
        match word:
            case "-true" | "-false":
                return lambda _found: word == "-true"
            case "-name" | "-iname":
                return self._glob(take(), word == "-iname", lambda found: base(found.name))
            case "-path" | "-wholename" | "-ipath" | "-iwholename":
                return self._glob(take(), word[1] == "i", lambda found: found.name)
            case "-lname" | "-ilname":
                glob = self._glob(take(), word == "-ilname", lambda found: found.inode.target)
                return lambda found: found.inode.kind is Kind.SYMLINK and glob(found)
            case "-type" | "-xtype":
                return self._type(take(), word == "-xtype")
            case "-perm":
                return self._perm(take())
            case "-size":
                return _size(take())
            case "-empty":
                return self._is_empty
            case "-links":
                return count(take(), lambda found: names_of(self.call.files, found.inode))
            case "-uid":
                return count(take(), lambda found: found.inode.uid)
            case "-gid":
                return count(take(), lambda found: found.inode.gid)
            case "-user" | "-group" | "-nouser" | "-nogroup":
                return self._owner(word, take)
            case "-newer":
                return self._newer(take())
            case "-samefile":
                name = take()
                other = self._reference(name)
                return lambda found: found.inode is other
            case "-readable" | "-writable":
                return lambda _found: True
            case "-executable":
                return self._is_executable
        return self._other(word, take)

    def _other(self, word: str, take: Callable[[], str]) -> Test:
        match word:
            case "-regextype":
                self.regextype = regextype(take())
                return lambda _found: True
            case "-regex" | "-iregex":
                return regex(self.call, take(), self.regextype, ignore_case=word == "-iregex")
        return self._action(word, take)

    def _action(self, word: str, take: Callable[[], str]) -> Test:  # noqa: PLR0911 - a table
        match word:
            case "-print" | "-print0":
                return self._print("\n" if word == "-print" else "\0")
            case "-printf":
                return self._printf(take())
            case "-prune":
                return self._prune
            case "-quit":
                return _quit
            case "-delete":
                return self._delete
            case "-exec" | "-execdir":
                return self._exec(take, word == "-execdir")
        if word in ("-depth", "-d", "-xdev", "-mount", "-noleaf", "-ignore_readdir_race", "-warn", "-nowarn"):
            return lambda _found: True
        if word in ("-maxdepth", "-mindepth"):
            take()
            return lambda _found: True
        return not_modelled(self.call, word)

    def _glob(self, glob: str, fold: bool, text: Callable[[Found], str]) -> Test:
        pattern = inward(glob.lower() if fold else glob)
        if not glob.isascii() and re.search(r"[?\[]", glob):
            not_modelled(self.call, f"the pattern {glob!r}")
        return lambda found: matches(pattern, inward(text(found).lower() if fold else text(found)))

    def _type(self, text: str, other: bool) -> Test:
        letters = text.split(",")
        if any(letter not in LETTERS and letter != "s" for letter in letters):
            raise ExpressionError(f"Unknown argument to -type: {text}")
        kinds = {LETTERS[letter] for letter in letters if letter in LETTERS}

        def test(found: Found) -> bool:
            inode = found.inode
            if other and found.link.kind is Kind.SYMLINK:
                follow = self.follow != "L"
                inode = self.call.files.find(self.call.path(found.name), follow=follow) or found.link
            return inode.kind in kinds

        return test

    def _perm(self, text: str) -> Test:
        sign, word = (text[0], text[1:]) if text[:1] in ("-", "/") else ("", text)
        try:
            changes = modes.parse(word)
        except modes.BadModeError:
            raise ExpressionError(f"invalid mode {curly(text)}") from None
        wanted = [modes.adjust(0, directory=folder, umask=0, changes=changes)[0] for folder in (False, True)]

        def test(found: Found) -> bool:
            bits = wanted[found.inode.kind is Kind.DIRECTORY]
            if sign == "-":
                return found.inode.mode & bits == bits
            if sign == "/":
                return not bits or bool(found.inode.mode & bits)
            return found.inode.mode == bits

        return test

    def _is_empty(self, found: Found) -> bool:
        if found.inode.kind is Kind.DIRECTORY:
            return not self.call.files.tree.children(found.path)
        return found.inode.kind is Kind.FILE and not found.inode.content.size

    def _is_executable(self, found: Found) -> bool:
        inode = self.call.files.find(self.call.path(found.name))
        return inode is not None and (inode.kind is Kind.DIRECTORY or bool(inode.mode & 0o111))

    def _owner(self, word: str, take: Callable[[], str]) -> Test:
        root = self.call.root
        if word == "-nouser":
            return lambda found: not owners.known(root, "etc/passwd", found.inode.uid)
        if word == "-nogroup":
            return lambda found: not owners.known(root, "etc/group", found.inode.gid)
        name = take()
        try:
            if word == "-user":
                uid = owners.parse(root, name).uid
                return lambda found: found.inode.uid == uid
            gid = owners.parse_group(root, name)
        except owners.BadOwnerError:
            if word == "-user":
                what = f"invalid user name or UID argument to -user: {curly(name)}"
            else:
                what = f"{curly(name)} is not the name of an existing group"
            raise ExpressionError(what) from None
        return lambda found: found.inode.gid == gid

    def _reference(self, name: str) -> Inode:
        try:
            return self.call.files.get(self.call.path(name), follow=self.follow != "P")
        except OSError as error:
            raise ExpressionError(f"{curly(name)}: {reason(error)}") from None

    def _newer(self, name: str) -> Test:
        other = self._reference(name)

        def test(found: Found) -> bool:
            written, old = isinstance(found.inode.content, Buffer), isinstance(other.content, Buffer)
            if written == old and found.inode is not other:
                not_modelled(self.call, "which of two files is newer")
            return written and not old

        return test

    def _print(self, end: str) -> Test:
        def act(found: Found) -> bool:
            self.call.out(found.name + end)
            return True

        return act

    def _printf(self, text: str) -> Test:
        def act(found: Found) -> bool:
            self.call.out(printed(self.call, text, found))
            return True

        return act

    def _prune(self, _found: Found) -> bool:
        self.pruned = True
        return True

    def _delete(self, found: Found) -> bool:
        if found.name == ".":
            return True
        path = self.call.path(found.name)
        try:
            if found.link.kind is Kind.DIRECTORY:
                self.call.files.remove_directory(path)
            else:
                self.call.files.unlink(path)
        except OSError as error:
            self.complain(f"cannot delete {curly(found.name)}: {reason(error)}")
            return False
        return True

    def _exec(self, take: Callable[[], str], in_folder: bool) -> Test:
        words: list[str] = []
        while True:
            word = take()
            if word == ";":
                break
            if word == "+" and words and words[-1] == "{}":
                if in_folder:
                    not_modelled(self.call, "-execdir … +")
                return self._batch(words[:-1])
            words.append(word)
        if not words:
            raise ExpressionError(f"invalid argument {curly(';')} to {curly('-exec')}")

        def act(found: Found) -> bool:
            name, folder = found.name, ""
            if in_folder:
                name = f"./{base(found.name)}"
                folder = found.name.rstrip("/").rpartition("/")[0] or (
                    "/" if found.name.startswith("/") else "."
                )
            return self._execute([words[0], *(word.replace("{}", name) for word in words[1:])], folder) == 0

        return act

    def _batch(self, words: list[str]) -> Test:
        names: list[str] = []
        self.batches.append((words, names))

        def act(found: Found) -> bool:
            names.append(found.name)
            return True

        return act

    def _execute(self, argv: Sequence[str], folder: str = "") -> int:
        machine = self.call.machine.subshell()
        machine.guarded = False
        if folder:
            machine.directory = inward(self.call.files.real_path(self.call.path(folder)))
        program = machine.programs(machine, argv[0])
        if program is None:
            self.call.complain(f"{curly(argv[0])}: No such file or directory")
            return 127
        return program(machine, list(argv))

    def finish(self) -> None:
        for words, names in self.batches:
            if names and self._execute([*words, *names]):
                self.status = 1


def _size(text: str) -> Test:
    unit = _UNITS.get(text[-1:], 512)
    return count(text.rstrip("cwbkMG"), lambda found: -(-size_of(found.inode) // unit))


def _quit(_found: Found) -> bool:
    raise _QuitError


def _global_options(search: _Search, words: Sequence[str]) -> None:
    for index, word in enumerate(words):
        if word in ("-maxdepth", "-mindepth"):
            value = words[index + 1] if index + 1 < len(words) else ""
            if not value.isdigit():
                what = f"Expected a positive decimal integer argument to {word}, but got {curly(value)}"
                raise ExpressionError(what if value else f"missing argument to {curly(word)}")
            if word == "-maxdepth":
                search.most = int(value)
            else:
                search.least = int(value)
        elif word in ("-depth", "-d", "-delete"):
            search.depth_first = True


def _split(call: Call) -> tuple[str, list[str], list[str]]:
    words = list(call.arguments)
    follow = "P"
    while words and words[0] in ("-H", "-L", "-P"):
        follow = words.pop(0)[1]
    if "-follow" in words:
        words.remove("-follow")
        follow = "L"
    end = next(
        (
            index
            for index, word in enumerate(words)
            if (word[:1] == "-" and len(word) > 1) or word in ("!", "(", ")", ",")
        ),
        len(words),
    )
    return follow, words[:end] or ["."], words[end:]


def find(call: Call) -> int:
    """find(1). What it says of times ends the build: a tree keeps none."""
    follow, starts, words = _split(call)
    search = _Search(call, follow)
    parser = Parser(words, search.primary)
    try:
        _global_options(search, words)
        test = parser.parse()
    except ExpressionError as error:
        return call.complain(str(error))
    if not parser.acts:
        test = both_hold(test, search.primary("-print", lambda: ""))
    try:
        for start in starts:
            search.walk(start, test)
    except _QuitError:
        pass
    search.finish()
    return search.status


COMMANDS: Mapping[str, Command] = {"find": find}
"""This family's commands by name."""
