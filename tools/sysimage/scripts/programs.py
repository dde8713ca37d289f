"""Commands that are not the shell's own (XCU 2.9.1.4): the caller knows them."""

from collections.abc import Sequence

from tools.sysimage.scripts.machine import Machine
from tools.sysimage.scripts.marked import outward


def run_program(machine: Machine, argv: Sequence[str]) -> int:
    """Executes a command that is not the shell's own."""
    machine.meter.step()
    world = [outward(argument) for argument in argv]
    program = machine.programs(world[0])
    if program is None:
        machine.warn(f"{argv[0]}: not found")
        return 127
    return program(machine, world)
