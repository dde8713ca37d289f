"""What programs answer where there is no systemd, bus or kernel to ask: by hand in a chroot of the lock."""

import pytest

from tests.commands.rooted import in_memory, rooted
from tests.commands.world import run
from tools.sysimage.core.errors import ToolError

# Of systemd 257 in a chroot (SYSTEMD_IN_CHROOT=1), with an empty /run.
_ANSWERS = (
    ("systemctl daemon-reload", 0, ""),
    ("systemctl --user daemon-reload", 0, ""),
    ("systemctl is-active cron", 0, ""),
    ("systemctl --quiet is-active a", 0, ""),
    ("systemctl show --property MainPID --value a.service", 0, ""),
    ("systemctl kill --signal=SIGHUP x", 0, ""),
    ("systemctl kill", 1, ""),
    ("systemctl daemon-reload extra", 1, ""),
    ("systemctl is-system-running", 1, "offline\n"),
    ("systemctl is-enabled nothing.service", 4, "not-found\n"),
    ("systemctl -q is-enabled nothing", 4, ""),
    ("deb-systemd-invoke start a.service b.socket", 0, ""),
    ("deb-systemd-invoke --user restart a.service", 0, ""),
    ("deb-systemd-invoke start", 1, ""),
    ("udevadm control --reload-rules", 0, ""),
    ("udevadm trigger --subsystem-match=block", 0, ""),
    ("udevadm settle --timeout=5", 0, ""),
    ("udevadm info --query=all --name=/dev/null", 1, ""),
    ("systemd-hwdb update", 0, ""),
    ("busctl list", 1, ""),
    ("loginctl reload", 1, ""),
    ("networkctl reload", 0, ""),
    ("systemd-detect-virt --quiet --container", 1, ""),
    ("systemd-detect-virt -c", 1, "none\n"),
    ("systemd-detect-virt -r", 0, ""),
    ("systemd-notify --booted", 1, ""),
    ("runlevel", 0, ""),
    ("telinit q", 0, ""),
    ("systemd-escape --path /a/b-c", 0, "a-b\\x2dc\n"),
    ("systemd-escape 'a/b c' x", 0, "a-b\\x20c x\n"),
    ("systemd-escape -p --suffix=mount /x", 0, "x.mount\n"),
    ("systemd-escape -u 'a-b\\x2dc'", 0, "a/b-c\n"),
    ("systemd-escape --template=a@.service 'x y'", 0, "a@x\\x20y.service\n"),
    ("systemd-tmpfiles --create nosuch.conf ok.conf", 1, ""),
    ("systemd-tmpfiles --create ok.conf", 0, ""),
    ("systemd-tmpfiles --create user.conf", 65, ""),
    ("systemd-tmpfiles", 1, ""),
    ("systemd-tmpfiles --create; echo $?; ls /var", 0, "65\na\nc\n"),
)
_FILES: dict[str, str | None] = {
    "etc/systemd/system": None,
    "etc/passwd": "root:x:0:0::/:\n",
    "etc/group": "root:x:0:\n",
    "usr/lib/tmpfiles.d/ok.conf": "d /var/a 0750 root root -\n",
    "usr/lib/tmpfiles.d/user.conf": "d /var/b 0750 nosuch root -\nd /var/c 0700 - - -\n",
}


@pytest.mark.parametrize(("call", "status", "output"), _ANSWERS)
def test_a_script_would_see_another_answer_than_in_a_chroot(call: str, status: int, output: str) -> None:
    done = run(rooted(_FILES), call.encode())
    assert done[:2] == (status, output.encode())


def test_a_line_of_tmpfiles_without_its_user_would_leave_a_folder_of_roots() -> None:
    made = rooted(_FILES)
    run(made, b"systemd-tmpfiles --create user.conf")
    files = in_memory(made.root.tree)
    assert "var/c" in files
    assert "var/b" not in files


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("py3compile -p x", "byte code"),
        ("ssh-keygen -q -f /k -N '' -t rsa", "keys"),
        ("openssl req -x509", "keys"),
        ("update-initramfs -u", "initramfs"),
        ("dkms add -m x -v 1", "kernel modules"),
        ("apparmor_parser -r -T -W /etc/apparmor.d/x", "kernel"),
        ("glib-compile-schemas /usr/share/glib-2.0/schemas", "compiled data"),
    ],
)
def test_what_is_left_for_the_guest_would_not_be_told(call: str, kind: str) -> None:
    made = rooted({"usr/share/glib-2.0/schemas/a.gschema.xml": "<schemalist/>", "etc": None})
    assert run(made, call.encode())[0] == 0
    assert [left.kind for left in made.left] == [kind]


def test_a_cache_would_be_said_to_lack_where_there_is_nothing_to_have_one() -> None:
    made = rooted({"usr/lib/x86_64-linux-gnu/gio/modules": None, "usr/share/glib-2.0/schemas": None})
    calls = b"gio-querymodules /usr/lib/x86_64-linux-gnu/gio/modules\n"
    calls += b"glib-compile-schemas /usr/share/glib-2.0/schemas"
    assert run(made, calls)[0] == 0
    assert not made.left


@pytest.mark.parametrize(
    "call",
    [
        "openssl x509 -in a",
        "udevadm test x",
        "journalctl -n1",
        "systemctl edit x",
    ],
)
def test_a_call_that_is_not_modelled_would_pass(call: str) -> None:
    with pytest.raises(ToolError, match="say by an entry"):
        run(rooted(_FILES), call.encode())


def test_the_catalog_and_the_librarys_cache_would_be_made_too_early_or_twice() -> None:
    made = rooted(_FILES)
    run(made, b"journalctl --update-catalog; ldconfig; journalctl --update-catalog; ldconfig")
    assert sorted(key[0] for key in made.root.late) == [40, 50]
