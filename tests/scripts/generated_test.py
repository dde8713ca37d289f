"""Scripts that nobody would write, compared with dash.

They are run in a real shell, so only in a sandbox: Bazel's. SHELL_EXAMPLES is how many; a campaign by hand is

    tools/bazel test //tests/scripts:generated_test --test_env=SHELL_EXAMPLES=100000 --test_timeout=7200

A script that differs becomes a case of cases/differences.txt.
"""

import os
import subprocess

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.scripts.grammar import Grammar
from tests.scripts.judge import judge
from tests.scripts.world import interpret

_EXAMPLES = int(os.environ.get("SHELL_EXAMPLES", "2000"))


@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=_EXAMPLES <= 2000,
    suppress_health_check=list(HealthCheck),
)
@given(st.randoms(use_true_random=False))
def test_scripts_would_do_something_else_than_in_dash(random: object) -> None:
    script = Grammar(random.randrange).script().encode()  # type: ignore[attr-defined]
    try:
        expected = judge(script)
    except subprocess.TimeoutExpired:
        assume(False)
        return
    assume(expected.status >= 0)  # dash itself has crashed
    assert interpret(script) == expected, script.decode()
