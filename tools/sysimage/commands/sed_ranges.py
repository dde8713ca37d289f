"""Which lines a command of sed is for."""

from tools.sysimage.commands.regex import Pattern
from tools.sysimage.commands.sed_stream import Stream
from tools.sysimage.commands.sed_tree import Address, Command


class Selection(Stream):
    """Looks at addresses and ranges."""

    def _selected(self, command: Command) -> bool:
        first, second = command.first, command.second
        if first is None:
            return True
        if second is None:
            return self._at(first)
        if command.active:
            return self._within(command, second)
        if not self._begins(command, first, second):
            return False
        command.active = True
        if second.kind == "line":
            command.active = second.number > self._number
        elif second.kind == "plus":
            command.until = self._number + second.number
            command.active = second.number > 0
        elif second.kind == "multiple":
            step = second.number
            command.until = (self._number // step + 1) * step if step else self._number
            command.active = command.until > self._number
        elif second.kind == "last":
            command.active = not self._is_last()
        return True

    def _begins(self, command: Command, first: Address, second: Address) -> bool:
        if first.kind != "line":
            return self._at(first)
        # It begins once, on this line or, where that was passed over, on a later one.
        if command.closed or self._number < first.number or not first.number:
            return False
        command.closed = True
        return self._number == first.number or second.kind != "line" or self._number <= second.number

    def _within(self, command: Command, second: Address) -> bool:
        if second.kind == "line":
            if self._number > second.number:
                command.active = False
                # The range ended before this line, which begins no other.
                return False
            command.active = self._number < second.number
        elif second.kind in ("plus", "multiple"):
            command.active = self._number < command.until
        elif self._at(second):
            command.active = False
        return True

    def _at(self, address: Address) -> bool:
        if address.kind == "line":
            return self._number == address.number
        if address.kind == "last":
            return self._is_last()
        if address.kind == "step":
            if not address.step:
                return self._number == address.number
            return self._number >= address.number and (self._number - address.number) % address.step == 0
        return self._regex(address.pattern).matches(self._space)

    def _regex(self, pattern: Pattern | None) -> Pattern:
        if pattern is None:
            pattern = self._last
        if pattern is None:
            self._call.refuse("sed: no previous regular expression")
        self._last = pattern
        return pattern
