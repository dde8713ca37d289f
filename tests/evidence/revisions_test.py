"""image_diff of two commits: each is built as it was, and nothing of it stays behind."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.evidence import small_image
from tools.sysimage.core.errors import ToolError
from tools.sysimage.evidence import diff

# Stands in for Bazel: what //:app "builds" is what the checkout has.
_BAZEL = """\
#!/bin/sh
echo "$PWD $*" >> "{log}"
for word; do
  case $word in
    --output_base=*) [ "$word" = "--output_base={base}" ] || exit 3 ;;
    -*) ;;
    build | query | cquery | info) command=$word ;;
    *) target=${{word#//:}} ;;
  esac
done
case $command$target in
  infooutput_base) echo "{base}"; exit ;;
  infoexecution_root) echo "{base}/execroot"; exit ;;
esac
[ -e "$target.json" ] || {{ echo "no such target $target" >&2; exit 1; }}
case $command in
  build) mkdir -p "{base}/execroot/bazel-out" && cp "$target.json" "{base}/execroot/bazel-out" ;;
  cquery) echo "bazel-out/$target.json" ;;
esac
"""
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="this host has no git")
pytestmark = needs_git


def git(folder: Path, *words: str) -> str:
    fixed = ["git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    return subprocess.run(
        [*fixed, *words], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of two commits, tagged old and new, with a workspace in a folder of it."""
    workspace = tmp_path / "checkout/guest"
    (workspace / "tools").mkdir(parents=True)
    git(workspace.parent, "init", "--quiet")
    script = workspace / "tools/bazel"
    script.write_text(_BAZEL.format(base=tmp_path / "base", log=tmp_path / "log"))
    script.chmod(0o755)
    for name, text, kernel in (("old", "by a script", "1"), ("new", "otherwise", "2")):
        small_image.write(
            workspace, small_image.make(small_image.tree(**{"etc/made": text})), "app_facts.json"
        )
        measured = {
            "inputs": {"kernel": {"sha256": kernel * 64}},
            "tdx": {"rtmr1": {"value": kernel * 96, "of": ["kernel"]}},
        }
        (workspace / "measured.json").write_text(json.dumps(measured))
        git(workspace, "add", ".")
        git(workspace, "commit", "--quiet", "--message", name)
        git(workspace, "tag", name)
    (workspace / "user.bazelrc").write_text("")
    # What is not committed is in no commit.
    (workspace / "app_facts.json").unlink()
    monkeypatch.setenv("BUILD_WORKSPACE_DIRECTORY", str(workspace))
    monkeypatch.setenv("HOME", str(tmp_path))
    return workspace


def test_two_commits_differ_in_what_was_committed_between_them(
    checkout: Path, capsys: pytest.CaptureFixture
) -> None:
    options = ["--rev", "old", "--rev", "new", "//:app", "--measured", "//:measured", "--format", "json"]
    assert diff.main(options) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["files"]) == ["base"]
    assert list(found["files"]["base"]["changed"]) == ["etc/made"]
    assert found["old"].startswith("//:app at old sha256:")
    changed = found["measurements"]["changed"]
    assert changed["tdx rtmr1"] == f"{'1' * 96} → {'2' * 96}, by kernel"


def test_one_commit_is_compared_with_the_newest(checkout: Path, capsys: pytest.CaptureFixture) -> None:
    assert diff.main(["--rev", "HEAD", "//:app"]) == 0
    assert "nothing differs" in capsys.readouterr().out


def test_no_worktree_stays_behind_even_if_a_build_fails(checkout: Path) -> None:
    with pytest.raises(ToolError, match="//:none: can't be built at old, see above"):
        diff.main(["--rev", "old", "//:none"])
    assert diff.main(["--rev", "old", "//:app"]) == 0
    assert len(git(checkout, "worktree", "list").splitlines()) == 1


def test_an_image_without_facts_is_read_itself(checkout: Path, capsys: pytest.CaptureFixture) -> None:
    # As in a commit before there were any: app.json is the image's only file.
    git(checkout, "mv", "-k", "app_facts.json", "app.json")
    git(checkout, "checkout", "--quiet", "new", "--", ".")
    git(checkout, "mv", "app_facts.json", "app.json")
    git(checkout, "commit", "--quiet", "--message", "facts no more")
    assert diff.main(["--rev", "old", "//:app", "--format", "json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["files"]) == ["base"]


def test_a_person_s_own_settings_and_options_reach_each_build(checkout: Path, tmp_path: Path) -> None:
    script = checkout / "tools/bazel"
    script.write_text(script.read_text().replace("\n", "\n[ -e user.bazelrc ] || exit 4\n", 1))
    git(checkout, "commit", "--quiet", "--message", "look for settings", "tools/bazel")
    assert diff.main(["--rev", "HEAD", "//:app", "--bazel-option=--config=ci"]) == 0
    builds = [line.split() for line in (tmp_path / "log").read_text().splitlines() if " build " in line]
    assert len(builds) == 2
    assert all("--config=ci" in words and "--symlink_prefix=/" in words for words in builds)
    assert all(Path(words[0]).name == "guest" and words[0] != str(checkout) for words in builds)


@pytest.mark.parametrize(
    "revision, message", [("nothing", "--rev nothing: is no commit"), ("--all", "--rev --all: is no commit")]
)
def test_what_is_no_commit_is_an_error_before_anything_is_built(
    checkout: Path, tmp_path: Path, revision: str, message: str
) -> None:
    with pytest.raises(ToolError, match=message):
        diff.main(["--rev=HEAD", f"--rev={revision}", "//:app"])
    assert not (tmp_path / "log").exists()


def test_outside_of_bazel_run_the_error_names_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BUILD_WORKSPACE_DIRECTORY")
    with pytest.raises(ToolError, match="start this with `bazel run`"):
        diff.main(["--rev", "HEAD", "//:app"])


def test_a_name_of_three_commits_or_two_targets_is_refused(
    checkout: Path, capsys: pytest.CaptureFixture
) -> None:
    for words in (["--rev=a", "--rev=b", "--rev=c", "//:app"], ["--rev=a", "//:app", "//:other"]):
        with pytest.raises(SystemExit):
            diff.main(words)
        assert "--rev OLD --rev NEW TARGET" in capsys.readouterr().err
