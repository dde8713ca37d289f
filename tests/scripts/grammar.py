"""Makes shell scripts: words, redirections, commands and lists, from a source of choices.

What a real shell does at the same time in several processes is left out where its order shows. What is
written to is never the result of an expansion: the judge is a real shell, and its user's files are real.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

type Choose = Callable[[int], int]  # from 0 to a number, without it

_TABLES: dict[str, list[str]] = json.loads(Path(__file__).with_name("vocabulary.json").read_text("utf-8"))


class Grammar:
    """Makes one script."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._loops = 0
        self._documents: list[str] = []
        self._callable: tuple[str, ...] = ("f", "g")
        self._pure = 0  # within a pipeline: no files, no shared input

    def script(self) -> str:
        lines = [self._line(0) for _ in range(1 + self._choose(5))]
        return "\n".join(lines) + "\n"

    def _pick(self, values: Sequence[str]) -> str:
        return values[self._choose(len(values))]

    def _line(self, depth: int) -> str:
        text = self._list(depth)
        documents, self._documents = self._documents, []
        return text + "".join(documents)

    def _body(self, depth: int) -> str:
        """Commands within a compound command, as one line or several."""
        if self._choose(3):
            return f" {self._list(depth)}; "
        return "\n" + "\n".join(self._line(depth) for _ in range(1 + self._choose(2))) + "\n"

    def _list(self, depth: int) -> str:
        items = [self._and_or(depth) for _ in range(1 + (0, 0, 0, 1, 2)[self._choose(5)])]
        return "; ".join(items)

    def _and_or(self, depth: int) -> str:
        text = self._pipeline(depth)
        while not self._choose(6):
            text += (" && ", " || ")[self._choose(2)] + self._pipeline(depth)
        return text

    def _pipeline(self, depth: int) -> str:
        text = "! " if not self._choose(9) else ""
        if self._choose(7) or depth > 2:
            return text + self._command(depth)
        self._pure += 1
        stages = [self._command(depth + 1) for _ in range(2)]
        self._pure -= 1
        return text + " | ".join(
            [
                stages[0],
                (stages[1], "cat", 'while read -r x; do args "$x"; done', "{ read x y; echo $y $x; }")[
                    self._choose(4)
                ],
            ]
        )

    def _command(self, depth: int) -> str:
        if depth > 2 or self._choose(4) < 3:
            return self._simple(depth)
        makers = (self._if, self._for, self._while, self._case, self._group, self._subshell, self._function)
        text = makers[self._choose(len(makers))](depth + 1)
        return text + (self._redirect() if not self._choose(5) else "")

    def _if(self, depth: int) -> str:
        text = f"if{self._body(depth)}then{self._body(depth)}"
        if not self._choose(3):
            text += f"elif{self._body(depth)}then{self._body(depth)}"
        if self._choose(2):
            text += f"else{self._body(depth)}"
        return text + "fi"

    def _for(self, depth: int) -> str:
        words = " ".join(self._word(depth) for _ in range(self._choose(3)))
        head = (f"for i in {words}; do", "for i do", "for x; do", f"for y in {words}\ndo")[self._choose(4)]
        return head + self._body(depth) + "done"

    def _while(self, depth: int) -> str:
        self._loops += 1
        counter = f"n{self._loops}"
        kind = ("while [ ", "until ! [ ")[self._choose(2)]
        return f"{counter}=; {kind}x${counter} != xaaa ]; do {counter}=a${counter};{self._body(depth)}done"

    def _case(self, depth: int) -> str:
        branches = []
        for _ in range(1 + self._choose(3)):
            pattern = "|".join(self._pattern() for _ in range(1 + self._choose(2)))
            branches.append(f"{('', '(')[self._choose(2)]}{pattern}){self._body(depth)};;")
        return f"case {self._word(depth)} in {' '.join(branches)} esac"

    def _group(self, depth: int) -> str:
        return f"{{{self._body(depth)}}}"

    def _subshell(self, depth: int) -> str:
        return f"({self._body(depth)})"

    def _function(self, depth: int) -> str:
        name = ("f", "g")[self._choose(2)]
        local = ("", "local x; ", "local x=1 y; ", "local IFS=:; ", "local -; ")[self._choose(5)]
        # Only f may call g, so that nothing recurs.
        outer, self._callable = self._callable, ("g",) if name == "f" else ()
        body = self._body(depth)
        self._callable = outer
        return f"{name}() {{ {local}{body}}}"

    def _pattern(self) -> str:
        return self._pick(_TABLES["patterns"]) + (
            self._pick(_TABLES["patterns"]) if not self._choose(4) else ""
        )

    def _words(self, depth: int, most: int = 3) -> str:
        return " ".join(self._word(depth) for _ in range(self._choose(most + 1)))

    def _word(self, depth: int) -> str:
        text = self._part(depth)
        while not self._choose(3):
            text += self._part(depth)
        return text

    def _part(self, depth: int) -> str:
        match self._choose(10):
            case 0 | 1:
                return self._pick(_TABLES["literals"])
            case 2:
                return self._pick(_TABLES["quoted"])
            case 3:
                return self._pick(_TABLES["parameters"])
            case 4:
                return f'"{self._pick(_TABLES["parameters"])}"'
            case 5:
                return self._braces(depth)
            case 6:
                return f'"{self._braces(depth)}{self._pick(("", "a", " ", "$x"))}"'
            case 7 if depth < 3:
                return self._substitution(depth)
            case 8:
                return f"$(({self._arithmetic(0)}))"
            case _:
                return self._pick(_TABLES["values"])

    def _braces(self, depth: int) -> str:
        name = self._pick((*_TABLES["names"], "1", "2", "*", "@", "nope", "x", "y"))
        operator = self._pick(_TABLES["operators"])
        if operator[0] in "#%":
            return f"${{{name}{operator}{self._pattern()}}}"
        if operator in ("=", ":=") and name in ("IFS", "1", "2", "*", "@"):
            operator = "-"
        word = self._word(depth + 1) if depth < 3 else "w"
        words = ("", word, word, f"{word} {self._pick(_TABLES['literals'])}")
        return f"${{{name}{operator}{words[self._choose(4)]}}}"

    def _substitution(self, depth: int) -> str:
        self._pure += 1
        inner = self._list(depth + 2)
        self._pure -= 1
        if self._choose(4) == 0 and not any(char in inner for char in "\\`\"$'"):
            return f"`{inner}`"
        return (f"$( {inner} )", f'"$( {inner} )"')[self._choose(2)]

    def _arithmetic(self, depth: int) -> str:
        if depth > 1 or self._choose(2):
            return self._pick(("", "-", "!", "~", "+", "- ")) + self._pick(_TABLES["numbers"])
        if not self._choose(5):
            parts = [self._arithmetic(depth + 1) for _ in range(3)]
            return f"{parts[0]} ? {parts[1]} : {parts[2]}"
        text = self._arithmetic(depth + 1) + self._pick(_TABLES["binary"]) + self._arithmetic(depth + 1)
        return f"({text})" if not self._choose(3) else text

    def _redirect(self) -> str:
        if self._pure:
            return self._pick((" >/dev/null", " 3>/dev/null", " 2>/dev/null", " </dev/null", " 3>&1", " >&2"))
        choice = self._choose(14)
        if choice >= 12:
            return self._here_document()
        return (
            " >f",
            " >>f",
            " <f",
            " 2>/dev/null",
            " >&2",
            " >>g",
            " >|f",
            " <>f",
            " 3>f",
            " >&3",
            " </dev/null",
            " <missing",
        )[choice]

    def _here_document(self) -> str:
        quoted = self._choose(3) == 0
        lines = [self._pick(_TABLES["documents"]) for _ in range(self._choose(3))]
        body = "".join(line + "\n" for line in lines)
        self._documents.append(f"\n{body}E")
        return f" {('<<', '<<-')[self._choose(2)]}{'\\' if quoted else ''}E"

    def _simple(self, depth: int) -> str:
        makers = (
            self._echo,
            self._echo,
            self._args,
            self._assign,
            self._assign,
            self._builtin,
            self._test,
            self._call,
            self._set,
            self._read,
            self._flow,
        )
        text = makers[self._choose(len(makers))](depth)
        if not self._choose(8):
            text = f"{self._pick(_TABLES['names'])}={self._value()} {text}"
        return text + (self._redirect() if not self._choose(6) else "")

    def _value(self) -> str:
        return self._pick(_TABLES["values"])

    def _echo(self, depth: int) -> str:
        return f"echo {self._words(depth)}"

    def _args(self, depth: int) -> str:
        return f"args {self._words(depth)}"

    def _assign(self, depth: int) -> str:
        name = self._pick(_TABLES["names"])
        if name == "IFS":
            return f"IFS={self._pick(_TABLES['separators'])}"
        return f"{name}={self._word(depth) if self._choose(2) else self._value()}"

    def _builtin(self, depth: int) -> str:
        match self._choose(12):
            case 0:
                return f"printf {self._pick(_TABLES['formats'])} {self._words(depth)}"
            case 1:
                return f"eval {self._word(depth)} {self._pick(_TABLES['values'])}"
            case 2:
                return f"unset {self._pick(_TABLES['names'])}"
            case 3:
                return f"export {self._pick(_TABLES['names'])}={self._value()}"
            case 4:
                return f"trap {self._pick(("'echo t $?'", "''", '-', "'echo t; exit 3'", "'false'"))} EXIT"
            case 5:
                return self._pick(_TABLES["commands"])
            case 6:
                return f"readonly r{self._choose(3)}={self._value()}"
            case 7:
                return f"case {self._word(depth)} in {self._pattern()}) echo m;; esac"
            case 8:
                letters = self._pick(("ab:", ":ab:", "a"))
                words = self._pick(("-a -b c", "-ab", "-x", "-b", "-- -a", "c -a"))
                return f"while getopts {letters} x {words}; do echo $x $OPTARG; done; OPTIND=1"
            case 9:
                return f": {self._word(depth)}"
            case 10:
                return f"local q={self._word(depth)}"
            case _:
                return self._pick(("true", "false", ":", "nosuch", "(exit 3)", "echo $?"))

    def _test(self, depth: int) -> str:
        match self._choose(4):
            case 0:
                return f"[ {self._pick(_TABLES['tests'])} {self._word(depth)} ]"
            case 1:
                return f"[ {self._word(depth)} {self._pick(_TABLES['compares'])} {self._word(depth)} ]"
            case 2:
                return f"test {self._words(depth, 4)}"
            case _:
                return (
                    f'[ {self._pick(_TABLES["tests"])} "$x" {self._pick(("-a", "-o"))} {self._word(depth)} ]'
                )

    def _call(self, depth: int) -> str:
        return f"{self._pick(self._callable) if self._callable else 'echo'} {self._words(depth, 2)}"

    def _set(self, _depth: int) -> str:
        return f"set {self._pick(_TABLES['settings'])}"

    def _read(self, _depth: int) -> str:
        if self._pure:
            return "echo a b"
        return f"read {self._pick(('', '-r '))}{self._pick(('x', 'x y', 'x y z', 'IFS'))}"

    def _flow(self, _depth: int) -> str:
        return self._pick(_TABLES["flow"])
