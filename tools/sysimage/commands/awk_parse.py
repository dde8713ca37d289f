"""The language of awk(1) (POSIX, as mawk reads it): from a program's text to its tree."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_KEYWORDS = frozenset(
    [
        "BEGIN",
        "END",
        "function",
        "func",
        "if",
        "else",
        "while",
        "for",
        "do",
        "break",
        "continue",
        "next",
        "nextfile",
        "exit",
        "return",
        "delete",
        "in",
        "getline",
        "print",
        "printf",
    ]
)
BUILTINS = frozenset(
    [
        "length",
        "substr",
        "index",
        "split",
        "sub",
        "gsub",
        "match",
        "sprintf",
        "sin",
        "cos",
        "atan2",
        "exp",
        "log",
        "sqrt",
        "int",
        "rand",
        "srand",
        "tolower",
        "toupper",
        "system",
        "close",
        "fflush",
        "srand",
        "rand",
        "systime",
        "strftime",
        "mktime",
    ]
)
_ARITY = {
    "length": (0, 1),
    "substr": (2, 3),
    "index": (2, 2),
    "split": (2, 3),
    "sub": (2, 3),
    "gsub": (2, 3),
    "match": (2, 2),
    "sprintf": (1, 1 << 10),
    "tolower": (1, 1),
    "toupper": (1, 1),
    "int": (1, 1),
    "close": (1, 1),
    "system": (1, 1),
    "atan2": (2, 2),
    **dict.fromkeys(("sin", "cos", "exp", "log", "sqrt"), (1, 1)),
}
_TOKEN = re.compile(
    r"""(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<string>"(?:[^"\\\n]|\\[\s\S])*")
    |(?P<operator>\*\*=|\*\*|\+\+|--|\+=|-=|\*=|/=|%=|\^=|==|<=|>=|!=|!~|&&|\|\||>>|[-+*/%^!<>|?:~$=,;(){}\[\]])""",
    re.VERBOSE,
)
_BLANK = re.compile(r"(?:[ \t\r]|\\\r?\n)*(?:#[^\n]*)?")
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "\\": "\\",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}


class AwkError(Exception):
    """A program that awk refuses."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a program: what it is, and its parts (nodes, texts, None for what is left out)."""

    kind: str
    parts: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern with its action; None for none. `kind` is "BEGIN", "END", "pattern" or "range"."""

    kind: str
    patterns: tuple[Node, ...]
    action: Node | None


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the program."""

    name: str
    parameters: tuple[str, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Program:
    """Rules in their order, functions by name."""

    rules: Sequence[Rule]
    functions: dict[str, Function]


def byte(value: int) -> str:
    """Returns the character that stands for a byte; beyond ASCII, none is a letter."""
    value &= 0xFF
    return chr(value if value < 0x80 else 0xE000 + value)


def unescape(text: str) -> str:
    """Reads the escapes of a string."""

    def value(match: re.Match[str]) -> str:
        body = match[1]
        if body[0] in "01234567":
            return byte(int(body, 8))
        if body[0] == "x":
            return byte(int(body[1:], 16))
        return _ESCAPES.get(body, "" if body == "\n" else f"\\{body}")

    return re.sub(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|[\s\S])", value, text)


def parse(text: str) -> Program:
    """Reads a program. Raises AwkError."""
    return _Parser(text).program()


class _Parser:
    """A token is (kind, text); kinds are those of _TOKEN, "newline", "regex" and "end"."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._last = ("newline", "\n")
        self._kind, self._value = "", ""
        self._no_greater = False
        self._in_begin = False  # or in END, where there is no record to go on from
        self.functions: dict[str, Function] = {}
        self._advance()

    # Tokens.

    def _advance(self) -> None:
        self._last = (self._kind, self._value)
        text = self._text
        blank = _BLANK.match(text, self._at)
        self._at = blank.end() if blank else self._at
        if self._at >= len(text):
            self._kind, self._value = "end", ""
        elif text[self._at] == "\n":
            self._at += 1
            self._kind, self._value = "newline", "\n"
        elif text[self._at] == "&" and not text.startswith("&&", self._at):
            raise AwkError("syntax error at &")
        else:
            match = _TOKEN.match(text, self._at)
            if match is None or match.lastgroup is None:
                raise AwkError(f"syntax error at {text[self._at : self._at + 10]!r}")
            self._at = match.end()
            self._kind, self._value = match.lastgroup, match[0]
            if self._kind == "name" and self._value in _KEYWORDS:
                self._kind = "keyword"

    def _is(self, *values: str) -> bool:
        return self._kind in ("operator", "keyword", "newline") and self._value in values

    def _take(self, *values: str) -> bool:
        if not self._is(*values):
            return False
        self._advance()
        return True

    def _expect(self, value: str) -> None:
        if not self._take(value):
            raise AwkError(f"syntax error at or near {self._value or 'end of file'}")

    def _newlines(self) -> None:
        while self._is("\n"):
            self._advance()

    def _ends(self) -> None:
        while self._is("\n", ";"):
            self._advance()

    def _regex(self) -> Node:
        """The token is "/" or "/=": reads on to the end of the expression."""
        start = self._at - len(self._value) + 1
        at, bracket = start, False
        while True:
            char = self._text[at : at + 1]
            if char in ("", "\n"):
                raise AwkError("runaway regular expression")
            if char == "\\":
                at += 2
                continue
            if char == "[" and not bracket:
                bracket = True
                # A bracket that comes first is one of the set.
                skip = re.compile(r"\^?\]?").match(self._text, at + 1)
                at = skip.end() if skip else at + 1
                continue
            if char == "]":
                bracket = False
            elif char == "/" and not bracket:
                break
            at += 1
        text = self._text[start:at].replace("\\/", "/")
        self._at = at + 1
        self._advance()
        return Node("regex", (text,))

    # Rules.

    def program(self) -> Program:
        rules: list[Rule] = []
        self._ends()
        while self._kind != "end":
            if self._is("function", "func"):
                self._function()
            else:
                rules.append(self._rule())
            self._ends()
        return Program(rules, self.functions)

    def _function(self) -> None:
        self._advance()
        name = self._value
        self._advance()
        self._expect("(")
        parameters = []
        while not self._take(")"):
            parameters.append(self._value)
            self._advance()
            self._take(",")
            self._newlines()
        self._newlines()
        self.functions[name] = Function(name, tuple(parameters), self._block())

    def _rule(self) -> Rule:
        if self._is("BEGIN", "END"):
            kind = self._value
            self._advance()
            self._newlines()
            self._in_begin = True
            block = self._block()
            self._in_begin = False
            return Rule(kind, (), block)
        patterns: list[Node] = []
        if not self._is("{"):
            patterns.append(self._expression())
            if self._take(","):
                self._newlines()
                patterns.append(self._expression())
        action = self._block() if self._is("{") else None
        return Rule("range" if len(patterns) == 2 else "pattern", tuple(patterns), action)

    def _block(self) -> Node:
        self._expect("{")
        self._ends()
        statements = []
        while not self._is("}"):
            statements.append(self._statement())
            self._ends()
        self._advance()
        return Node("block", tuple(statements))

    # Statements.

    def _statement(self) -> Node:
        if self._is("{"):
            return self._block()
        for keyword, reader in (
            ("if", self._if),
            ("while", self._while),
            ("do", self._do),
            ("for", self._for),
        ):
            if self._take(keyword):
                return reader()
        if self._take(";"):
            return Node("block")
        statement = self._simple()
        if not self._is("}") and self._kind != "end":
            if not self._is(";", "\n"):
                raise AwkError(f"syntax error at or near {self._value}")
            self._advance()
        return statement

    def _body(self) -> Node:
        self._newlines()
        return self._statement()

    def _if(self) -> Node:
        condition = self._parenthesized()
        body = self._body()
        place = (self._at, self._kind, self._value, self._last)
        self._ends()
        if self._take("else"):
            return Node("if", (condition, body, self._body()))
        self._at, self._kind, self._value, self._last = place
        return Node("if", (condition, body, None))

    def _while(self) -> Node:
        condition = self._parenthesized()
        if self._take(";"):
            return Node("while", (condition, Node("block")))
        return Node("while", (condition, self._body()))

    def _do(self) -> Node:
        body = self._body()
        self._ends()
        self._expect("while")
        return Node("do", (body, self._parenthesized()))

    def _parenthesized(self) -> Node:
        self._expect("(")
        node = self._expression()
        self._expect(")")
        return node

    def _for(self) -> Node:
        self._expect("(")
        found = re.compile(r"\s*([A-Za-z_]\w*)\s+in\s+([A-Za-z_]\w*)\s*\)").match(
            self._text, self._at - len(self._value)
        )
        if found and self._kind == "name":
            self._at = found.end()
            self._advance()
            return Node("for in", (found[1], found[2], self._body()))
        first = None if self._is(";") else self._simple()
        self._expect(";")
        self._newlines()
        condition = None if self._is(";") else self._expression()
        self._expect(";")
        self._newlines()
        step = None if self._is(")") else self._simple()
        self._expect(")")
        if self._take(";"):
            return Node("for", (first, condition, step, Node("block")))
        return Node("for", (first, condition, step, self._body()))

    def _simple(self) -> Node:
        if self._is("print", "printf"):
            return self._print()
        if self._is("next", "nextfile"):
            kind = self._value
            if self._in_begin:
                raise AwkError(f"improper use of {kind}")
            self._advance()
            return Node(kind)
        if self._take("break"):
            return Node("break")
        if self._take("continue"):
            return Node("continue")
        if self._is("exit", "return"):
            kind = self._value
            self._advance()
            value = None if self._is(";", "}", "\n") or self._kind == "end" else self._expression()
            return Node(kind, (value,))
        if self._take("delete"):
            name = self._value
            self._advance()
            return Node("delete", (name, self._subscript() if self._is("[") else None))
        return Node("expression", (self._expression(),))

    def _print(self) -> Node:
        kind = self._value
        self._advance()
        arguments: list[Node] = []
        self._no_greater = True
        if not (self._is(";", "}", "\n", ">", ">>", "|") or self._kind == "end"):
            arguments = self._print_arguments()
        self._no_greater = False
        target = None
        operator = ""
        if self._is(">", ">>", "|"):
            operator = self._value
            self._advance()
            target = self._concatenation()
        return Node(kind, (tuple(arguments), operator, target))

    def _print_arguments(self) -> list[Node]:
        arguments = [self._expression()]
        while self._take(","):
            self._newlines()
            arguments.append(self._expression())
        if len(arguments) == 1 and arguments[0].kind == "grouping":
            return [part for part in arguments[0].parts if isinstance(part, Node)]
        return arguments

    # Expressions, from the loosest to the tightest.

    def _expression(self) -> Node:
        return self._ternary()

    def _ternary(self) -> Node:
        condition = self._or()
        if self._take("?"):
            self._newlines()
            yes = self._ternary()
            self._newlines()
            self._expect(":")
            self._newlines()
            return Node("?:", (condition, yes, self._ternary()))
        if self._is("=", "+=", "-=", "*=", "/=", "%=", "^=", "**=") and condition.kind in (
            "name",
            "index",
            "field",
        ):
            operator = self._value.replace("**", "^")
            self._advance()
            self._newlines()
            return Node("assign", (condition, operator, self._ternary()))
        return condition

    def _or(self) -> Node:
        node = self._and()
        while self._take("||"):
            self._newlines()
            node = Node("||", (node, self._and()))
        return node

    def _and(self) -> Node:
        node = self._in()
        while self._take("&&"):
            self._newlines()
            node = Node("&&", (node, self._in()))
        return node

    def _in(self) -> Node:
        node = self._match()
        while self._is("in"):
            self._advance()
            name = self._value
            self._advance()
            node = Node("in", (node, name))
        return node

    def _match(self) -> Node:
        node = self._comparison()
        while self._is("~", "!~"):
            operator = self._value
            self._advance()
            node = Node(operator, (node, self._comparison()))
        return node

    def _comparison(self) -> Node:
        node = self._concatenation()
        operators = ("<", "<=", "==", "!=", ">=") if self._no_greater else ("<", "<=", "==", "!=", ">", ">=")
        while self._is(*operators):
            operator = self._value
            self._advance()
            node = Node("compare", (operator, node, self._concatenation()))
        if self._is("|") and self._text[self._at :].lstrip(" \t").startswith("getline"):
            self._advance()
            self._advance()
            return Node("getline", ("|", node, self._getline_target()))
        return node

    def _concatenation(self) -> Node:
        node = self._additive()
        while self._starts_operand():
            node = Node("concat", (node, self._additive()))
        return node

    def _starts_operand(self) -> bool:
        if self._kind in ("number", "string", "name"):
            return True
        return self._is("$", "(", "++", "--", "!")

    def _additive(self) -> Node:
        node = self._multiplicative()
        while self._is("+", "-"):
            operator = self._value
            self._advance()
            node = Node("arithmetic", (operator, node, self._multiplicative()))
        return node

    def _multiplicative(self) -> Node:
        node = self._unary()
        while self._is("*", "/", "%"):
            operator = self._value
            self._advance()
            node = Node("arithmetic", (operator, node, self._unary()))
        return node

    def _unary(self) -> Node:
        if self._is("!", "-", "+"):
            operator = self._value
            self._advance()
            return Node("unary", (operator, self._unary()))
        return self._power()

    def _power(self) -> Node:
        node = self._postfix()
        if self._is("^", "**"):
            self._advance()
            return Node("arithmetic", ("^", node, self._unary()))
        return node

    def _postfix(self) -> Node:
        if self._is("++", "--"):
            operator = self._value
            self._advance()
            operand = self._postfix()
            if operand.kind not in ("name", "index", "field"):
                raise AwkError(f"syntax error at or near {operator}")
            return Node("before", (operator, operand))
        node = self._primary()
        if node.kind in ("name", "index", "field") and self._is("++", "--"):
            operator = self._value
            self._advance()
            return Node("after", (operator, node))
        return node

    def _subscript(self) -> Node:
        self._expect("[")
        parts = self._list("]")
        return Node("subscript", tuple(parts))

    def _list(self, end: str) -> list[Node]:
        # Within brackets, `>` and `in` mean what they always do.
        outer, self._no_greater = self._no_greater, False
        parts: list[Node] = []
        self._newlines()
        while not self._is(end):
            parts.append(self._expression())
            self._newlines()
            if not self._take(","):
                break
            self._newlines()
        self._no_greater = outer
        self._expect(end)
        return parts

    def _primary(self) -> Node:  # noqa: PLR0911
        kind, value = self._kind, self._value
        if kind == "number":
            self._advance()
            return Node("number", (float(value),))
        if kind == "string":
            self._advance()
            return Node("string", (unescape(value[1:-1]),))
        if self._is("/", "/="):
            return self._regex()
        if self._take("$"):
            return Node("field", (self._postfix_of_field(),))
        if self._take("("):
            parts = self._list(")")
            if len(parts) == 1:
                return Node("grouping", tuple(parts))
            if self._take("in"):
                name = self._value
                self._advance()
                return Node("in", (Node("subscript", tuple(parts)), name))
            return Node("grouping", tuple(parts))
        if self._take("getline"):
            target = self._getline_target()
            if self._take("<"):
                return Node("getline", ("<", self._postfix(), target))
            return Node("getline", ("", None, target))
        if kind == "name":
            return self._name(value)
        raise AwkError(f"syntax error at or near {value or 'end of file'}")

    def _postfix_of_field(self) -> Node:
        if self._is("++", "--"):
            return self._postfix()
        if self._take("-"):
            return Node("unary", ("-", self._primary()))
        return self._primary()

    def _getline_target(self) -> Node | None:
        if self._kind == "name" or self._is("$"):
            return self._primary()
        return None

    def _name(self, name: str) -> Node:
        follows = self._text[self._at : self._at + 1]
        self._advance()
        if name in BUILTINS:
            if self._take("("):
                arguments = self._list(")")
                least, most = _ARITY.get(name, (0, 1 << 10))
                if not least <= len(arguments) <= most:
                    raise AwkError(f"wrong number of arguments in call to {name}")
                return Node("call", (name, *arguments))
            if name != "length":
                raise AwkError(f"syntax error at or near {name}")
            return Node("call", (name,))
        if follows == "(" and self._take("("):
            return Node("user call", (name, *self._list(")")))
        if self._is("["):
            return Node("index", (name, self._subscript()))
        return Node("name", (name,))
