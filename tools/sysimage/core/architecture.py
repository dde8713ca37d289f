"""The architectures of guests and hosts: every fact in which they differ, in one table.

The table of the rules is //system_image/private/core:architecture.bzl.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the tools need to know of an architecture."""

    name: str  # Debian's and OCI's: "amd64"
    triplet: str  # GNU's, in paths of libraries and compilers
    loader: str  # file name of the dynamic loader
    elf_machine: int  # e_machine of ELF
    cache_flags: int  # of a library in ld.so.cache (glibc's dl-cache.h)
    oci_variant: str  # the variant of an image that names none
    kbuild: tuple[str, ...]  # endings of linux-kbuild's programs: word size and byte order, instruction set
    cc1: tuple[str, ...]  # options that the compiler has for this architecture alone
    lib64: bool  # whether programs look for the loader in /lib64
    qemu: str  # program that emulates it
    qemu_machine: str
    qemu_cpu: str  # the processor that is emulated
    emulated: tuple[str, ...]  # words for the kernel of an emulated machine
    console: str  # serial console in the guest


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture(
            name="amd64",
            triplet="x86_64-linux-gnu",
            loader="ld-linux-x86-64.so.2",
            elf_machine=62,
            cache_flags=0x0300,
            oci_variant="",
            kbuild=("lsb-64", "x86"),
            cc1=("-fcf-protection=none",),
            lib64=True,
            qemu="qemu-system-x86_64",
            qemu_machine="q35",
            # Without the fast string instructions, which an emulator carries out byte by byte, nor a fifth
            # level of page tables, which it walks at each miss: together a quarter of a boot.
            qemu_cpu="max,erms=off,fsrm=off,fsrs=off,fzrm=off,la57=off",
            # On a busy host the emulated timer ticks too late for this check, and the kernel panics.
            emulated=("no_timer_check",),
            console="ttyS0",
        ),
        Architecture(
            name="arm64",
            triplet="aarch64-linux-gnu",
            loader="ld-linux-aarch64.so.1",
            elf_machine=183,
            cache_flags=0x0A00,
            oci_variant="v8",
            kbuild=("lsb-64",),
            cc1=(),
            lib64=False,
            qemu="qemu-system-aarch64",
            qemu_machine="virt,gic-version=max",
            # Exact emulation of pointer authentication takes half of the time, and nothing here needs it.
            qemu_cpu="max,pauth-impdef=on",
            emulated=(),
            console="ttyAMA0",
        ),
    )
}

# By the number in ELF headers.
BY_ELF_MACHINE = {architecture.elf_machine: architecture for architecture in ARCHITECTURES.values()}
