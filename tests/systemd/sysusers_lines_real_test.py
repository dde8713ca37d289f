"""3,000 generated cases, by systemd-sysusers of the lock and by ours."""

from tests.systemd import differential, sysusers_lines


def test_accounts_would_not_be_those_that_systemd_sysusers_makes() -> None:
    differential.agree(sysusers_lines.KIND)
