"""Which of the files that a source makes is the module of a name."""

from pathlib import Path

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.kernel.kernel_module import find


def source(folder: Path, *modules: str) -> Path:
    for module in modules:
        (folder / module).parent.mkdir(parents=True, exist_ok=True)
        (folder / module).touch()
    return folder


@pytest.mark.parametrize("name", ["my_user", "drv/sub/my_user"])
def test_module_in_a_subfolder_would_not_be_found_by_its_name_or_path(tmp_path: Path, name: str) -> None:
    made = source(tmp_path, "my-drv.ko", "drv/sub/my_user.ko")
    assert find(made, name) == tmp_path / "drv/sub/my_user.ko"


def test_module_of_the_top_would_be_mixed_up_with_that_of_a_subfolder(tmp_path: Path) -> None:
    assert find(source(tmp_path, "x.ko", "sub/x.ko"), "x") == tmp_path / "x.ko"


def test_module_of_two_subfolders_would_be_one_of_them_by_chance(tmp_path: Path) -> None:
    with pytest.raises(
        ToolError, match=r"^modules: the source makes a/x, b/x; name one of them instead of x$"
    ):
        find(source(tmp_path, "a/x.ko", "b/x.ko", "a/y.ko"), "x")


@pytest.mark.parametrize("name", ["y", "sub", "b/x", "x.ko", "x_"])
def test_module_that_is_not_made_would_be_refused_without_what_is_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(ToolError, match=rf"^modules: the source does not make {name}; it makes sub/x, x-z$"):
        find(source(tmp_path, "sub/x.ko", "x-z.ko"), name)
