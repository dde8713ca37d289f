"""The rule: what a `rootfs` with a base makes, of the attributes that only the rule can hand over."""

import os
from pathlib import Path

from tests.testing.small import content, names


def test_layer_has_what_its_attributes_and_those_of_its_base_say_and_no_more() -> None:
    layer = Path(os.environ["LAYER"])
    entries = names(layer)
    assert content(layer, "etc/hostname") == "extended\n"
    assert content(layer, "etc/modules-load.d/image.conf") == "tun\n"
    assert "app:x:800:800:" in content(layer, "etc/passwd")
    assert (entries["etc/app.conf"].uid, entries["etc/app.conf"].gid) == (800, 800)
    assert "usr/lib/systemd/systemd" not in entries
    # The base masks it and leaves manual pages out; neither is undone.
    assert not [name for name in entries if "systemd-pstore" in name or "usr/share/man" in name]
    base = names(Path(os.environ["BASE"]))
    # The base has no database of packages, and what extends it brings none back.
    database = "var/lib/dpkg/"
    assert not [name for name in [*base, *entries] if name.startswith(database) and not name.endswith("/")]
    assert "usr/lib/systemd/systemd" in base
    assert "etc/hostname" not in base
