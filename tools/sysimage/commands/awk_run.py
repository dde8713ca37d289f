"""awk(1) (POSIX, as mawk does it): what a program does with records."""

from collections.abc import Callable, Mapping, Sequence

from tools.sysimage.commands.awk_calculation import BreakError, ContinueError, ReturnError
from tools.sysimage.commands.awk_data import (
    ExitError,
    JumpError,
    Text,
    as_node,
    decode,
    inward,
    outward,
)
from tools.sysimage.commands.awk_orders import Orders
from tools.sysimage.commands.awk_parse import parse
from tools.sysimage.commands.awk_tree import AwkError, Rule, unescape
from tools.sysimage.commands.call import Call, Command
from tools.sysimage.commands.regex import PatternError, UnmodelledPatternError


class _NextError(JumpError):
    pass


class _NextFileError(JumpError):
    pass


def awk(call: Call) -> int:
    """awk(1): mawk, gawk and original-awk, as far as POSIX says."""
    given = call.options("-F --field-separator=", "-v --assign=", "-f --file=", permute=False)
    operands = [inward(word) for word in given.operands]
    try:
        if "file" in given:
            text = "\n".join(decode(call.input(name)) for name in given.values("file"))
        elif operands:
            text = operands.pop(0)
        else:
            call.complain("usage: mawk [Options] [Program] [file ...]")
            return 0
        program = parse(text)
    except (AwkError, OSError) as error:
        call.complain(str(error))
        return 2
    machine = _Machine(call, program, operands)
    if "field-separator" in given:
        machine.globals["FS"] = unescape(inward(given.value("field-separator")))
    for assignment in given.values("assign"):
        name, _, value = assignment.partition("=")
        machine.globals[name] = Text(unescape(inward(value)))
    try:
        return machine.run()
    except (AwkError, PatternError) as error:
        machine.finish()
        call.complain(outward(str(error)))
        return 2
    except UnmodelledPatternError as error:
        call.refuse(f"awk: the pattern {str(error)!r} is not modelled")


class _Machine(Orders):
    # Running.

    def run(self) -> int:
        rules = self._program.rules
        try:
            for rule in rules:
                if rule.kind == "BEGIN" and rule.action:
                    self._execute(rule.action)
            if any(rule.kind != "BEGIN" for rule in rules):
                while self._next_record():
                    self._apply(rules)
            self._end()
        except ExitError:
            self._end(only_once=True)
        for name in list(self._piped):
            self._close(name)
        self._flush()
        return self._status

    def _end(self, *, only_once: bool = False) -> None:
        try:
            for rule in self._program.rules:
                if rule.kind == "END" and rule.action:
                    self._execute(rule.action)
        except ExitError:
            if not only_once:
                return

    def _apply(self, rules: Sequence[Rule]) -> None:
        try:
            for number, rule in enumerate(rules):
                if rule.kind in ("BEGIN", "END") or not self._selected(number, rule):
                    continue
                if rule.action is None:
                    self._out("", "", self._record + self._text(self.globals["ORS"]))
                else:
                    self._execute(rule.action)
        except _NextError:
            return
        except _NextFileError:
            self._records = []

    def _selected(self, number: int, rule: Rule) -> bool:
        if not rule.patterns:
            return True
        if rule.kind == "pattern":
            return self._true(self._value(rule.patterns[0]))
        if number not in self._active:
            if not self._true(self._value(rule.patterns[0])):
                return False
            self._active.add(number)
        if self._true(self._value(rule.patterns[1])):
            self._active.discard(number)
        return True

    # Records and fields.

    # Variables.

    # Values.

    # Functions.

    # Input and output.

    # Statements.

    def _execute(self, part: object) -> None:
        node = as_node(part)
        self._meter.work(6)
        _STATEMENTS[node.kind](self, *node.parts)

    def _block(self, *statements: object) -> None:
        for statement in statements:
            self._execute(statement)

    def _if(self, condition: object, yes: object, no: object) -> None:
        if self._true(self._value(condition)):
            self._execute(yes)
        elif no is not None:
            self._execute(no)

    def _loop(self, condition: object, step: object, body: object) -> None:
        while condition is None or self._true(self._value(condition)):
            try:
                self._execute(body)
            except BreakError:
                return
            except ContinueError:
                pass
            if step is not None:
                self._execute(step)

    def _while(self, condition: object, body: object) -> None:
        self._loop(condition, None, body)

    def _do(self, body: object, condition: object) -> None:
        try:
            self._execute(body)
        except BreakError:
            return
        except ContinueError:
            pass
        self._loop(condition, None, body)

    def _for(self, first: object, condition: object, step: object, body: object) -> None:
        if first is not None:
            self._execute(first)
        self._loop(condition, step, body)

    def _print(self, arguments: Sequence[object], operator: str, target: object) -> None:
        values = [self._value(argument) for argument in arguments]
        text = self._text(self.globals["OFS"]).join(self._text(value, "OFMT") for value in values)
        if not arguments:
            text = self._record
        name = self._text(self._value(target)) if target is not None else ""
        self._out(operator, name, text + self._text(self.globals["ORS"]))

    def _printf(self, arguments: Sequence[object], operator: str, target: object) -> None:
        values = [self._value(argument) for argument in arguments]
        name = self._text(self._value(target)) if target is not None else ""
        self._out(operator, name, self._format(self._text(values[0]), values[1:]))

    def _delete(self, name: str, subscript: object) -> None:
        array = self._array(name)
        if subscript is None:
            array.clear()
        else:
            array.pop(self._key(subscript), None)

    def _exit(self, value: object) -> None:
        if value is not None:
            self._status = self._whole(self._value(value)) & 0xFF
        raise ExitError

    def _return(self, value: object) -> None:
        result = self._value(value) if value is not None else None
        raise ReturnError("" if result is None else result)


def _raise(error: type[Exception]) -> Callable[..., None]:
    def run(_machine: _Machine) -> None:
        raise error

    return run


def _evaluate(machine: _Machine, expression: object) -> None:
    machine._value(expression)


_STATEMENTS: dict[str, Callable[..., None]] = {
    "block": _Machine._block,
    "break": _raise(BreakError),
    "continue": _raise(ContinueError),
    "delete": _Machine._delete,
    "do": _Machine._do,
    "exit": _Machine._exit,
    "expression": _evaluate,
    "for": _Machine._for,
    "for in": _Machine._for_in,
    "if": _Machine._if,
    "next": _raise(_NextError),
    "nextfile": _raise(_NextFileError),
    "print": _Machine._print,
    "printf": _Machine._printf,
    "return": _Machine._return,
    "while": _Machine._while,
}
COMMANDS: Mapping[str, Command] = {"awk": awk, "gawk": awk, "mawk": awk, "nawk": awk}
"""This family's commands by name."""
