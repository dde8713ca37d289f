"""Guests with a TPM that tell what was measured: QEMU with OVMF or AAVMF, and swtpm, all of the lock."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testing.programs import argv
from tools.sysimage.core.tree import Tree, file
from tools.sysimage.formats import cpio
from tools.sysimage.measure import measurements, tpm

_ALGORITHMS = {0x000B: "sha256", 0x000C: "sha384"}  # TPM_ALG_ID
_NO_ACTION = 3  # EV_NO_ACTION: in the log, in no register
_SECONDS = 280

# It takes the place of stage1's: a later archive of an initramfs overwrites an earlier one's files.
_INIT = """\
#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys /dev
$b mount -t devtmpfs dev /dev
for console in ttyS0 ttyAMA0; do
  [ ! -c /dev/$console ] || exec >/dev/$console 2>&1
done
$b mount -t proc proc /proc
# The kernel's messages would come in between, where the console is its own, too.
echo 1 > /proc/sys/kernel/printk
$b mount -t sysfs sys /sys
$b mount -t securityfs sec /sys/kernel/security
# Drivers that the kernel for arm64 has as modules.
for module in tpm_tis_core tpm_tis; do
  [ ! -e /modules/$module.ko ] || $b insmod /modules/$module.ko
done
for bank in sha256 sha384; do
  for n in 0 1 2 3 4 5 6 7 8 9 11 12; do
    echo "@pcr $bank $n $($b cat /sys/class/tpm/tpm0/pcr-$bank/$n)"
  done
done
echo "@log"
$b base64 /sys/kernel/security/tpm0/binary_bios_measurements
echo "@end"
$b poweroff -f
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of machine, as options of QEMU's."""

    options: tuple[str, ...]
    tpm: str
    flash: int = 0  # bytes that a part of the firmware has to have; 0: as many as it has


Q35 = Machine(("-machine", "q35", "-cpu", "max"), "tpm-crb")
VIRT = Machine(
    ("-machine", "virt,gic-version=max", "-cpu", "max,pauth-impdef=on"), "tpm-tis-device", 64 << 20
)


@dataclass(frozen=True, slots=True)
class Logged:
    """An event of the firmware's log (TCG, "PC Client Platform Firmware Profile", 10.2: TCG_PCR_EVENT2)."""

    register: int
    kind: int
    digests: dict[str, str]  # bank → hexadecimal


@dataclass(frozen=True, slots=True)
class Told:
    """What a guest tells."""

    registers: dict[tuple[str, int], str]  # bank, number → hexadecimal
    log: tuple[Logged, ...]

    def replayed(self, bank: str, number: int) -> str:
        """What the log says that a register is."""
        value = bytes(hashlib.new(bank).digest_size)
        for event in self.log:
            if event.register == number and event.kind != _NO_ACTION:
                value = hashlib.new(bank, value + bytes.fromhex(event.digests[bank])).digest()
        return value.hex()


def initramfs(stage1: Path) -> bytes:
    """An initramfs that tells what was measured, and ends, with a stage1's modules."""
    tree = Tree()
    tree.add("bin/busybox", file(Path(os.environ["BUSYBOX"]).read_bytes(), 0o755))
    tree.put("init", file(_INIT.encode(), 0o755))
    stream = io.BytesIO()
    cpio.write(tree, stream)
    return stage1.read_bytes() + stream.getvalue()


class EndedError(Exception):
    """A machine has said what ends it; the message is its console."""


def boot(
    options: Sequence[str],
    firmware: Path,
    variables: Path | None = None,
    machine: Machine = Q35,
    ends: str = "",
) -> Told:
    """Boots a machine with these options of QEMU's, and asks it.

    `firmware` is the whole of it, or the code, to which the variables belong, for a q35 with SMM. Raises
    EndedError as soon as the console says `ends`.
    """
    # Paths of sockets are short.
    with tempfile.TemporaryDirectory(prefix="tpm", dir="/tmp") as name:
        folder = Path(name)
        for unit, path in enumerate((firmware, variables) if variables else (firmware,)):
            shutil.copyfile(path, folder / f"flash{unit}")
            if machine.flash:
                os.truncate(folder / f"flash{unit}", machine.flash)
        (folder / "state").mkdir()
        program = argv(Path(os.environ["SWTPM"]), share=True)
        with subprocess.Popen(
            [
                *(*program, "socket", "--tpm2", "--flags", "startup-clear", "--terminate"),
                *("--tpmstate", f"dir={folder}/state", "--ctrl", f"type=unixio,path={folder}/tpm"),
            ]
        ) as emulator:
            try:
                while not (folder / "tpm").exists():
                    assert emulator.poll() is None, "swtpm has ended"
                    time.sleep(0.1)
                _run(options, folder, machine, ends)
            finally:
                emulator.kill()
        return read((folder / "console").read_text("utf-8", "replace"))


