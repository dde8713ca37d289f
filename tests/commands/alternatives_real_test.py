"""3,000 generated calls of update-alternatives, five in a row, by dpkg's and by ours."""

from tests.commands import alternatives
from tests.systemd import differential


def test_calls_of_update_alternatives_would_leave_something_else_than_dpkgs() -> None:
    differential.agree(alternatives.KIND)
