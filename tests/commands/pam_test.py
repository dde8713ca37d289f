"""The stacks that pam-auth-update writes, spelled out; pam_auth_update_test compares with the program."""

import pytest

from tests.commands.world import run
from tests.testing.debs import Node
from tests.testing.roots import make
from tools.sysimage.commands.world import World
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.root import Root

TEMPLATE = """# head
# here are the per-package modules (the "Primary" block)
old	line
# here's the fallback if no module succeeds
{}	requisite	pam_deny.so
# and here are more per-package modules (the "Additional" block)
another	line
# end of pam-auth-update config
"""
ONE = """Name: One
Default: yes
Priority: 256
Auth-Type: Primary
Auth:
	[success=end default=ignore]	pam_one.so ask again
Auth-Initial:
	[success=end default=ignore]	pam_one.so ask
Session-Type: Additional
Session:
	required	pam_one.so
"""
TWO = """Name: Two
Default: yes
Priority: 128
Auth-Type: Primary
Auth:
	[success=end default=ignore]	pam_two.so reuse
	sufficient	pam_four.so
"""
THREE = """Name: Three
Default: yes
Priority: 0
Session-Interactive-Only: yes
Session-Type: Additional
Session:
	optional	pam_three.so
"""
TYPES = ("auth", "account", "password", "session", "session-noninteractive")


def updated(**profiles: str) -> Root:
    paths: dict[str, Node] = {
        f"usr/share/pam/common-{kind}": TEMPLATE.format(kind.partition("-")[0]) for kind in TYPES
    }
    paths |= {f"usr/share/pam-configs/{name}": text for name, text in profiles.items()}
    return update(make(paths))


def update(root: Root) -> Root:
    made = World(root)
    made.bootstrap = True
    assert run(made, b"pam-auth-update --package --force") == (0, b"", b"")
    return root


def block(root: Root, kind: str) -> list[str]:
    return [line for line in root.text(f"etc/pam.d/common-{kind}").splitlines() if not line.startswith("#")]


def test_first_module_of_a_block_has_its_own_line_and_jumps_count_down() -> None:
    assert block(updated(one=ONE, two=TWO), "auth") == [
        "auth\t[success=3 default=ignore]\tpam_one.so ask",
        "auth\t[success=2 default=ignore]\tpam_two.so reuse",
        "auth\tsufficient\tpam_four.so ",
        "auth\trequisite\tpam_deny.so",
    ]


def test_higher_priority_comes_first_and_leads() -> None:
    lines = block(updated(one=ONE.replace("256", "1"), two=TWO), "auth")
    assert "pam_two" in lines[0]
    assert lines[2].endswith("pam_one.so ask again")


def test_stack_without_a_primary_module_stays_whole() -> None:
    assert block(updated(one=ONE), "session")[0] == "session\t[default=1]\t\t\tpam_permit.so"


def test_interactive_only_profile_is_not_in_the_other_stack() -> None:
    root = updated(one=ONE, three=THREE)
    assert any("pam_three" in line for line in block(root, "session"))
    assert not any("pam_three" in line for line in block(root, "session-noninteractive"))


def test_profile_that_is_off_by_default_is_known_but_not_used() -> None:
    root = updated(one=ONE, two=TWO.replace("Default: yes", "Default: no"))
    assert not any("pam_two" in line for line in block(root, "auth"))
    assert root.text("var/lib/pam/seen") == "one\ntwo\n"


def test_conflict_drops_what_is_named_whichever_priority_it_has() -> None:
    # As the program does, in spite of its comment: see pam_auth_update_test.
    root = updated(one=ONE, two=TWO.replace("Priority", "Conflicts: one\nPriority"))
    assert not any("pam_one" in line for line in block(root, "auth"))
    assert any("pam_two" in line for line in block(root, "auth"))


def test_record_says_what_was_written() -> None:
    root = updated(one=ONE)
    assert root.text("var/lib/pam/auth") == "Module: one\n[success=end default=ignore]\tpam_one.so ask\n"
    assert root.text("var/lib/pam/session") == (
        "Module: null\n[default=1]\t\t\tpam_permit.so\nModule: one\nrequired\tpam_one.so\n"
    )


def test_template_without_its_marks_is_refused() -> None:
    root = make(
        {f"usr/share/pam/common-{kind}": "nothing\n" for kind in TYPES} | {"usr/share/pam-configs/one": ONE}
    )
    with pytest.raises(ToolError, match="common-auth lacks the marks"):
        update(root)
