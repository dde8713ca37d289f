"""Compares systemctl and deb-systemd-helper with those of the lock, on generated units."""

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tests.commands import systemd_judge
from tests.commands.rooted import Done, in_memory, rooted
from tests.commands.world import run
from tools.sysimage.core.errors import ToolError

_UNITS = ("a.service", "b.service", "c.socket", "t@.service", "t@x.service", "d.target")
_FOLDERS = ("usr/lib/systemd/system", "etc/systemd/system")
_BASE: dict[str, str | None] = {
    "etc/systemd/system": None,
    "usr/lib/systemd/system/m.target": "[Unit]\n",
    "usr/lib/systemd/system/n.target": "[Unit]\n",
    "usr/bin/systemctl": "#!/bin/sh\n",
    "lib": "-> usr/lib",
    "bin": "-> usr/bin",
}


def _ours(script: str, files: dict[str, str | None]) -> Done:
    made = rooted(files)
    for path in ("usr/bin/systemctl",):
        if path in files:
            made.root.tree[path].mode = 0o755
    status, stdout, stderr = run(made, f"export DPKG_MAINTSCRIPT_PACKAGE=x DPKG_ROOT=\n{script}".encode())
    return Done(status, stdout, stderr, in_memory(made.root.tree))


def _agree(script: str, files: dict[str, str | None]) -> None:
    whole = _BASE | files
    real, ours = systemd_judge.real(script, whole), _ours(script, whole)
    assert (ours.status, ours.stdout, ours.files) == (real.status, real.stdout, real.files), (
        real.stderr.decode() + "\n---\n" + ours.stderr.decode()
    )


def _units(*texts: str) -> dict[str, str | None]:
    return {
        f"usr/lib/systemd/system/{name}": text for name, text in zip(texts[::2], texts[1::2], strict=True)
    }


