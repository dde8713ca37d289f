"""What awk reads beside its records, and what it writes."""

from tools.sysimage.commands.awk_data import (
    Text,
    as_node,
    decode,
    encode,
    outward,
)
from tools.sysimage.commands.awk_store import Store
from tools.sysimage.scripts.streams import Sink, Source, Stream


class Streams(Store):
    """Files, and commands of the shell."""

    def _getline(self, source: str, operand: object, target: object) -> float:
        if source == "":
            if not self._records and not self._more():
                return 0.0
            self._count()
            line = self._records.pop(0)
        else:
            name = self._text(self._value(operand))
            if name not in self._reading:
                data = self._command(name) if source == "|" else self._file(name)
                if data is None:
                    return -1.0
                self._reading[name] = self._split_records(data)
            if not self._reading[name]:
                return 0.0
            line = self._reading[name].pop(0)
        if target is None:
            self._set_record(line)
        else:
            self._assign(as_node(target), Text(line))
        return 1.0

    def _more(self) -> bool:
        name = self._next_file()
        if name is None:
            return False
        data = self._file(name)
        self._records = self._split_records(data or "")
        self.globals["FILENAME"], self.globals["FNR"] = name, 0.0
        return bool(self._records) or self._more()

    def _file(self, name: str) -> str | None:
        try:
            return decode(self._call.input(outward(name)))
        except OSError:
            return None

    def _command(self, text: str) -> str:
        self._flush_output()
        sink = Sink(self._call.machine.meter)
        self._shell(text, None, sink)
        return decode(sink.getvalue())

    def _shell(self, text: str, stdin: bytes | None, stdout: Stream | None) -> int:
        """Has a shell execute a command. Returns its status."""
        self._acts()
        machine = self._call.machine.subshell()
        if stdin is not None:
            machine.descriptors[0] = Source(stdin)
        if stdout is not None:
            machine.descriptors[1] = stdout
        program = machine.programs(machine, "sh")
        if program is None:
            self._call.refuse("awk: there is no shell for a command")
        return program(machine, ["sh", "-c", outward(text)])

    def _close(self, name: str) -> float:
        piped = self._piped.pop(name, None)
        if piped is not None:
            if self._stdout:
                self._call.refuse(f"awk: the order of what awk and {name!r} write is not modelled")
            return float(self._shell(name, bytes(piped), None))
        known = name in self._reading or name in self._written
        self._reading.pop(name, None)
        self._written.pop(name, None)
        return 0.0 if known else -1.0

    def _out(self, operator: str, name: str, text: str) -> None:
        data = encode(text)
        if operator == "|":
            if name not in self._piped:
                self._flush_output()
                self._piped[name] = bytearray()
            self._piped[name] += data
        elif not operator or name in ("/dev/stdout", "-"):
            self._stdout += data
        elif name == "/dev/stderr":
            self._acts()
            self._call.machine.stream(2).write(data)
        elif name != "/dev/null":
            self._acts()
            if name not in self._written:
                old = self._file(name) if operator == ">>" else None
                self._written[name] = bytearray(encode(old or ""))
            self._written[name] += data
            path = self._call.path(outward(name))
            self._call.files.write(path, bytes(self._written[name]), self._call.umask(0o666))

    def _flush_output(self) -> None:
        if self._stdout:
            self._acts()
            self._call.out(bytes(self._stdout))
            self._stdout.clear()

    def finish(self) -> None:
        """Writes what is held back, as at the end of a program that fails."""
        self._flush()

    def _flush(self) -> None:
        self._flush_output()
        self._written.clear()
