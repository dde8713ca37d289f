"""Units: enabling, masking, presets."""

import pytest

from tests.testing.debs import Link
from tests.testing.roots import links, make
from tools.sysimage.core.errors import ToolError
from tools.sysimage.effects.root import Root
from tools.sysimage.systemd import unit_state, units

LIB = "usr/lib/systemd/system"
ETC = "etc/systemd/system"


def rooted(**paths: str) -> Root:
    return make({f"{LIB}/{name.replace('_', '.').replace('AT', '@')}": text for name, text in paths.items()})


def enabled(root: Root, *names: str) -> dict[str, str]:
    units.enable(root, "test", names=list(names))
    return links(root, ETC)


def test_wants_requires_upholds_and_aliases_become_links() -> None:
    text = (
        "[Unit]\nWantedBy=no\n[Install]\nWantedBy=a.target b.target\nRequiredBy=c.target\nUpheldBy=d.target\n"
    )
    assert enabled(rooted(x_service=text + "Alias=y.service\n"), "x.service") == {
        f"{ETC}/a.target.wants/x.service": f"/{LIB}/x.service",
        f"{ETC}/b.target.wants/x.service": f"/{LIB}/x.service",
        f"{ETC}/c.target.requires/x.service": f"/{LIB}/x.service",
        f"{ETC}/d.target.upholds/x.service": f"/{LIB}/x.service",
        f"{ETC}/y.service": f"/{LIB}/x.service",
    }


def test_name_without_a_suffix_is_a_service() -> None:
    assert enabled(rooted(x_service="[Install]\nWantedBy=a.target\n"), "x")


def test_instance_of_a_template_links_to_the_template() -> None:
    root = rooted(gettyAT_service="[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n")
    assert enabled(root, "getty@ttyS0.service", "getty@.service") == {
        f"{ETC}/getty.target.wants/getty@ttyS0.service": f"/{LIB}/getty@.service",
        f"{ETC}/getty.target.wants/getty@tty1.service": f"/{LIB}/getty@.service",
    }


def test_specifiers_in_install_are_those_of_the_unit() -> None:
    root = rooted(xAT_service="[Install]\nWantedBy=%i.target %p-all.target\n")
    assert sorted(enabled(root, "x@one.service")) == [
        f"{ETC}/one.target.wants/x@one.service",
        f"{ETC}/x-all.target.wants/x@one.service",
    ]


def test_also_enables_the_other_unit_and_ends_if_it_names_the_first() -> None:
    root = rooted(
        a_service="[Install]\nAlso=a.socket\nWantedBy=x.target\n",
        a_socket="[Install]\nAlso=a.service\nWantedBy=sockets.target\n",
    )
    assert sorted(enabled(root, "a.service")) == [
        f"{ETC}/sockets.target.wants/a.socket",
        f"{ETC}/x.target.wants/a.service",
    ]


def test_drop_in_and_continued_line_count() -> None:
    root = make(
        {
            f"{LIB}/x.service": "[Install]\nWantedBy=a.target \\\n  b.target\n",
            f"{ETC}/x.service.d/1.conf": "[Install]\nWantedBy=\nWantedBy=c.target\n",
        }
    )
    assert sorted(enabled(root, "x.service")) == [f"{ETC}/c.target.wants/x.service"]


def test_unknown_unit_is_refused_with_the_nearest_names() -> None:
    root = rooted(orchestrator_service="", runc_service="")
    with pytest.raises(ToolError, match=r"no unit orchestrater.service .*did you mean orchestrator.service"):
        units.enable(root, "services.enable", names=["orchestrater"])


def test_users_unit_that_can_not_be_enabled_is_refused() -> None:
    root = rooted(x_service="[Service]\nExecStart=/x\n")
    with pytest.raises(ToolError, match=r"x.service has no \[Install\] section"):
        units.enable(root, "services.enable", names=["x.service"], strict=True)
    units.mask(root, "services.mask", names=["x"])
    with pytest.raises(ToolError, match=r"x\.service is masked"):
        units.enable(root, "services.enable", names=["x.service"], strict=True)


