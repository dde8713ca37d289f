"""The language of awk(1) (POSIX, as mawk reads it): from a program's text to its tree."""

import re

from tools.sysimage.commands.awk_expressions import Expressions
from tools.sysimage.commands.awk_tree import AwkError, Function, Node, Program, Rule


def parse(text: str) -> Program:
    """Reads a program. Raises AwkError."""
    return _Parser(text).program()


class _Parser(Expressions):
    """Reads rules and statements."""

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
