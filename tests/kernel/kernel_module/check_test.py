"""The check of modules says what is wrong with each: the kernel would refuse them, at boot, in a guest."""

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.testing.modules import module
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import kmod
from tools.sysimage.formats.kmod import Module
from tools.sysimage.kernel.kernel_module_check import FREE, Kernel, check

MAGIC = "6.1-cloud SMP "
INFO = {"license": "GPL", "vermagic": MAGIC, "depends": ""}
KERNEL = Kernel(MAGIC, {"printk": 7, "kmalloc": 8})


def read(**changes: str) -> Module:
    return kmod.parse(module({**INFO, **changes}, {"printk": 7}, ["printk"]), "m.ko")


def problems(found: Module, kernel: Kernel = KERNEL, firmware: tuple[str, ...] = ()) -> Iterator[str]:
    return check({"m": found}, kernel, FREE, firmware)


def test_module_that_fits_has_no_problem() -> None:
    assert list(problems(read())) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            read(vermagic="6.2-cloud SMP "),
            "m: its version magic is '6.2-cloud SMP ', the kernel's '6.1-cloud SMP '",
        ),
        (read(license="Proprietary"), "m: its licence is 'Proprietary', not 'GPL' or "),
        (read(firmware="some/fw.bin"), "m: it may ask for the firmware some/fw.bin, which is not among none"),
        (
            kmod.parse(module(INFO, {"printk": 9}, ["printk"]), "m.ko"),
            "m: printk has the CRC 0x00000007 in the kernel, 0x00000009 here",
        ),
        (
            kmod.parse(module(INFO, {}, ["kmalloc"]), "m.ko"),
            "m: kmalloc has the CRC 0x00000008 in the kernel, none here",
        ),
        (
            kmod.parse(module(INFO, {"gone": 1}, ["gone"]), "m.ko"),
            "m: it needs gone, which neither the kernel nor a module of this build exports",
        ),
        *[
            (
                dataclasses.replace(read(), data=b"\0" + path + b"\0"),
                f"m: it holds a path of its build, {path.decode()}",
            )
            for path in (
                b"/root/.cache/x/source.c",
                b"/usr/src/linux-headers-6.1/include/a.h",
                b"/var/lib/sandbox/1/execroot/_main/a.c",
                b"./bazel-out/k8-fastbuild/bin/.build-ab12/source/a.c",
            )
        ],
    ],
)
def test_what_is_wrong_is_named(found: Module, said: str) -> None:
    (problem,) = problems(found)
    assert problem.startswith(said)


def test_firmware_that_is_expected_has_to_be_asked_for() -> None:
    assert list(problems(read(), firmware=("some/*.bin",))) == ["no module asks for the firmware some/*.bin"]
    assert list(problems(read(firmware="some/fw.bin"), firmware=("some/*.bin",))) == []


def test_symbols_of_other_modules_of_the_build_count() -> None:
    found = kmod.parse(module(INFO, {"ours": 3}, ["ours"]), "m.ko")
    kernel = Kernel(MAGIC, kmod.symvers("0x00000003\tours\tsource/other\tEXPORT_SYMBOL_GPL\t\n"))
    assert list(problems(found, kernel)) == []


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF\x02\x01", module(INFO)[:-64], b"\x7fELF\x01\x01" + bytes(80)]
)
def test_what_is_no_module_is_refused_in_a_line(data: bytes) -> None:
    with pytest.raises(ToolError, match=r"m\.ko: is no kernel module for a 64-bit machine"):
        kmod.parse(data, "m.ko")


WHOLE = module(INFO, {"printk": 7}, ["printk"])


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
@example(0, 47, 128)  # a section table behind the last address there is
def test_damage_ends_in_a_line_and_never_in_a_traceback(end: int, at: int, value: int) -> None:
    data = bytearray(WHOLE)
    data[at] = value
    for damaged in (bytes(data), WHOLE[:end]):
        with contextlib.suppress(ToolError):
            kmod.parse(damaged, "m.ko")
