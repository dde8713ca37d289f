"""Commands that are not the shell's own (XCU 2.9.1.4): the caller knows them."""

import errno
from collections.abc import Sequence

from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.marked import outward


def run_program(machine: Machine, argv: Sequence[str]) -> int:
    """Executes a command that is not the shell's own. One that can't write, or read its input, has failed."""
    machine.meter.step()
    world = [outward(argument) for argument in argv]
    program = machine.programs(machine, world[0])
    if program is None:
        machine.warn(f"{argv[0]}: not found")
        return 127
    try:
        return program(machine, world)
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.ENOSPC):
            raise
        machine.warn(f"{argv[0]}: {error.strerror}")
        return 1
