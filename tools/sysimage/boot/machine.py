"""QEMU virtual machines that boot a system image as the host of a confidential VM does."""

import dataclasses
import io
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.boot import measured_disk
from tools.sysimage.core import json_manifest
from tools.sysimage.core.architecture import ARCHITECTURES
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree
from tools.sysimage.formats import cpio, tar

# The image has a .network file for this address, with a guest's IP address in QEMU's user network.
_MAC = "42:00:0a:00:02:0f"
# The status of a QEMU that aborted itself: a mistake of its own, which says nothing about the guest. Emulated
# processors have rare races.
ABORTED = -signal.SIGABRT
_PORT = "virtserialport"  # QEMU's name of a device
_TRIAL = 20  # seconds: many times what a working machine takes to start its kernel


@dataclass(frozen=True, slots=True)
class MeasuredDisk:
    """How a machine boots a disk, in place of a system image."""

    start: str  # one of measured_disk.STARTS
    uki: Path
    firmware: Path
    cmdline: str = ""  # in the UKI, for the kernel


@dataclass(frozen=True, slots=True)
class VirtualMachine:
    """A machine, and what it boots. Of a disk, `with_files` takes kernel and initramfs out of its UKI."""

    name: str  # of the target, for messages
    architecture: str  # of the guest
    qemu: Path  # folder with bin/, lib/ and share/
    host: str  # architecture that QEMU was made for
    kernel: Path
    initramfs: Path
    image: Path  # or the raw disk
    busybox: Path  # a static one, of the guest's architecture
    digest: str  # SHA-256 that stage1 checks the image by, "" for none
    memory: int  # MiB
    cpus: int
    plain: bool = False  # unpack as plain tar does
    cmdline: tuple[str, ...] = ()  # further words for the kernel
    bundle: Path | None = None  # a container bundle, as a tar
    virtiofsd: Path | None = None  # folder with bin/ and lib/ of the program that serves a folder of the host
    disk: MeasuredDisk | None = None

    @property
    def console(self) -> str:
        """The name of the serial console in the guest."""
        return ARCHITECTURES[self.architecture].console


