"""image_policy_test: each rule catches its violation, and says path, package and the line of the policy."""

from pathlib import Path

import pytest

from tests.evidence import small_image
from tests.testing.debs import File, Folder, Link, Node
from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence import collect, policy
from tools.sysimage.evidence.facts import Facts
from tools.sysimage.evidence.policy_rules import RULES

# Rule → a policy that the small image keeps, one that it breaks, and what the message has to name.
CASES = {
    "size.max_mib": ("max_mib = 1", "max_mib = 0", "too large"),
    "size.max_compressed_mib": ("max_compressed_mib = 1", "max_compressed_mib = 0", "too large"),
    "size.max_entries": ("max_entries = 100", "max_entries = 3", "too many paths"),
    "files.setuid": ('setuid = ["/usr/bin/su"]', "setuid = []", "/usr/bin/su (bash)"),
    "files.capabilities": ('capabilities = ["/usr/bin/ping"]', "capabilities = []", "/usr/bin/ping (base)"),
    "files.world_writable": ('world_writable = ["/srv"]', "world_writable = []", "/srv (base)"),
    "files.forbidden": ('forbidden = {"/opt" = "x"}', 'forbidden = {"/etc/ma*" = "no"}', "/etc/made (base)"),
    "programs.shells": ("shells = true", "shells = false", "/usr/bin/bash (bash)"),
    "programs.package_managers": (
        "package_managers = true",
        "package_managers = false",
        "/usr/bin/dpkg (base)",
    ),
    "units.enabled": ('enabled = ["app.socket"]', "enabled = []", "app.socket (base)"),
    "units.listen": ('listen = ["22"]', "listen = []", "app.socket (base) listens: ListenStream=22"),
    "users.allowed": ('allowed = ["root", "app"]', 'allowed = ["root"]', "user app (100)"),
    "users.passwords": ('passwords = ["app"]', "passwords = []", "user app has a password"),
    "packages.forbidden": (
        'forbidden = {"x" = "y"}',
        'forbidden = {"ba*" = "no"}',
        "bash 5.2-1+b1 is forbidden: no",
    ),
    "licences.allowed": (
        'allowed = ["GPL-3.0-or-later", "LicenseRef-permissive", "NOASSERTION"]',
        'allowed = ["GPL-3.0-or-later", "NOASSERTION"]',
        "bash 5.2-1+b1 is under LicenseRef-permissive",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Facts:
    changes: dict[str, Node | None] = {
        "srv": Folder(0o777),
        "usr/bin/ping": File("ping", 0o755),
        "usr/bin/dpkg": File("dpkg", 0o755),
        "etc/shadow": "root:*:1::::::\napp::1::::::\n",
    }
    made = small_image.tree(**changes)
    made["usr/bin/ping"].xattrs = {"security.capability": b"\1"}
    return small_image.make(made)


def test_each_rule_has_a_case_here() -> None:
    assert CASES.keys() == RULES.keys()


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_lets_through_what_it_allows(found: Facts, rule: str) -> None:
    text = f"[{rule.partition('.')[0]}]\n{CASES[rule][0]}\n"
    assert list(policy.breaches(found, text, "p.toml")) == []


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_catches_its_violation_and_names_it(found: Facts, rule: str) -> None:
    text = f"# reviewed\n[{rule.partition('.')[0]}]\n\n{CASES[rule][1]}\n"
    lines = list(policy.breaches(found, text, "p.toml"))
    assert any(CASES[rule][2] in line for line in lines), lines
    assert all(line.startswith(f"p.toml:4: {rule}: ") for line in lines)


def test_a_section_of_its_own_is_found_too(found: Facts) -> None:
    [line] = policy.breaches(found, '[size]\n[packages.forbidden]\nbash = "no"\n', "p.toml")
    assert line.startswith("p.toml:2: packages.forbidden: the package bash")


def test_of_a_choice_of_licences_one_is_enough() -> None:
    facts = small_image.make()
    choice = small_image.DEBS["bash_5.2-1+b1_amd64"] | {"licence": "(GPL-1.0-only OR (MIT AND ISC)) AND Zlib"}
    known = small_image.known()
    known.debs["bash_5.2-1+b1_amd64"] = choice
    facts = collect.of_tree(small_image.tree(), known, facts.image)
    for allowed, missing in (
        ('"GPL-1.0-only", "Zlib"', []),
        ('"MIT", "ISC", "Zlib"', []),
        ('"MIT", "Zlib"', ["GPL-1.0-only"]),
        ('"MIT", "ISC"', ["Zlib"]),
    ):
        text = f'[licences]\nallowed = ["NOASSERTION", {allowed}]\n'
        found = [line.rpartition('"')[0].rpartition('"')[2] for line in policy.breaches(facts, text, "p")]
        assert found == missing


@pytest.mark.parametrize(
    "name, allowed",
    [("ListenStream=/run/x", True), ("ListenStream=@x", True), ("ListenDatagram=10.0.0.1:53", False),
     ("ListenStream=vsock::22", False), ("ListenNetlink=route 1", True), ("ListenFIFO=/run/x", True)],
)  # fmt: skip
def test_only_what_another_machine_can_reach_counts_as_listening(name: str, allowed: bool) -> None:
    path = f"{small_image.UNITS}/app.socket"
    facts = small_image.make(small_image.tree(**{path: f"[Socket]\n{name}\n"}))
    assert (list(policy.breaches(facts, "[units]\nlisten = []\n", "p")) == []) == allowed


def test_a_disabled_socket_and_a_masked_one_do_not_listen() -> None:
    link = "etc/systemd/system/sockets.target.wants/app.socket"
    for changes in ({link: None}, {link: None, "etc/systemd/system/app.socket": Link("/dev/null")}):
        facts = small_image.make(small_image.tree(**changes))
        assert list(policy.breaches(facts, "[units]\nlisten = []\nenabled = []\n", "p")) == []


@pytest.mark.parametrize(
    "text, message",
    [
        ("[size]\nmax_mb = 3\n", "p.toml:2: the rule size.max_mb is unknown; there are size.max_mib"),
        ("[size]\nmax_mib = true\n", "p.toml:2: size.max_mib: has to be a whole number"),
        ("[files]\nsetuid = [3]\n", "p.toml:2: files.setuid: has to be a list of texts"),
        ("max_mib = 3\n", "stands outside of a section"),
        ("[size\n", "is no TOML"),
    ],
)
def test_a_rule_that_is_misspelt_is_an_error_and_not_ignored(text: str, message: str) -> None:
    with pytest.raises(ToolError) as error:
        list(policy.breaches(small_image.make(), text, "p.toml"))
    assert message in str(error.value)


def test_the_status_says_whether_the_policy_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    facts = small_image.write(tmp_path, small_image.make())
    rules = tmp_path / "policy.toml"
    for text, status in (("[size]\nmax_mib = 1\n", 0), ("[size]\nmax_mib = 0\n", 1)):
        rules.write_text(text)
        assert policy.main(["--facts", str(facts), "--policy", str(rules)]) == status
    assert "//:app: breaks its policy 1 times" in capsys.readouterr().out