_PLAIN = "[Service]\nExecStart=/x\n[Install]\nWantedBy=m.target\n"
_CASES: dict[str, tuple[str, dict[str, str | None]]] = {
    "enable": ("systemctl enable a", _units("a.service", _PLAIN)),
    "twice": ("systemctl enable a; systemctl enable a; systemctl is-enabled a", _units("a.service", _PLAIN)),
    "none": ("systemctl enable a; echo $?; systemctl is-enabled a b", _units("a.service", "[Unit]\n")),
    "missing": ("systemctl enable b a; echo $?; systemctl disable b", _units("a.service", _PLAIN)),
    "comment": (
        "systemctl enable a",
        _units("a.service", "[Install]\nWantedBy=m.target \\\n# n.target\n  n.target\nAlias=b.service\n"),
    ),
    "empty": ("systemctl enable a", _units("a.service", "[Install]\nWantedBy=m.target\nWantedBy=\n")),
    "crlf": ("systemctl enable a", _units("a.service", "\ufeff[Install]\r\nWantedBy=m.target\r\n")),
    "quotes": ("systemctl enable a", _units("a.service", "[Install]\nWantedBy='m.target' \"n.target\"\n")),
    "other alias": (
        "systemctl enable a; echo $?",
        _units("a.service", "[Install]\nAlias=b.service a.service\n"),
    ),
    "alias disable": (
        "systemctl enable a; systemctl is-enabled b; systemctl disable b; systemctl is-enabled b",
        _units("a.service", "[Install]\nAlias=b.service\nWantedBy=m.target\n"),
    ),
    "also": (
        "systemctl enable a; systemctl is-enabled a c.socket; systemctl disable a",
        _units(
            "a.service", "[Install]\nAlso=c.socket z.service\n", "c.socket", "[Install]\nWantedBy=m.target\n"
        ),
    ),
    "template": (
        "systemctl enable t@; systemctl is-enabled t@.service t@x t@y;"
        "systemctl disable t@y; systemctl disable t@",
        _units("t@.service", "[Install]\nWantedBy=m.target\nDefaultInstance=x\n"),
    ),
    "instance": (
        "systemctl enable t@q; systemctl is-enabled t@.service t@q; systemctl disable t@q",
        _units("t@.service", "[Install]\nWantedBy=m.target\n"),
    ),
    "mask": (
        "systemctl mask a b; systemctl is-enabled a b; systemctl enable a; echo $?; systemctl unmask a b",
        _units("a.service", _PLAIN),
    ),
    "mask of an alias": (
        "systemctl enable a; systemctl mask b; echo $?; systemctl mask a;"
        "systemctl disable b; systemctl disable a",
        _units("a.service", "[Install]\nAlias=b.service\nWantedBy=m.target\n"),
    ),
    "also that is emptied": (
        "systemctl enable a; echo $?",
        _units(
            "a.service",
            "[Install]\nAlso=b.service\nAlso=\nAlso=c.socket\nWantedBy=m.target\n",
            "b.service",
            _PLAIN,
            "c.socket",
            _PLAIN,
        ),
    ),
    "also that is a link": (
        "systemctl enable a; echo $?",
        _units("a.service", "[Install]\nAlso=b.service\nWantedBy=m.target\n", "c.service", _PLAIN)
        | {"etc/systemd/system/b.service": "-> /usr/lib/systemd/system/c.service"},
    ),
    "alias of another type": (
        "systemctl enable a; echo $?; systemctl enable t@x; echo $?; systemctl enable t@; echo $?",
        _units(
            "a.service",
            "[Install]\nAlias=a.socket\nWantedBy=m.target\n",
            "t@.service",
            "[Install]\nAlias=b.service\nDefaultInstance=y\nWantedBy=m.target\n",
        ),
    ),
    "wanted by another name": (
        "systemctl is-enabled a b t@.service t@x",
        _units("a.service", _PLAIN, "b.service", _PLAIN, "t@.service", _PLAIN)
        | {
            "etc/systemd/system/m.target.wants/a.service": "-> /usr/lib/systemd/system/b.service",
            "etc/systemd/system/m.target.wants/t@x.service": "-> /usr/lib/systemd/system/t@.service",
        },
    ),
    "unmask leaves links": (
        "systemctl unmask a; echo $?",
        {
            "etc/systemd/system/a.service": "-> /dev/null",
            "etc/systemd/system/m.target.wants/c.service": "-> /etc/systemd/system/a.service",
        },
    ),
    "preset with more words": (
        "systemctl preset a; echo $?; systemctl preset b; echo $?",
        _units("a.service", _PLAIN, "b.service", _PLAIN)
        | {
            "usr/lib/systemd/system-preset/90.preset": "disable a.service x\nenable b.service x\n"
            "disable b.*\n"
        },
    ),
    "linked": (
        "systemctl is-enabled a; echo $?",
        {"opt/a.service": _PLAIN, "etc/systemd/system/a.service": "-> /opt/a.service"},
    ),
    "mask file": (
        "systemctl mask a; echo $?; systemctl unmask a; systemctl is-enabled a",
        {"etc/systemd/system/a.service": _PLAIN},
    ),
    "preset": (
        "systemctl preset a b; systemctl --preset-mode=enable-only preset a b; systemctl preset a b",
        _units("a.service", _PLAIN, "b.service", _PLAIN)
        | {"usr/lib/systemd/system-preset/90.preset": "disable a.*\nenable *\n"},
    ),
    "preset of what Also= names": (
        "systemctl preset a c.socket; echo $?; systemctl preset c.socket; echo $?",
        _units("a.service", "[Install]\nAlso=c.socket\n"),
    ),
    "drop-in": (
        "systemctl enable a",
        _units("a.service", _PLAIN, "a.service.d/1.conf", "[Install]\nRequiredBy=n.target\n")
        | {"etc/systemd/system/a.service.d/1.conf": "[Install]\nUpheldBy=n.target\n"},
    ),
    "default": ("systemctl set-default m; systemctl get-default; systemctl set-default q; echo $?", {}),
    "online": ("systemctl --root=/ start a; echo $?; systemctl start; echo $?", {}),
    "user": (
        "systemctl --global enable a; systemctl --global is-enabled a; systemctl is-enabled a",
        {"usr/lib/systemd/user/a.service": _PLAIN},
    ),
    "helper": (
        "deb-systemd-helper unmask a.service; deb-systemd-helper --quiet was-enabled a.service; echo $?;"
        "deb-systemd-helper enable a.service; deb-systemd-helper update-state a.service;"
        "deb-systemd-helper debian-installed a.service; deb-systemd-helper is-enabled a.service",
        _units("a.service", _PLAIN),
    ),
    "helper missing": ("deb-systemd-helper enable a.service; echo $?", {}),
    "helper masked": (
        "deb-systemd-helper enable a.service; echo $?",
        _units("a.service", _PLAIN) | {"etc/systemd/system/a.service": "-> /dev/null"},
    ),
    "helper purge": (
        "deb-systemd-helper enable a.service; deb-systemd-helper mask a.service; echo $?;"
        "deb-systemd-helper unmask a.service; deb-systemd-helper purge a.service",
        _units("a.service", _PLAIN),
    ),
    "helper user": (
        "deb-systemd-helper --user enable a.service; deb-systemd-helper --user was-enabled a.service",
        {"usr/lib/systemd/user/a.service": _PLAIN},
    ),
    "helper spaces": (
        "deb-systemd-helper enable a.service",
        _units("a.service", "[Install]\nWantedBy= m.target 'n.target'\nAlias=x.service y.service\n"),
    ),
    "helper reenable": (
        "deb-systemd-helper enable a.service; deb-systemd-helper reenable a.service",
        _units("a.service", "[Install]\nAlso=c.socket\n", "c.socket", "[Install]\nRequiredBy=m.target\n"),
    ),
}


