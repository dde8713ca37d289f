"""The reader of unit files: systemd.syntax(7), as systemd's parser has it."""

import pytest

from tools.sysimage.systemd.unit_file import Assignment, UnitSyntaxError, assignments, words


def values(text: str) -> list[str]:
    return [line.value for line in assignments(f"[S]\n{text}")]


def test_a_comment_between_lines_that_go_on_would_be_a_word() -> None:
    assert values("K=a \\\n# also this\n  b\n") == ["a    b"]


def test_an_even_number_of_backslashes_would_join_lines() -> None:
    assert values("K=a\\\\\nL=b\\") == ["a\\\\", "b"]


def test_a_file_of_another_system_would_not_be_read() -> None:
    assert list(assignments("\ufeff[S]\r\nK = v \r\n")) == [Assignment("S", "K", "v")]


def test_an_assignment_outside_of_a_section_would_count() -> None:
    assert list(assignments("K=v\n[S]\nno assignment\n ; L=v\n")) == []


def test_a_section_without_its_end_would_be_passed_over() -> None:
    with pytest.raises(UnitSyntaxError, match="no section's head"):
        list(assignments("[S\nK=v\n"))


def test_quotes_would_stay_in_words() -> None:
    assert words("'a b' c\"d e\" f\\x20") == ["a b", "cd e", "f\\x20"]


def test_words_before_an_open_quote_would_count() -> None:
    assert words("a 'open") == []


def test_what_is_not_utf8_would_be_read() -> None:
    with pytest.raises(UnitSyntaxError, match="is not UTF-8"):
        list(assignments("[S]\nK=\udce9\n"))
