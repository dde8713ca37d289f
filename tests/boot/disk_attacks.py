"""Boots a measured disk that a host has changed: each change has to be refused on the console.

`bazel run //tests/boot:disk_attacks -- --count 12`. Changed bytes are refused when they are read, so the
guest reads all of its root. What concerns the disk as a whole is refused before anything of it is started.
"""

import argparse
import dataclasses
import hashlib
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tools.sysimage.boot import check, machine
from tools.sysimage.boot.machine import Expectations, VirtualMachine
from tools.sysimage.formats import gpt

LIMIT = 600  # seconds; emulation on a busy host takes its time
BLOCK = 4096
READ_ALL = "cat /dev/dm-0 >/dev/null"
# Types, modes, owners, targets and contents of all paths, those below the overlays, too.
LIST = (
    "mkdir /run/whole && mount --bind / /run/whole && cd /run/whole && "
    "{ find . -printf '%y %m %U %G %p %l\\n'; find . -type f -exec sha256sum {} +; } | "
    "LC_ALL=C sort | sha256sum"
)
PANIC = "Kernel panic - not syncing: dm-verity device corrupted"
STARTED = "stage1: starting /sbin/init"


@dataclass(frozen=True, slots=True)
class Attack:
    """A change, and what has to be on the console then."""

    name: str
    machine: VirtualMachine
    message: str  # a regular expression
    options: tuple[str, ...] = ()  # of QEMU
    early: bool = True  # whether nothing of the disk may start


def parts(vm: VirtualMachine) -> tuple[gpt.Table, gpt.Partition, gpt.Partition]:
    """The disk's table, and its partitions root and root-verity."""
    with vm.image.open("rb") as stream:
        table = gpt.read(stream, str(vm.image))
    _, root, verity = table.partitions
    return table, root, verity


def changed(vm: VirtualMachine, folder: Path, name: str, at: int, data: bytes) -> VirtualMachine:
    """The machine with other bytes on its disk."""
    disk = folder / f"{name}.raw"
    content = bytearray(vm.image.read_bytes())
    content[at : at + len(data)] = data
    disk.write_bytes(content)
    return dataclasses.replace(vm, image=disk)


def flips(vm: VirtualMachine, folder: Path, seed: random.Random, count: int) -> Iterator[Attack]:
    """Bytes changed at random, of all that is measured."""
    _, root, verity = parts(vm)
    data, tree = root.first * gpt.SECTOR, verity.first * gpt.SECTOR
    places = (
        ("file system", data, data + root.size),
        ("hash tree", tree + BLOCK, tree + verity.size),
        ("superblock of the file system", data + 1024, data + 1024 + 128),
        ("superblock of the hash tree", tree, tree + BLOCK),
    )
    content = vm.image.read_bytes()
    for number in range(count):
        place, first, end = places[number % len(places)]
        at = seed.randrange(first, end)
        byte = bytes([content[at] ^ 1 << seed.randrange(8)])
        name = f"byte {at} of the disk, {place}"
        attacked = changed(vm, folder, "flip", at, byte)
        early = place != "file system" and place != "hash tree"
        yield Attack(name, attacked, f"{PANIC}|stage1: refused: ", early=early)


