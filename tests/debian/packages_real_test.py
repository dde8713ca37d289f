"""3,000 generated packages, installed by dpkg of the lock and by ours; more by hand, see packages.py."""

from tests.debian import packages
from tests.systemd import differential


def test_packages_would_be_recorded_or_refused_otherwise_than_by_dpkg() -> None:
    differential.agree(packages.KIND, 3000)
