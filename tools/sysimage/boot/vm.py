"""Boots a system image in a virtual machine, shows its console and ends with the orchestrator's status."""

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.sysimage.boot import guest, machine
from tools.sysimage.errors import ToolError, run


def main(argv: Sequence[str]) -> int:
    """Runs the machine; returns the orchestrator's status."""
    parser = argparse.ArgumentParser(prog="vm", description=__doc__)
    parser.add_argument("--vm", type=Path, required=True, help="JSON that says what is booted; the rule gives it")
    parser.add_argument("--debug", action="store_true", help="a root login on the console; Ctrl-A X ends it")
    parser.add_argument("--bundle", type=_path, help="container bundle to deliver, a tar")
    options = parser.parse_args(argv)
    vm = machine.parse(options.vm)
    if options.bundle:
        vm = dataclasses.replace(vm, bundle=options.bundle)
    if options.debug:
        # The images' getty asks for the word "debug", which the kernel and systemd take for more than is wanted.
        words = ("debug", "loglevel=4", "systemd.log_level=info")
        vm = dataclasses.replace(vm, cmdline=(*vm.cmdline, *words))
    with tempfile.TemporaryDirectory() as folder:
        return boot(vm, Path(folder), debug=options.debug)


def _path(text: str) -> Path:
    # `bazel run` starts programs in a folder of its own.
    return Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), text).absolute()


def boot(vm: machine.Machine, scratch: Path, *, debug: bool) -> int:
    """Runs a machine with its console on this terminal.

    Raises ToolError if QEMU fails, or the guest ends before the orchestrator has.
    """
    report = scratch / "status"
    vm = machine.with_files(vm, guest.files(stay=debug), scratch)
    options = ["-serial", "mon:stdio" if debug else "stdio", "-netdev", "user,id=net"]
    command = machine.command(vm, [*options, *machine.port(guest.STATUS, report)], kvm=machine.kvm_works(vm))
    if debug:
        print("boot: Ctrl-A X switches the machine off", file=sys.stderr)
    ended = subprocess.run(command, check=False).returncode
    if ended:
        raise ToolError(f"QEMU ended with status {ended}, see above; it was started with {' '.join(command)}")
    status = guest.exit_status(report.read_text("utf-8"))
    if status is None:
        if debug:
            return 0
        raise ToolError("the machine went off before the orchestrator had ended; the console says why")
    return status


if __name__ == "__main__":
    run(main)
