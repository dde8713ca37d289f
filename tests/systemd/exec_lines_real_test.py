"""3,000 generated cases, by systemd-analyze of the lock and by ours."""

from tests.systemd import differential, exec_lines


def test_a_service_that_systemd_does_not_load_would_be_taken() -> None:
    differential.agree(exec_lines.KIND)