@dataclass(frozen=True, slots=True)
class Eventually:
    """A shell command that has to succeed in the guest within some time; until then it is tried again."""

    command: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a boot has to show."""

    # Regular expressions, each to be found in a line of the console or of a command.
    expect: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()  # shell commands that have to succeed in the guest
    # The orchestrator has to end with this status, and the machine to go off. None: it may run on, or end.
    status: int | None = None
    ready_timeout: int = 0  # seconds from the orchestrator's start until ready; 0: the test's whole time
    eventually: tuple[Eventually, ...] = ()  # before `commands`, in this order


@dataclass(frozen=True, slots=True)
class MachineInput:
    """What the rule hands over; paths are relative to the current folder."""

    architecture: str
    bundle: Path | None
    busybox: Path
    cmdline: tuple[str, ...]
    cpus: int
    digest: Path | None  # as sha256sum(1) writes it
    host: str
    image: Path  # or the raw disk
    initramfs: Path | None
    kernel: Path  # or the disk's UKI
    memory: int
    name: str
    plain: bool
    qemu: Path
    virtiofsd: Path | None
    wanted: Expectations
    # Of a disk:
    firmware: Path | None = None
    start: str = ""  # one of measured_disk.STARTS

    def machine(self) -> VirtualMachine:
        """The machine."""
        disk = None
        if self.firmware:
            disk = MeasuredDisk(self.start, self.kernel, self.firmware)
        return VirtualMachine(
            name=self.name,
            architecture=self.architecture,
            qemu=self.qemu,
            host=self.host,
            kernel=self.kernel,
            initramfs=self.initramfs or self.kernel,
            image=self.image,
            busybox=self.busybox,
            digest=self.digest.read_text("utf-8").split()[0] if self.digest else "",
            memory=self.memory,
            cpus=self.cpus,
            plain=self.plain,
            cmdline=self.cmdline,
            bundle=self.bundle,
            virtiofsd=self.virtiofsd,
            disk=disk,
        )


def read(path: Path) -> MachineInput:
    """Reads the rule's manifest. Raises ToolError if it is none, or asks for what can't be."""
    given = json_manifest.read(MachineInput, path)
    for attribute in ("cpus", "memory"):
        if getattr(given, attribute) < 1:
            raise ToolError(f"{given.name}: {attribute} is {getattr(given, attribute)}; give at least 1")
    for pattern in given.wanted.expect:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ToolError(
                f"{given.name}: expect: {pattern!r} is no regular expression ({error}); correct it, or put "
                "a backslash before a character that stands for itself"
            ) from error
        if not pattern:
            raise ToolError(f"{given.name}: expect: an empty regular expression fits every line; remove it")
    if (status := given.wanted.status) is not None and not 0 <= status <= 255:
        raise ToolError(f"{given.name}: status is {status}; a program's is 0 to 255")
    if given.wanted.ready_timeout < 0:
        raise ToolError(f"{given.name}: ready_timeout is {given.wanted.ready_timeout}; give seconds, or 0")
    for each in given.wanted.eventually:
        if each.seconds < 1:
            raise ToolError(
                f"{given.name}: eventually: {each.command!r} has {each.seconds} s; give at least 1, "
                "or name it in commands"
            )
    if given.bundle:
        check_bundle(given.bundle)
    return given


def check_bundle(path: Path) -> None:
    """Raises ToolError for what is no tar, of which the guest would only say that it has no container."""
    try:
        with path.open("rb") as stream:
            found = any(entry.path for entry in tar.read(stream, str(path)))
    except ToolError as error:
        raise ToolError(
            f"bundle: {path} is no tar ({error}); give an app_bundle, or a tar of a bundle"
        ) from error
    if not found:
        raise ToolError(f"bundle: {path} is a tar without files; give an app_bundle, or a tar of a bundle")


def with_files(machine: VirtualMachine, files: Tree, scratch: Path) -> VirtualMachine:
    """The machine with `files` added to its initramfs; those in /run are in the guest's /run, too."""
    archive = io.BytesIO()
    cpio.write(files, archive)
    if machine.disk:
        words = (*_words(machine), *machine.cmdline)
        taken = measured_disk.with_files(machine.disk.uki, archive.getvalue(), words, scratch)
        image = machine.image
        if machine.disk.start == "disk":
            image = measured_disk.with_uki(image, taken.uki, scratch)
        disk = dataclasses.replace(machine.disk, uki=taken.uki, cmdline=taken.cmdline)
        return dataclasses.replace(
            machine, kernel=taken.kernel, initramfs=taken.initramfs, image=image, disk=disk
        )
    initramfs = scratch / "initramfs"
    initramfs.write_bytes(machine.initramfs.read_bytes() + archive.getvalue())
    return dataclasses.replace(machine, initramfs=initramfs)


def command(machine: VirtualMachine, options: Sequence[str], *, kvm: bool) -> list[str]:
    """The command line that starts a machine; `options` define its console and its network `net`."""
    return [
        *_start(machine, kvm=kvm),
        *("-m", str(machine.memory), "-smp", str(machine.cpus)),
        *_boot(machine),
        *_disk(machine.image, "system-image"),
        *(_disk(machine.bundle, "bundle") if machine.bundle else ()),
        *("-device", f"virtio-net-pci,netdev=net,mac={_MAC},romfile="),
        # Its driver takes 4 MiB in the guest, for messages about ports.
        *(("-device", "virtio-serial-pci") if any(_PORT in option for option in options) else ()),
        *options,
    ]


def _boot(machine: VirtualMachine) -> list[str]:
    """Options that say what is started."""
    disk = machine.disk
    if disk and disk.start != "kernel":
        # Its variables are gone when the machine is off.
        flash = f"if=pflash,format=raw,unit=0,readonly=on,file={_escaped(disk.firmware)}"
        return ["-drive", flash, *(("-kernel", str(disk.uki)) if disk.start == "uki" else ())]
    words = _words(machine)
    if not disk:
        words += [f"stage1.size={machine.image.stat().st_size}"]
        words += [f"stage1.sha256={machine.digest}"] if machine.digest else []
        words += ["stage1.unpack=plain"] if machine.plain else []
    return [
        *("-kernel", str(machine.kernel), "-initrd", str(machine.initramfs)),
        *("-append", disk.cmdline if disk else " ".join([*words, *machine.cmdline])),
    ]


