"""3,000 generated cases, by systemctl of the lock and by ours."""

from tests.systemd import differential, units


def test_links_would_not_be_those_that_systemctl_makes() -> None:
    differential.agree(units.KIND)