def wholes(vm: VirtualMachine, folder: Path) -> Iterator[Attack]:
    """A disk that is not the one that was measured."""
    assert vm.disk
    table, root, verity = parts(vm)
    refused = "stage1: refused: "
    uki = vm.disk.uki.read_bytes()
    found = re.search(rb"stage1\.roothash=([0-9a-f]{64})", uki)
    assert found
    wrong = folder / "wrong.efi"
    wrong.write_bytes(uki.replace(found[1], found[1][::-1]))
    disk = dataclasses.replace(vm.disk, uki=wrong)
    yield Attack(
        "wrong root hash",
        dataclasses.replace(vm, kernel=wrong, initramfs=wrong, disk=disk),
        refused + "the root hash of /dev/vda is [0-9a-f]{64}, the command line wants [0-9a-f]{64}",
    )
    swapped = [
        table.partitions[0],
        dataclasses.replace(root, kind=verity.kind),
        dataclasses.replace(verity, kind=root.kind),
    ]
    head = gpt.table(table.identity, swapped, table.sectors).head()
    yield Attack(
        "swapped partitions",
        changed(vm, folder, "swapped", 0, head),
        refused + "/dev/vda: its hash tree has no superblock: .* swapped",
    )
    for name, size in (
        ("without its last MiB", vm.image.stat().st_size - (1 << 20)),
        ("half", verity.first * 256),
    ):
        short = folder / "short.raw"
        short.write_bytes(vm.image.read_bytes()[: size // gpt.SECTOR * gpt.SECTOR])
        yield Attack(
            f"a disk cut off: {name}",
            dataclasses.replace(vm, image=short),
            refused + "no disk has a partition of the type .*: it is cut off",
        )
    second = ("-drive", f"file={vm.image},format=raw,if=none,id=second,readonly=on")
    for device in ("virtio-blk-pci,drive=second", "nvme,drive=second,serial=second"):
        yield Attack(
            f"a second disk: {device.partition(',')[0]}",
            vm,
            refused + "a partition of the type .* is on /dev/[a-z0-9]+ and /dev/[a-z0-9]+; leave one",
            (*second, "-device", device),
        )
    yield Attack(
        "no partition table",
        changed(vm, folder, "bare", 0, bytes(1 << 20)),
        refused + "no disk has a partition of the type .*: it has no GUID partition table",
    )


def attempt(attack: Attack, folder: Path) -> str:
    """Boots; returns what is wrong, "" if the change was refused."""
    wanted = Expectations(commands=(READ_ALL,), expect=("nothing has this line",))
    boot = check.watch(attack.machine, wanted, folder, LIMIT, attack.options)
    said = next((line for line in boot.console if re.search(attack.message, line)), "")
    last = boot.console[-1] if boot.console else "it said nothing"
    if not said:
        return f"it was not refused; the last line is {last!r}"
    if boot.ended is None:
        return "it was refused, but the machine did not go off"
    started = [line for line in boot.console if line.startswith((STARTED, "orchestrator:"))]
    if attack.early and started:
        return f"it was refused, but before that: {started[-1]}"
    print(f"refused after {boot.seconds:.0f} s: {attack.name}: {said}", flush=True)
    return ""


def listed(mtree: str) -> tuple[str, int]:
    """What LIST says in a guest whose root has what this manifest says, and the number of its paths."""
    lines, count = [], 0
    for line in mtree.splitlines():
        if line.startswith("#"):
            continue
        count += 1
        quoted, *words = line.split()
        known = dict(word.split("=", 1) for word in words)
        path, link = unquoted(quoted), unquoted(known.get("link", ""))
        mode = f"{int(known['mode'], 8):o}"
        lines.append(f"{known['type'][0]} {mode} {known['uid']} {known['gid']} {path} {link}\n")
        if digest := known.get("sha256digest"):
            # As sha256sum(1) writes it: a backslash before the line says that those in the name are doubled.
            mark, name = ("\\", path.replace("\\", "\\\\")) if "\\" in path else ("", path)
            lines.append(f"{mark}{digest}  {name}\n")
    text = b"".join(sorted(line.encode("utf-8", "surrogateescape") for line in lines))
    return hashlib.sha256(text).hexdigest(), count


def unquoted(text: str) -> str:
    """A word of mtree(5), without its octal escapes."""
    data = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), text.encode())
    return data.decode("utf-8", "surrogateescape")


def sound(vm: VirtualMachine, folder: Path, mtree: str = "") -> str:
    """Boots the disk as it is, or all else proves nothing; compares what the guest sees with `mtree`."""
    commands = (READ_ALL, LIST)
    boot = check.watch(vm, Expectations(commands=commands, expect=("orchestrator: ready",)), folder, LIMIT)
    read = [section for section in boot.sections("command") if section.value.split()[1] == "0"]
    if len(read) != len(commands) or boot.status != 0:
        return "the disk does not boot as it is:\n" + "\n".join(boot.console)
    digest, count = listed(mtree)
    if mtree and not read[1].lines[-1].startswith(digest):
        return f"the guest sees other paths than the image's {count}, or other contents"
    print(f"booted as it is; the guest sees {count} paths as the manifest has them", flush=True)
    return ""


def main(argv: Sequence[str]) -> int:
    """Returns 0 if all was refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vm", type=Path, required=True, help="a machine with a disk")
    parser.add_argument("--mtree", type=Path, required=True, help="what the guest has to see on the disk")
    parser.add_argument("--count", type=int, default=12, help="bytes to change, one a boot")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    vm = machine.read(options.vm).machine()
    assert vm.disk, "name the machine of a disk"
    # Firmware adds time, and nothing that these changes are about.
    vm = dataclasses.replace(vm, disk=dataclasses.replace(vm.disk, start="kernel"))
    failed, attacks = 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if why := sound(vm, folder, options.mtree.read_text("utf-8")):
            print(why, file=sys.stderr)
            return 1
        seed = random.Random(options.seed)
        # One at a time: their disks are files of the same names.
        for attack in chain(wholes(vm, folder), flips(vm, folder, seed, options.count)):
            attacks += 1
            if why := attempt(attack, folder):
                failed += 1
                print(f"{attack.name}: {why}", file=sys.stderr, flush=True)
    print(f"{attacks} changes, {attacks - failed} refused")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
