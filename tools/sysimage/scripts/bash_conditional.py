"""Bash's `[[ … ]]`: how it is read. `bash_test` says what it is worth."""

from tools.sysimage.scripts.lexer import Kind, Lexer
from tools.sysimage.scripts.source import ScriptText, fail
from tools.sysimage.scripts.syntax import Conditional, Word
from tools.sysimage.scripts.words import BASE, WordReader

UNARY = frozenset("-" + letter for letter in "abcdefghkprstuwxOGLSNnvz")
BINARY = frozenset(
    ("=", "==", "!=", "=~", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef")
)
RAW = 0x300  # what parentheses and bars of a regular expression are moved up by while it is read


def conditional(lexer: Lexer, line: int) -> Conditional:
    """Reads from after `[[` to `]]`. Raises ShellSyntaxError."""
    node = _or(lexer, line)
    if _next(lexer) != "]]":
        raise fail(lexer.source, '"]]" expected in a conditional expression')
    return node


def _next(lexer: Lexer) -> str | None:
    """Reads a token: the text of a word that is not quoted, an operator's characters, or None."""
    kind = lexer.next(newlines=True)
    if kind is Kind.WORD:
        part = lexer.word[0] if len(lexer.word) == 1 else None
        if isinstance(part, str) and not lexer.quoted and part.isascii():
            return part
        return None
    if kind is Kind.REDIRECT:
        if lexer.redirect.operator not in ("<", ">"):
            raise fail(lexer.source, "redirection unexpected")
        return lexer.redirect.operator
    return str(kind.value).strip('"')


def _or(lexer: Lexer, line: int) -> Conditional:
    return _chain(lexer, line, "||")


def _chain(lexer: Lexer, line: int, operator: str) -> Conditional:
    terms = []
    while True:
        terms.append(_not(lexer, line) if operator == "&&" else _chain(lexer, line, "&&"))
        if _next(lexer) != operator or lexer.kind is Kind.WORD:
            lexer.pushed = True
            break
    return terms[0] if len(terms) == 1 else Conditional(line, operator, (), tuple(terms))


def _not(lexer: Lexer, line: int) -> Conditional:
    token = _next(lexer)
    if token == "!":
        return Conditional(line, "!", (), (_not(lexer, line),))
    if token == "(" and lexer.kind is Kind.LEFT:
        lexer.nesting.enter(lexer.source)
        node = _or(lexer, line)
        lexer.nesting.leave()
        if _next(lexer) != ")":
            raise fail(lexer.source, '")" expected in a conditional expression')
        return node
    if lexer.kind is not Kind.WORD or token == "]]":
        raise fail(lexer.source, f"{lexer.kind.value} unexpected in a conditional expression")
    first = lexer.word
    following = _next(lexer)
    if following in BINARY:
        return Conditional(line, following or "", (first, _right(lexer, following or "")))
    if token in UNARY and lexer.kind is Kind.WORD and following != "]]":
        return Conditional(line, token or "", (lexer.word,))
    lexer.pushed = True
    return Conditional(line, "", (first,))


def _right(lexer: Lexer, operator: str) -> Word:
    if operator == "=~":
        return _expression(lexer)
    if lexer.next() is not Kind.WORD:
        raise fail(lexer.source, f"{lexer.kind.value} unexpected in a conditional expression")
    return lexer.word


def _expression(lexer: Lexer) -> Word:
    """Reads a regular expression, in which parentheses and bars are no operators."""
    source = lexer.source
    while source.text.startswith((" ", "\t"), source.position):
        source.position += 1
    text, depth = [], 0
    while (char := source.get()) and (depth or char not in " \t\n"):
        if char == "\\":
            text += [char, source.get()]
            continue
        if char in "'\"":
            end = source.text.find(char, source.position)
            text += [char, source.text[source.position : end + 1]]
            source.position = end + 1 or len(source.text)
            continue
        depth += (char == "(") - (char == ")")
        text.append(chr(ord(char) + RAW) if char in "()|<>&; " else char)
    source.unget(char)
    if "`" in text or f"${chr(ord('(') + RAW)}" in "".join(text):
        raise fail(source, "a command in a regular expression is not supported")
    return (
        WordReader(
            ScriptText("".join(text), source.line),
            lexer.nesting,
            lambda _old, _double: None,
            syntax=BASE,
            bash=True,
        )
        .read()
        .word
    )
