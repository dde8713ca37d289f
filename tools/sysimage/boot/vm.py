"""Boots a system image in a virtual machine, shows its console, and exits with the orchestrator's status."""

import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools.sysimage.boot import guest, machine
from tools.sysimage.core.command_line import CommandLine
from tools.sysimage.core.errors import ToolError, run

_START = 10  # seconds that a server may take until it listens

_EXAMPLES = {
    "bazel run //:vm": "boots, and ends with the guest",
    "bazel run //:vm -- --debug": "a root shell; the machine stays on",
    "bazel run //:vm -- --bundle $PWD/app.tar": "the orchestrator gets a container bundle",
}


def main(argv: Sequence[str]) -> int:
    """Runs the machine; returns the orchestrator's status."""
    parser = CommandLine("vm", __doc__, _EXAMPLES)
    parser.given("--vm", type=Path)
    parser.add_argument("--debug", action="store_true", help="a root shell on the console; Ctrl-A X ends it")
    parser.add_argument("--bundle", type=_path, help="container bundle to deliver, a tar")
    parser.add_argument("--share", type=_path, help="container bundle to deliver, as a folder")
    options = parser.parse_args(argv)
    if options.bundle and options.share:
        parser.error("--bundle and --share both deliver the container bundle; give one of them")
    if options.share and not options.share.is_dir():
        raise ToolError(
            f"{options.share}: is no folder, as --share needs it; for a bundle's tar there is --bundle"
        )
    vm = machine.read(options.vm).machine()
    if options.bundle:
        machine.check_bundle(options.bundle)
        vm = dataclasses.replace(vm, bundle=options.bundle)
    with tempfile.TemporaryDirectory() as folder:
        return boot(vm, Path(folder), debug=options.debug, share=options.share)


def _path(text: str) -> Path:
    # `bazel run` starts programs in a folder of its own.
    return Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), text).absolute()


def boot(vm: machine.VirtualMachine, scratch: Path, *, debug: bool, share: Path | None) -> int:
    """Runs a machine with its console on this terminal; the folder `share` has its container bundle.

    Raises ToolError if QEMU fails, or if the machine goes off before the orchestrator has ended.
    """
    report = scratch / "status"
    vm = machine.with_files(vm, guest.files(vm.busybox, debug=debug, share=share is not None), scratch)
    options = ["-serial", "mon:stdio" if debug else "stdio", "-netdev", "user,id=net"]
    options += machine.port(guest.STATUS, report)
    with ExitStack() as servers:
        if share:
            socket = scratch / "share"
            servers.enter_context(_served(machine.serve(vm, share, socket), socket))
            options += machine.share(vm, guest.SHARE, socket)
        command = machine.command(vm, options, kvm=machine.kvm_works(vm))
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


@contextmanager
def _served(command: Sequence[str], socket: Path) -> Iterator[None]:
    """A server that listens at a socket as long as the block runs."""
    with subprocess.Popen(command) as server:
        try:
            deadline = time.monotonic() + _START
            while not socket.exists():
                if server.poll() is not None or time.monotonic() > deadline:
                    raise ToolError(
                        f"virtiofsd does not share the folder; it was started with {' '.join(command)}"
                    )
                time.sleep(0.05)
            yield
        finally:
            server.terminate()


if __name__ == "__main__":
    run(main)