def _run(options: Sequence[str], folder: Path, machine: Machine, ends: str) -> None:
    qemu = Path(os.environ["QEMU"])
    flash = [*machine.options]
    for unit, path in enumerate(sorted(folder.glob("flash*"))):
        flash += ["-drive", f"if=pflash,format=raw,unit={unit},file={path}"]
        if unit and machine is Q35:
            flash += ["-machine", "q35,smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on"]
    command = [
        *(*argv(qemu), "-L", str(qemu / "share"), "-nodefaults", "-no-user-config", "-display", "none"),
        *("-accel", "tcg", "-m", "512", "-no-reboot", "-serial", f"file:{folder}/console"),
        *flash,
        *("-chardev", f"socket,id=tpm,path={folder}/tpm"),
        *("-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", f"{machine.tpm},tpmdev=tpm"),
        *options,
    ]
    console, end = folder / "console", time.monotonic() + _SECONDS
    with subprocess.Popen(command) as process:
        try:
            while process.poll() is None:
                assert time.monotonic() < end, f"the machine runs on after {_SECONDS} s"
                time.sleep(0.2)
                said = console.read_text("utf-8", "replace") if ends and console.exists() else ""
                if ends and ends in said:
                    raise EndedError(said)
        finally:
            process.kill()
    assert process.returncode == 0


def read(console: str) -> Told:
    """What a guest has told on its console."""
    console = console.replace("\r", "")
    found = re.search(r"@log\n(.*)@end", console, re.DOTALL)
    assert found, f"the guest has told nothing:\n{console[-2000:]}"
    registers = {
        (bank, int(number)): value.lower()
        for bank, number, value in re.findall(r"@pcr (\w+) (\d+) ([0-9A-F]+)", console)
    }
    return Told(registers, tuple(_events(base64.b64decode(found[1]))))


def _events(log: bytes) -> Iterator[Logged]:
    """The log, whose first event names the algorithms (10.4.5.1: TCG_EfiSpecIDEvent)."""
    [length] = struct.unpack_from("<I", log, 28)
    [count] = struct.unpack_from("<I", log, 32 + 24)
    sizes = dict(struct.unpack_from("<HH", log, 32 + 28 + 4 * number) for number in range(count))
    at = 32 + length
    while at < len(log):
        register, kind, count = struct.unpack_from("<III", log, at)
        at += 12
        digests = {}
        for _ in range(count):
            [algorithm] = struct.unpack_from("<H", log, at)
            if algorithm in _ALGORITHMS:
                digests[_ALGORITHMS[algorithm]] = log[at + 2 : at + 2 + sizes[algorithm]].hex()
            at += 2 + sizes[algorithm]
        [length] = struct.unpack_from("<I", log, at)
        at += 4 + length
        yield Logged(register, kind, digests)


def predicted(folder: Path, fields: dict[str, Any], firmware: Path) -> dict[str, Any]:
    """What is predicted of boots with a TPM: how it is booted → registers and events."""
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"cmdline": [], "firmware": {"tpm": str(firmware)}} | fields))
    assert measurements.main(["--manifest", str(manifest), "--output", str(folder / "measured")]) == 0
    return dict(json.loads((folder / "measured").read_bytes()))["tpm"]["boots"]


def compare(predicted: dict[str, Any], told: Told) -> None:
    """Fails unless each register and each event is as predicted, and the log says the same."""
    compared = 0
    for number in tpm.REGISTERS:
        for bank in tpm.BANKS:
            ours = predicted["pcrs"][str(number)][bank]
            assert ours == told.registers[bank, number], f"PCR {number}, {bank}"
            assert ours == told.replayed(bank, number), f"PCR {number}, {bank}, by the log"
            compared += 1
    assert compared == 12
    events = [(event["register"], event["sha256"], event["sha384"]) for event in predicted["events"]]
    assert events == [
        (event.register, event.digests["sha256"], event.digests["sha384"])
        for event in told.log
        if event.register in tpm.REGISTERS
    ]
