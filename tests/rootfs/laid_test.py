"""Files, links and directories of the user's: nothing that is there goes without `replace`."""

from pathlib import Path
from typing import Any

import pytest

from tests.testing.debs import Deb, Folder
from tests.testing.small import BASE, INIT, content, names, run
from tools.sysimage.core.errors import ToolError

ACCOUNTS = Deb(
    "base-passwd",
    {
        "etc/passwd": "app:x:800:800::/:/bin/sh\n",
        "etc/group": "app:x:800:\n",
        "var/run": Folder(),
        "var/empty": Folder(0o700),
    },
    control={"postinst": "#!/bin/sh\necho made > /etc/made\n"},
)
DEBS = [BASE, INIT, ACCOUNTS]


def laid(folder: Path, **more: Any) -> Path:
    source = folder / "mine"
    source.write_text("mine")
    for item in more.get("files", ()):
        item["source"] = str(source)
    return run(folder, DEBS, **more)


def test_link_would_replace_what_a_script_made(tmp_path: Path) -> None:
    item: dict[str, Any] = {"path": "etc/made", "target": "x"}
    with pytest.raises(ToolError, match=r"symlinks: /etc/made is there, made by .*; name it in replace"):
        laid(tmp_path, symlinks=[item])
    output = laid(tmp_path, symlinks=[item | {"replace": True}])
    assert names(output)["etc/made"].linkname == "x"


def test_conffile_would_be_replaced_without_replace(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"files: /etc/init\.conf is in the package init; name it in replace"):
        laid(tmp_path, files=[{"path": "etc/init.conf"}])
    output = laid(tmp_path, files=[{"path": "etc/init.conf", "replace": True}])
    assert content(output, "etc/init.conf") == "mine"
    with pytest.raises(ToolError, match=r"symlinks: /etc/init\.conf is in the package init"):
        laid(tmp_path, symlinks=[{"path": "etc/init.conf", "target": "x"}])


def test_empty_directory_of_a_package_could_never_be_a_link(tmp_path: Path) -> None:
    item: dict[str, Any] = {"path": "var/run", "target": "/run"}
    with pytest.raises(ToolError, match=r"symlinks: /var/run is an empty directory in the image; name it in"):
        laid(tmp_path, symlinks=[item])
    assert names(laid(tmp_path, symlinks=[item | {"replace": True}]))["var/run"].issym()
    with pytest.raises(ToolError, match=r"/usr/share is a directory in the image"):
        laid(tmp_path, symlinks=[{"path": "usr/share", "target": "/run", "replace": True}])


def test_directory_would_not_have_its_owner_and_mode(tmp_path: Path) -> None:
    output = laid(
        tmp_path,
        directories=[
            {"path": "var/lib/app", "says": "0750 app:app"},
            {"path": "srv/app", "says": "app"},
            {"path": "opt/x"},
        ],
        files=[{"path": "var/lib/app/x"}],
    )
    found = {name: names(output)[name] for name in ("var/lib/app", "srv/app", "opt/x")}
    assert [(item.mode, item.uid, item.gid) for item in found.values()] == [
        (0o750, 800, 800),
        (0o755, 800, 800),
        (0o755, 0, 0),
    ]


def test_mode_of_a_directory_that_is_there_would_change(tmp_path: Path) -> None:
    item: dict[str, Any] = {"path": "var/empty", "says": "0755"}
    with pytest.raises(ToolError, match=r"directories: /var/empty is there with mode 0700 and owner 0:0"):
        laid(tmp_path, directories=[item])
    assert names(laid(tmp_path, directories=[item | {"replace": True}]))["var/empty"].mode == 0o755
    laid(tmp_path, directories=[{"path": "var/empty", "says": "0700"}])


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    *(
        ("files", {"path": f"{folder}/app/x"}, f"files: /{folder}/app/x: at boot, a file system is mounted")
        for folder in ("run", "dev", "proc", "sys")
    ),
    *(
        ("files", {"path": "etc/x", "mode": mode}, r"files: 'etc/x': mode .* is not octal")
        for mode in ("u+x", "789", "", "777777777777", "-1", "10755", "+755", "0o755", "٣", "0644\n")
    ),
    *(
        ("files", {"path": "etc/x", "owner": owner}, r"files: /etc/x: .*owner|user or group")
        for owner in (":app", "app:", "nobody", "4294967295", "app:٣", "app:app:app", "-1")
    ),
    ("symlinks", {"path": "etc/x", "target": ""}, "symlinks: 'etc/x': a symbolic link needs a target"),
    ("symlinks", {"path": "etc/x", "target": "/etc/x"}, "symlinks: 'etc/x': the link leads to itself"),
    ("symlinks", {"path": "etc/x", "target": "x"}, "symlinks: 'etc/x': the link leads to itself"),
    ("symlinks", {"path": "etc/x", "target": "a\0b"}, "symlinks: the target of 'etc/x'"),
    ("directories", {"path": "etc/made"}, "directories: /etc/made is a file in the image"),
    ("directories", {"path": "run/app"}, "directories: /run/app: at boot"),
    ("directories", {"path": "a", "says": "0755 root:root x"}, r"directories: 'a': .* is not \"MODE USER"),
    ("directories", {"path": "a", "says": "9755"}, "directories: 'a': mode '9755' is not octal"),
    ("directories", {"path": "a", "says": "0755 who"}, "directories: 'a': no user or group who"),
    ("directories", {"path": "a", "says": "0755 appp"}, r"no user appp in \S+ \(did you mean app\?\)"),
]


@pytest.mark.parametrize(("attribute", "item", "message"), REFUSED)
def test_nonsense_would_be_written(
    tmp_path: Path, attribute: str, item: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        laid(tmp_path, **{attribute: [item]})


def test_folder_would_be_laid_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"files: /etc/x: .* is no file; name a target that is one file"):
        run(tmp_path, DEBS, files=[{"path": "etc/x", "source": str(tmp_path)}])


def test_directory_would_be_given_twice_by_two_spellings(tmp_path: Path) -> None:
    items = [{"path": "lib/x", "says": "0700"}, {"path": "usr/lib//x"}]
    with pytest.raises(ToolError, match=r"'usr/lib//x' and 'lib/x' are both /usr/lib/x; keep one"):
        laid(tmp_path, directories=items)
