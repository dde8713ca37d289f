"""The expressions of an awk program."""

import math

from tools.sysimage.commands.awk_tokens import Tokens
from tools.sysimage.commands.awk_tree import AwkError, Node, unescape
from tools.sysimage.commands.awk_words import ARITY, BUILTINS


class Expressions(Tokens):
    """Reads expressions, from the loosest to the tightest."""

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

    def _primary(self) -> Node:
        kind, value = self._kind, self._value
        if kind == "number":
            self._advance()
            if math.isinf(float(value)):
                raise AwkError(f"the number {value} is too large")
            return Node("number", (float(value),))
        if kind == "string":
            self._advance()
            return Node("string", (unescape(value[1:-1]),))
        if kind == "name":
            return self._name(value)
        if self._is("/", "/="):
            return self._regex()
        for token, reader in (("$", self._field), ("(", self._grouping), ("getline", self._getline)):
            if self._take(token):
                return reader()
        raise AwkError(f"syntax error at or near {value or 'end of file'}")

    def _field(self) -> Node:
        return Node("field", (self._postfix_of_field(),))

    def _grouping(self) -> Node:
        parts = self._list(")")
        if len(parts) != 1 and self._take("in"):
            name = self._value
            self._advance()
            return Node("in", (Node("subscript", tuple(parts)), name))
        return Node("grouping", tuple(parts))

    def _getline(self) -> Node:
        target = self._getline_target()
        if self._take("<"):
            return Node("getline", ("<", self._postfix(), target))
        return Node("getline", ("", None, target))

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
                least, most = ARITY.get(name, (0, 1 << 10))
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
