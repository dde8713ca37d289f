"""States of units: what a root filesystem says of them counts, whatever its base says."""

from pathlib import Path
from typing import Any

import pytest

from tests.testing.debs import Deb, Link
from tests.testing.small import BASE, INIT, UNIT, names, run
from tools.sysimage.core.errors import ToolError

WANTED = "etc/systemd/system/multi-user.target.wants/app.service"
MASKED = "etc/systemd/system/app.service"
ALIAS = Deb("alias", {f"{UNIT}/also.service": Link("app.service")})


@pytest.mark.parametrize(
    ("base", "own", "path", "there"),
    [
        ([{"enable": ["app.service"]}], {}, WANTED, True),
        ([{"enable": ["app.service"]}], {"disable": ["app"]}, WANTED, False),
        ([{"disable": ["app.service"]}], {"enable": ["app"]}, WANTED, True),
        ([{"enable": ["app"]}, {"disable": ["app"]}], {"enable": ["app"]}, WANTED, True),
        ([{"enable": ["app"]}], {"disable": ["app"], "mask": ["app"]}, MASKED, True),
        ([{"mask": ["app.service"]}], {"unmask": ["app"]}, MASKED, False),
        ([{"mask": ["app.service"]}], {"unmask": ["app"], "enable": ["app.service"]}, WANTED, True),
    ],
)
def test_base_would_have_the_last_word(
    tmp_path: Path, base: list[Any], own: dict[str, Any], path: str, there: bool
) -> None:
    output = run(tmp_path, [BASE, INIT], base_services=base, services=own)
    assert (path in names(output)) is there


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ({"enable": ["app"], "disable": ["app.service"]}, r"^enable: app is also in disable as app\.service"),
        (
            {"enable": ["app.service"], "mask": ["app.service"]},
            r"^enable: app\.service is also in mask; keep",
        ),
        ({"unmask": ["app"], "mask": ["app"]}, r"^mask: app is also in unmask"),
        ({"enable": ["app"], "disable": ["also"]}, r"^enable: app is also in disable as also"),
        ({"unmask": ["nope"]}, r"^unmask: there is no unit nope\.service"),
    ],
)
def test_target_would_say_the_contrary_of_itself(
    tmp_path: Path, states: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        run(tmp_path, [BASE, INIT, ALIAS], services=states)


def test_masked_unit_of_the_base_would_be_enabled_in_vain(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"^enable: the unit app\.service is masked; name it in unmask"):
        run(tmp_path, [BASE, INIT], base_services=[{"mask": ["app"]}], services={"enable": ["app"]})
