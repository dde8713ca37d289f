"""1,000 pairs of packages of which one replaces the other, by dpkg and by ours."""

from tests.debian import relations
from tests.systemd import differential


def test_a_file_of_two_packages_would_come_from_another_one_than_with_dpkg() -> None:
    differential.agree(relations.KIND, 1000)