@pytest.mark.parametrize("name", _CASES)
def test_units_would_be_linked_otherwise_than_by_the_program(name: str) -> None:
    script, files = _CASES[name]
    _agree(script, files)


@pytest.mark.parametrize("name", [name for name in _CASES if name.startswith("helper")])
def test_deb_systemd_helper_would_differ_without_systemctl(name: str) -> None:
    script, files = _CASES[name]
    whole: dict[str, str | None] = {
        key: text for key, text in (_BASE | files).items() if "systemctl" not in key
    }
    real, ours = systemd_judge.real(script, whole), _ours(script, whole)
    assert (ours.status, ours.stdout, ours.files) == (real.status, real.stdout, real.files)


def test_links_would_not_lead_to_where_an_older_systemd_has_its_units() -> None:
    # From an installation of systemd 252: of its own folders, it looks into /lib first.
    files = _BASE | _units("a.service", _PLAIN) | {"lib": "-> usr/lib"}
    link = "etc/systemd/system/m.target.wants/a.service"
    for folder in ("lib/systemd/system", "usr/lib/systemd/system"):
        shipped: dict[str, str | None] = {
            "var/lib/dpkg/info/systemd.list": f"/.\n/{folder}\n/{folder}/x.service\n"
        }
        assert _ours("systemctl enable a", files | shipped).files[link] == f"-> /{folder}/a.service"


_WORDS = st.sampled_from(("m.target", "n.target", "'n.target'", "%p.target", "d.target"))
_KEYS = st.sampled_from(("WantedBy", "RequiredBy", "UpheldBy", "wantedby"))
_LINES = st.one_of(
    st.builds(
        lambda key, words, end: f"{key}={' '.join(words)}{end}",
        _KEYS,
        st.lists(_WORDS, max_size=2),
        st.sampled_from(("", " ", " \\\n # c\n n.target", "\r")),
    ),
    st.sampled_from(
        (
            "Also=b.service",
            "Also=c.socket",
            "Also=t@x.service",
            "Also=z.service",
            "DefaultInstance=x",
            "# WantedBy=m.target",
        )
    ),
    st.sampled_from(
        ("Alias=al.service", "Alias=b.service", "[Service]", "[Install]", " ; Alias=no.service", "[Inst")
    ),
)
_FILES = st.dictionaries(
    st.tuples(st.sampled_from(_FOLDERS), st.sampled_from(_UNITS)),
    st.lists(_LINES, max_size=4).map(lambda lines: "[Install]\n" + "\n".join(lines) + "\n"),
    min_size=1,
    max_size=4,
)
_NAMES = st.sampled_from(("a", "b", "c.socket", "t@", "t@x", "t@y", "d.target", "al", "z"))
_VERBS = (
    "enable",
    "disable",
    "mask",
    "unmask",
    "is-enabled",
    "preset",
    "--preset-mode=enable-only preset",
    "reenable",
)
_CALLS = st.lists(
    st.tuples(st.sampled_from(_VERBS), st.lists(_NAMES, min_size=1, max_size=2)), min_size=1, max_size=4
)
_PRESETS = st.sampled_from(
    ("", "disable *\n", "enable a.service\ndisable b*\n", "enable t@.service q\ndisable *\n")
)


@settings(max_examples=100, deadline=None)
@given(_FILES, _CALLS, _PRESETS)
def test_generated_units_would_be_linked_otherwise(
    units: dict[tuple[str, str], str], calls: list[tuple[str, list[str]]], presets: str
) -> None:
    files: dict[str, str | None] = {f"{folder}/{name}": text for (folder, name), text in units.items()}
    files["usr/lib/systemd/system-preset/5.preset"] = presets
    script = "".join(f"systemctl {verb} {' '.join(names)}; echo $?\n" for verb, names in calls)
    try:
        _agree(script, files)
    except ToolError:
        reject()
