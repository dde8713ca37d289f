"""What the check of the manual's code blocks says of blocks that are wrong."""

import pytest

from tests.docs import snippets

FLAGS = {verb: {"jobs", "noshow_progress"} for verb in snippets.VERBS}


def _problems(text: str) -> list[str]:
    return [
        f"{verdict.what}: {problem}"
        for block in snippets.blocks("docs/x.md", text)
        for verdict in snippets.verdicts(block, FLAGS)
        for problem in verdict.problems
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Words.\n\n```\nx\n```\n", "says no language"),
        ("Words.\n\n```yaml\nx: y\n```\n", "nothing looks at yaml"),
        ("In a list:\n\n- so\n\n  ```toml\n  [sets.x]\n  ```\n", "has no sets"),
        ("Words.\n\n```toml\n[set.x]\npackage = []\n```\n", "set.x has no package"),
        ("Words.\n\n```toml\n[set\n```\n", "is no TOML"),
        ("Words.\n\n```bazelrc\nbuild --jbos=3\n```\n", "Bazel has no --jbos=3"),
        ("Words.\n\n```bazelrc\nbuilt --jobs=3\n```\n", "no line of a .bazelrc begins with built"),
        ("Words.\n\n```starlark\ngenrule(name = )\n```\n", "syntax error in line 1"),
        ("Words.\n\n    bazel run //system_image:unheard_of\n", "nothing runs it"),
        ("Words.\n\n    frobnicate the image   # quickly\n", "nothing runs it"),
        ("Words.\n\n    bazel run //x:y --jbos=3\n", "Bazel has no --jbos=3"),
        ("Words.\n\n    bazel run //x:y -- --tag v1\n", "nothing knows the options of //x:y"),
        ("Words.\n\n    bazel query 'deps(//:x)\n", "bash can't parse it"),
    ],
)
def test_a_block_would_go_stale_unseen(text: str, problem: str) -> None:
    assert any(problem in said for said in _problems(text)), _problems(text)


def test_a_command_of_two_lines_would_be_taken_for_two() -> None:
    text = "So:\n\n    bazel build \\\n        //:a   # makes a\n    bazel test //:b\n\nEnd.\n"
    (block,) = snippets.blocks("x.md", text)
    assert snippets.commands(block) == ["bazel build //:a", "bazel test //:b"]


def test_a_fenced_block_would_be_read_with_the_indent_of_its_list() -> None:
    text = "1. So:\n\n   ```toml\n   [a]\n     b = 1\n   ```\n"
    assert [block.text for block in snippets.blocks("x.md", text)] == ["[a]\n  b = 1\n"]