def _words(machine: VirtualMachine) -> list[str]:
    """Words for the kernel that have nothing to do with what is booted."""
    return [
        *(f"console={machine.console}", "panic=-1", "quiet"),
        # Of a system image, measurements predict the line as it is without them.
        *(ARCHITECTURES[machine.architecture].emulated if machine.disk else ()),
    ]


def port(name: str, path: Path) -> list[str]:
    """Options for a virtio port of this name; what the guest writes to it goes to a file."""
    identity = name.replace(".", "-")
    return [
        *("-chardev", f"file,id={identity},path={_escaped(path)}"),
        *("-device", f"{_PORT},chardev={identity},name={name}"),
    ]


def share(machine: VirtualMachine, tag: str, socket: Path) -> list[str]:
    """Options for a file system that `serve` serves at this socket."""
    return [
        # The other process accesses the guest's memory.
        *("-object", f"memory-backend-memfd,id=memory,size={machine.memory}M,share=on"),
        *("-machine", "memory-backend=memory"),
        *("-chardev", f"socket,id=share,path={_escaped(socket)}"),
        *("-device", f"vhost-user-fs-pci,chardev=share,tag={tag}"),
    ]


def serve(machine: VirtualMachine, folder: Path, socket: Path) -> list[str]:
    """The command line that serves a folder to a machine, read-only, until the machine goes off.

    Raises ToolError if there is nothing to serve it with.
    """
    if machine.virtiofsd is None:
        raise ToolError(
            f"{machine.name}: has no virtiofsd that could share {folder}; boot it with system_image_vm"
        )
    return [
        *_locked(machine, machine.virtiofsd, "virtiofsd"),
        *("--shared-dir", str(folder), "--socket-path", str(socket)),
        *("--sandbox", "none", "--readonly", "--log-level", "error"),
    ]


def kvm_works(machine: VirtualMachine) -> bool:
    """Whether the kernel starts with hardware virtualisation: tried, since /dev/kvm alone proves little."""
    if not Path("/dev/kvm").exists():
        return False
    with tempfile.TemporaryFile() as output:
        try:
            # Without an initramfs, the kernel panics as soon as it has started, which ends the trial.
            trial = [*_start(machine, kvm=True), "-serial", "stdio", "-kernel", str(machine.kernel)]
            status = subprocess.run(
                [*trial, "-append", f"console={machine.console} panic=-1"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                timeout=_TRIAL,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return False
        output.seek(0)
        return status == 0 and b"Linux version" in output.read()


def _start(machine: VirtualMachine, *, kvm: bool) -> list[str]:
    kind = ARCHITECTURES[machine.architecture]
    return [
        *_locked(machine, machine.qemu, kind.qemu),
        *("-L", str(machine.qemu / "share"), "-nodefaults", "-no-user-config"),
        *("-display", "none", "-no-reboot", "-machine", kind.qemu_machine),
        *(("-accel", "kvm") if kvm else ("-accel", "tcg,thread=multi")),
        *("-cpu", "max" if kvm else kind.qemu_cpu),
    ]


def _locked(machine: VirtualMachine, folder: Path, program: str) -> list[str]:
    """The command of a locked program, which its own loader starts."""
    libraries = folder / "lib"
    return [
        *(str(libraries / ARCHITECTURES[machine.host].loader), "--library-path", str(libraries)),
        *("--argv0", program, str(folder / "bin" / program)),
    ]


def _disk(path: Path, serial: str) -> list[str]:
    if not path.is_file():
        raise ToolError(f"{path}: is no file, as the disk {serial} has to be; give one")
    return [
        *("-drive", f"file={_escaped(path)},format=raw,if=none,id={serial},readonly=on"),
        *("-device", f"virtio-blk-pci,drive={serial},serial={serial}"),
    ]


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")
