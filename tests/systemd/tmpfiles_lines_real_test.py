"""3,000 generated cases, by systemd-tmpfiles of the lock and by ours."""

from tests.systemd import differential, tmpfiles_lines


def test_files_would_not_be_those_that_systemd_tmpfiles_makes() -> None:
    differential.agree(tmpfiles_lines.KIND)