def test_mask_leads_to_null_and_spares_a_file_of_the_user() -> None:
    root = make({f"{LIB}/x.service": "", f"{ETC}/y.service": ""})
    units.mask(root, "services.mask", names=["x.service"])
    assert links(root, ETC) == {f"{ETC}/x.service": "/dev/null"}
    with pytest.raises(ToolError, match=r"/etc/systemd/system/y.service is a file"):
        units.mask(root, "services.mask", names=["y.service"])


def test_disable_removes_all_links_to_the_unit_and_no_other() -> None:
    root = rooted(
        x_service="[Install]\nWantedBy=a.target\nAlias=z.service\n",
        y_service="[Install]\nWantedBy=a.target\n",
    )
    enabled(root, "x.service", "y.service")
    units.disable(root, "services.disable", names=["x.service"])
    assert sorted(links(root, ETC)) == [f"{ETC}/a.target.wants/y.service"]


def test_disable_of_an_instance_leaves_the_others() -> None:
    root = rooted(gettyAT_service="[Install]\nWantedBy=getty.target\n")
    enabled(root, "getty@tty1.service", "getty@tty2.service")
    units.disable(root, "services.disable", names=["getty@tty1.service"])
    assert sorted(links(root, ETC)) == [f"{ETC}/getty.target.wants/getty@tty2.service"]


def test_default_target_is_a_link_to_the_unit() -> None:
    root = rooted(multi_target="[Unit]\n")
    units.set_default(root, "default_target", target="multi.target")
    assert root.tree[f"{ETC}/default.target"].target == f"/{LIB}/multi.target"
    with pytest.raises(ToolError, match="no unit"):
        units.set_default(root, "default_target", target="other.target")


@pytest.mark.parametrize(
    ("name", "wanted"), [("a.service", "enable"), ("b.service", "disable"), ("c.timer", "enable")]
)
def test_preset_of_the_first_file_and_line_decides(name: str, wanted: str) -> None:
    root = make(
        {
            "usr/lib/systemd/system-preset/90-x.preset": "enable a.*\ndisable *.service\n",
            "etc/systemd/system-preset/50-y.preset": "# none\n",
        }
    )
    assert unit_state.preset(root, name) == (wanted, [])


def test_disable_of_another_name_would_leave_both_links() -> None:
    root = rooted(ssh_service="[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n")
    enabled(root, "ssh.service")
    units.disable(root, "services.disable", names=["sshd.service"])
    assert links(root, ETC) == {}


def test_mask_of_another_name_would_do_nothing() -> None:
    root = rooted(ssh_service="[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n")
    enabled(root, "ssh.service")
    with pytest.raises(ToolError, match=r"mask ssh\.service, of which it is another name"):
        units.mask(root, "services.mask", names=["sshd.service"])


def test_a_comment_between_continued_lines_would_be_a_target() -> None:
    root = rooted(x_service="[Install]\nWantedBy=a.target \\\n# also this\n  b.target\n")
    assert sorted(enabled(root, "x.service")) == [
        f"{ETC}/a.target.wants/x.service",
        f"{ETC}/b.target.wants/x.service",
    ]


def test_unmasking_would_pass_over_a_link_that_leads_to_itself() -> None:
    root = make({f"{LIB}/x.service": "", f"{ETC}/x.service": Link("x.service"), f"{ETC}/y.service": ""})
    with pytest.raises(ToolError, match=r"x\.service.* leads to itself"):
        units.unmask(root, "test", names=["y.service", "x.service"])
    assert f"{ETC}/y.service" in root.tree


def test_a_link_that_systemctl_takes_for_the_same_would_be_replaced() -> None:
    root = make(
        {f"{LIB}/a.service": "[Install]\nAlias=b.service\n", f"{ETC}/b.service": Link("../a.service")}
    )
    assert enabled(root, "a.service") == {f"{ETC}/b.service": "../a.service"}
