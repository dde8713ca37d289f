"""Boots a system image in a virtual machine, and tells what is wrong with the boot."""

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.sysimage.boot import guest, machine
from tools.sysimage.boot.machine import Expectations
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run

_TIME = 300  # seconds that a boot may take, if Bazel does not say
_RESERVE = 10  # seconds before Bazel's own limit: enough to say what is missing
_REPORT = 30  # seconds before the limit: the guest starts its report by then, even if it has not started up
_POLL = 0.2  # seconds
_TAIL = 40  # lines of the console that a failure shows
# ECMA-48: control sequences, control strings, other control characters.
_CONTROL = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])|[\x00-\x08\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Boot:
    """What a boot has shown."""

    console: tuple[str, ...]
    report: tuple[guest.ReportSection, ...]
    status: int | None  # the orchestrator's
    ended: int | None  # QEMU's status, None if it was ended by us
    seconds: float
    times: tuple[float, ...] = field(default=())  # of each line of the console, seconds since the start

    def sections(self, name: str) -> list[guest.ReportSection]:
        """The sections of the report that have this name."""
        return [section for section in self.report if section.name == name]

    def value(self, name: str) -> str:
        """The value of a section of the report, "" if the report has none."""
        return next((section.value for section in self.sections(name)), "")

    def has(self, name: str) -> bool:
        """Whether the report got that far."""
        return bool(self.sections(name))

    def lines(self) -> Iterator[str]:
        """The lines that `expect` is compared with."""
        yield from self.console
        for section in self.sections("command"):
            yield from section.lines


_EXAMPLES = {
    "bazel test //:guest_boot_test": "boots, and names the cause if anything is wrong",
    "bazel test --test_output=all //:guest_boot_test": "shows how long it took, too",
}


def main(argv: Sequence[str]) -> int:
    """Boots. If the boot is not as it has to be, prints all details and raises ToolError."""
    parser = CommandLine("check", __doc__ or "", _EXAMPLES)
    parser.given("--vm", type=Path)
    options = parser.parse_args(argv)
    given = machine.read(options.vm)
    check(given.machine(), given.wanted)
    return 0


def check(vm: machine.VirtualMachine, wanted: Expectations, seconds: float | None = None) -> Boot:
    """Boots a machine within `seconds`; returns what it showed. Raises ToolError for unmet expectations."""
    limit = seconds or int(os.environ.get("TEST_TIMEOUT", _TIME)) - _RESERVE
    _check_waits(vm.name, wanted, int(limit) - _REPORT)
    with tempfile.TemporaryDirectory() as folder:
        boot = watch(vm, wanted, Path(folder), limit)
    if boot.ended == machine.ABORTED:
        how = f"QEMU aborted itself after {boot.seconds:.0f} s"
        print(f"{vm.name}: {how}, so the machine starts once more: {_last(boot)}")
        limit -= boot.seconds
        with tempfile.TemporaryDirectory() as folder:
            boot = watch(vm, wanted, Path(folder), limit)
    found = list(problems(boot, wanted, limit))
    print(details(boot) if found else f"{vm.name}: booted as it has to, within {boot.seconds:.0f} s")
    if found:
        raise ToolError(f"{vm.name}: {'; '.join(found)}")
    return boot


def watch(
    vm: machine.VirtualMachine, wanted: Expectations, scratch: Path, limit: float, options: Sequence[str] = ()
) -> Boot:
    """Boots a machine until it goes off, meets all expectations, fails one, or `limit` (seconds) is over."""
    status, report = scratch / "status", scratch / "report"
    probe = guest.Probe(_commands(wanted), max(int(limit) - _REPORT, 1), wanted.ready_timeout)
    vm = machine.with_files(vm, guest.files(vm.busybox, probe), scratch)
    ports = [*machine.port(guest.STATUS, status), *machine.port(guest.REPORT, report)]
    devices = ["-serial", "stdio", "-netdev", "user,id=net,restrict=on"]
    command = machine.command(vm, [*devices, *ports, *options], kvm=machine.kvm_works(vm))
    console: list[str] = []
    times: list[float] = []
    start = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as qemu:

        def read() -> None:
            assert qemu.stdout is not None
            for line in qemu.stdout:
                times.append(time.monotonic() - start)
                console.append(_CONTROL.sub("", line.decode("utf-8", "replace").rstrip("\r\n")))

        def boot(ended: int | None) -> Boot:
            return Boot(
                tuple(console),
                tuple(guest.sections(_read(report))),
                guest.exit_status(_read(status)),
                ended,
                time.monotonic() - start,
                tuple(times),
            )

        reader = threading.Thread(target=read)
        reader.start()
        try:
            while not _done(seen := boot(qemu.poll()), wanted) and seen.seconds < limit:
                time.sleep(_POLL)
        finally:
            ended = qemu.poll()
            qemu.kill()
            reader.join()
        return boot(ended)


def _check_waits(name: str, wanted: Expectations, most: int) -> None:
    waits = [(f"eventually: {each.command!r}", each.seconds) for each in wanted.eventually]
    for attribute, seconds in (("ready_timeout", wanted.ready_timeout), *waits):
        if seconds > max(most, 0):
            raise ToolError(
                f"{name}: {attribute} is {seconds} s, and the test has {most} s for it; give it a larger size"
            )


def _commands(wanted: Expectations) -> tuple[tuple[str, int | None], ...]:
    """All commands, in the guest's order, and for how many seconds each is tried again."""
    return (
        *((each.command, each.seconds) for each in wanted.eventually),
        *((command, None) for command in wanted.commands),
    )


def _read(path: Path) -> str:
    text = path.read_text("utf-8", "replace") if path.exists() else ""
    # The last line may be incomplete: the next call reads it whole.
    return text[: text.rfind("\n") + 1]


def _done(boot: Boot, wanted: Expectations) -> bool:
    if boot.ended is not None:
        return True
    if not boot.has("end"):
        return False
    if any(_of_report(boot, wanted)):
        return True
    return wanted.status is None and not any(_missing(boot, wanted))


def problems(boot: Boot, wanted: Expectations, limit: float) -> Iterator[str]:
    """What is wrong with a boot, causes first."""
    fatal = [line for line in boot.console if "stage1: refused: " in line or "Kernel panic" in line]
    if fatal:
        yield from fatal
        return
    if boot.ended:
        yield f"QEMU ended with status {boot.ended}: {_last(boot)}"
    elif not boot.report:
        late = boot.ended is None
        yield (
            f"systemd had not started up after {limit:.0f} s"
            if late
            else "the machine went off while it booted"
        )
    else:
        yield from _of_report(boot, wanted)
        if not boot.has("end"):
            last = boot.report[-1].name
            yield f"the report on the boot breaks off after {boot.seconds:.0f} s, behind {last!r}"
    yield from _missing(boot, wanted)
    if wanted.status is not None:
        if boot.status is None:
            yield (
                f"the orchestrator has not ended after {boot.seconds:.0f} s, and it has to with status "
                f"{wanted.status}; of one that runs on, leave status out"
            )
        elif boot.status != wanted.status:
            yield f"the orchestrator ended with status {boot.status}, and it has to with {wanted.status}"
        elif boot.ended is None:
            yield "the orchestrator has ended, but the machine did not go off"


def _last(boot: Boot) -> str:
    return boot.console[-1] if boot.console else "it said nothing"


def _of_report(boot: Boot, wanted: Expectations) -> Iterator[str]:
    yield from (section.value for section in boot.sections("unable"))
    if not boot.has("state"):
        return
    late = [] if _number(boot, "ready") else [_not_ready(boot, wanted)]
    # The cause comes first.
    first, last = (late, []) if boot.value("state") == "starting" else ([], late)
    yield from first
    failed = [section.value for section in boot.sections("failed")]
    if boot.value("state") != "running":
        units = f", failed units: {', '.join(failed)}" if failed else ""
        jobs = [line.split() for section in boot.sections("jobs") for line in section.lines]
        waits = [words[1] for words in jobs if len(words) == 4 and words[3] == "running"]
        units += f", it waits for: {', '.join(waits)}" if waits else ""
        after = f" after {boot.value('uptime')} s" if boot.has("uptime") else ""
        yield f"systemd says {boot.value('state')!r} instead of 'running'{after}{units}"
    for section in boot.sections("unloaded"):
        unit, _, state = section.value.partition(" ")
        why = next((line for line in reversed(section.lines) if f"{unit}: " in line), "")
        said = f" ({why.partition(f'{unit}: ')[2]})" if why else ""
        yield f"{unit} is enabled, and {state}{said}; mend, unmask or disable it"
    yield from last
    took = (_number(boot, "ready") - _number(boot, "started")) / 1e6
    if 0 < (given := wanted.ready_timeout) < took:
        yield f"the orchestrator took {took:.1f} s until it was ready, and ready_timeout is {given}"
    for section in boot.sections("command"):
        yield from _of_command(section, boot, wanted)


def _number(boot: Boot, name: str) -> int:
    """The value of a section that is a number; 0 if it is none."""
    value = boot.value(name)
    return int(value) if value.isdecimal() else 0


def _not_ready(boot: Boot, wanted: Expectations) -> str:
    uptime, started = _number(boot, "uptime"), _number(boot, "started")
    waited = uptime - started / 1e6
    if boot.status is not None:
        how = f"never said that it is ready, and ended with status {boot.status}"
    elif boot.has("started") and not started:
        how = f"was not started in {uptime} s, so it never said that it is ready"
    elif 0 < wanted.ready_timeout <= waited:
        how = f"never said that it is ready in the {wanted.ready_timeout} s of ready_timeout"
    else:
        how = f"never said that it is ready in {waited:.0f} s"
    return f"the orchestrator {how} ({_about_orchestrator(boot)})"


def _of_command(section: guest.ReportSection, boot: Boot, wanted: Expectations) -> Iterator[str]:
    """What is wrong with a command; its section has number, status, seconds and tries."""
    number, status, seconds, tries = map(int, section.value.split())
    if status == 0:
        return
    command, given = _commands(wanted)[number]
    # Of a script, a line says which it is.
    name = repr(command.strip().partition("\n")[0])
    last = section.lines[-1] if section.lines else "it said nothing"
    if given is None:
        yield f"the command {name} ended with status {status} after {seconds} s: {last}"
        return
    cut = ", when the test's time was over" if seconds < given else ""
    gone = "" if boot.status is None else f"; the orchestrator has ended with status {boot.status}"
    yield (
        f"the command {name} was tried {tries} times in {seconds} of its {given} s{cut}, "
        f"the last time it ended with status {status}: {last}{gone}"
    )


def _about_orchestrator(boot: Boot) -> str:
    """The last lines of the console about the orchestrator, or else what systemd says of its unit."""
    said = [line for line in boot.console if "orchestrator" in line and "stage1: " not in line]
    unit = [line for section in boot.sections("unit") for line in section.lines]
    return "; ".join(said[-3:] or unit)


def _missing(boot: Boot, wanted: Expectations) -> Iterator[str]:
    for pattern in wanted.expect:
        if not any(re.search(pattern, line) for line in boot.lines()):
            yield f"no line of the console or of a command has {pattern!r} after {boot.seconds:.0f} s"


def details(boot: Boot) -> str:
    """Everything that helps to find out why a boot failed, the longest part first."""
    parts = [("the end of the console", boot.console[-_TAIL:])]
    for section in reversed(boot.report):
        if section.name in ("failed", "unloaded", "jobs", "command", "journal") and section.lines:
            parts.append((f"{section.name} {section.value}".strip(), section.lines))
    return "\n".join(line for title, lines in parts for line in (f"--- {title}", *lines))


if __name__ == "__main__":
    run(main)
