"""Control files: one that is read otherwise than by dpkg is recorded wrongly, or taken against its will."""

import time

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import control_file

_GOOD = "Package: a\nVersion: 1\nArchitecture: all\n"


# What dpkg 1.22.22 writes of a field.
@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ("depends: b(>=1) ,c\n", "Depends", "b (>= 1), c"),
        ("Depends: b (> 0:2) | C:any\n", "Depends", "b (>= 2) | c:any"),
        ("Recommends: b\nRecommended: c\n", "Recommends", "b, c"),
        ("Priority: Optional\n", "Priority", "optional"),
        ("Priority: own\n", "Priority", "own"),
        ("Class: base\nPriority: \nX-Y: y\n", "Priority", "base"),
        ("Multi-Arch: Foreign\n", "Multi-Arch", "foreign"),
        ("Revision: 2\n", "Version", "1-2"),
        ("X-own: a: b\n", "X-own", "a: b"),
    ],
)
def test_field_would_be_written_otherwise_than_by_dpkg(text: str, name: str, written: str) -> None:
    assert control_file.written(control_file.parse(_GOOD + text, "x.deb"))[name] == written


@pytest.mark.parametrize(
    "text", ["Essential: no\n", "Multi-Arch: no\n", "Origin: \nX-Y: z\n", "Conffiles: \n /x 00\n"]
)
def test_field_that_says_nothing_would_be_written(text: str) -> None:
    made = control_file.written(control_file.parse(_GOOD + text, "x.deb"))
    assert made.keys() <= {"Package", "Version", "Architecture", "X-Y"}


@pytest.mark.parametrize(
    "text",
    [
        *("Depends: b (>= 1\n", "Depends: b c\n", "Depends: b,,c\n", "Depends: b |\n", "Provides: v | w\n"),
        *("Provides: v (>= 1)\n", "Depends: b (=> 1)\n", "Depends: -b\n", "Depends: b (>= 1_2)\n"),
        *("Version: 2\n", "Status: install ok installed\n", "Essential: maybe\n", "Multi-Arch: same\n"),
        *(
            "X Y: z\n",
            "no colon\n",
            ": z\n",
            "-X: y\n",
            "X: y\n",
            "X-Y: z",
            "\nPackage: b\n",
            "Origin:\n",
            "X-Y: z\n \n",
        ),
    ],
)
def test_what_dpkg_refuses_would_be_taken(text: str) -> None:
    with pytest.raises(ToolError, match=r"^x\.deb: its control file is one that dpkg refuses \("):
        control_file.parse(_GOOD + text, "x.deb")


@pytest.mark.parametrize("epoch", ["9" * 21, "0" * 30 + "9" * 21, "9" * 5000, "-1", "+"])
def test_epoch_of_no_version_would_be_taken_or_end_in_a_traceback(epoch: str) -> None:
    with pytest.raises(ToolError, match=r"the epoch of the version .* is no number that can be"):
        control_file.parse(_GOOD.replace("Version: 1", f"Version: {epoch}:1"), "x.deb")


def test_epoch_of_many_zeros_would_be_refused() -> None:
    given = control_file.parse(_GOOD.replace("Version: 1", f"Version: {'0' * 5000}:1"), "x.deb")
    assert control_file.written(given)["Version"] == "1"


@pytest.mark.parametrize(
    "text",
    [
        f"Depends: a ({' ' * 5000}b c\n",
        f"Depends: {'a (>= 1), ' * 100_000}-\n",
        "".join(f"X{number}:\n" for number in range(60_000)) + "Origin:\n",
    ],
)
def test_large_control_file_would_take_for_ever(text: str) -> None:
    start = time.process_time()
    with pytest.raises(ToolError, match="dpkg refuses"):
        control_file.parse(_GOOD + text, "x.deb")
    assert time.process_time() - start < 2
