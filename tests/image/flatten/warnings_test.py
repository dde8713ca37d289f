"""Layers that close or hide what is below them: an image of them boots to a login that nobody can use."""

import tarfile
from pathlib import Path

import pytest

from tests.testing.layouts import layout
from tests.testing.tars import Entry, entry, symlink, tar
from tools.sysimage.formats import oci
from tools.sysimage.image import flatten

BELOW = (entry("./"), entry("usr/"), entry("usr/lib/"), entry("usr/lib/x", b"x"), symlink("lib", "usr/lib"))
LINK = (*BELOW, entry("var/"), symlink("var/run", "/run"))


def said(folder: Path, capfd: pytest.CaptureFixture[str], *layers: tuple[Entry, ...]) -> str:
    layout(folder / "layout", *(tar(*entries) for entries in layers))
    flatten.flatten(folder / "layout", oci.Platform("linux", "amd64", ""), folder / "out.tar")
    with tarfile.open(folder / "out.tar") as archive:
        assert archive.getnames()
    return capfd.readouterr().err


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((BELOW, (entry("./", mode=0o700),)), "it gives the root directory the mode 0700 and the owner 0"),
        ((BELOW, (entry("./", uid=1000),)), "it gives the root directory the mode 0755 and the owner 1000"),
        (((entry("./", mode=0o750), *BELOW[1:]),), "it gives the root directory the mode 0750"),
        (
            (BELOW, (entry("lib/"), entry("lib/y", b"y"))),
            "it makes /lib, a link to usr/lib, a directory of its own",
        ),
        ((LINK, (entry("var/run/"),)), "it makes /var/run, a link to /run, a directory of its own"),
    ],
)
def test_layer_would_close_or_hide_what_is_below_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], layers: tuple[tuple[Entry, ...], ...], message: str
) -> None:
    text = said(tmp_path, capfd, *layers)
    assert text.startswith("warning: ")
    assert message in text
    assert "sha256" in text.partition(message)[0] or "layer" in text.partition(message)[0]


def test_layer_that_does_neither_would_be_warned_of(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    above = (entry("./"), entry("usr/lib/y", b"y"), symlink("lib", "usr/lib"))
    assert not said(tmp_path, capfd, LINK, above)
