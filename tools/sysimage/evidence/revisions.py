"""Images of commits: each is built in a worktree of its own, on the output base of the workspace.

So only what differs between the commits is built. Bazel's server is another one for each worktree, and the
workspace's own `bazel-bin` is not touched while commits are built, but what it leads to is: the last build's.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.sysimage.core.errors import ToolError

_SETTINGS = ("user.bazelrc", ".bazelrc.user")  # a person's own, which git ignores


@dataclass(frozen=True, slots=True)
class Built:
    """What was built of a commit; paths are below the folder that the caller gave."""

    image: Path
    """The image's facts, or the image itself, if the commit has no facts of it."""
    measurements: Path | None


class Checkout:
    """The checkout in which `bazel run` was called, and the Bazel that builds commits of it."""

    def __init__(self, bazel: Sequence[str] = (), options: Sequence[str] = ()) -> None:
        """Raises ToolError outside of `bazel run`, or of a checkout of git.

        Args:
            bazel: how Bazel is started; without it, the workspace's tools/bazel, or bazelisk, or bazel.
            options: of each build, such as --config=ci.
        """
        workspace = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
        if not workspace:
            raise ToolError("--rev: commits are built with Bazel; start this with `bazel run`")
        self._workspace = Path(workspace)
        self._bazel = tuple(bazel)
        self._options = tuple(options)
        top = _said(["git", "rev-parse", "--show-toplevel"], self._workspace, "--rev: no checkout of git")
        self._within = self._workspace.resolve().relative_to(Path(top).resolve())
        self._output_base = ""

    def commit(self, revision: str) -> str:
        """The commit that a revision names. Raises ToolError if it names none."""
        argv = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
        return _said(argv, self._workspace, f"--rev {revision}: is no commit of this checkout")

    def build(self, commit: str, revision: str, target: str, measured: str, folder: Path) -> Built:
        """Builds an image, and its measurements if `measured` names them, and copies them into a new folder.

        Raises ToolError, with the commit's name, after Bazel's own messages, if one of them can't be built.
        """
        folder.mkdir()
        with self._worktree(commit) as workspace:
            facts = _facts(target)
            there = self._call(workspace, ["query", facts], quiet=True) is not None
            image = self._outputs(workspace, facts if there else target, revision)
            if len(image) > 1:
                image = [path for path in image if ".tar" in path.name and not path.name.endswith(_BESIDE)]
            if len(image) != 1:
                raise ToolError(
                    f"{target}: {len(image)} of its files might be the image; name one that has one"
                )
            found = [*image, *(self._outputs(workspace, measured, revision) if measured else ())]
            copies = [_copy(path, folder) for path in found]
        return Built(copies[0], copies[1] if measured else None)

    @contextmanager
    def _worktree(self, commit: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as scratch:
            tree = Path(scratch).resolve() / "tree"
            argv = ["git", "worktree", "add", "--quiet", "--detach", str(tree), commit]
            _said(argv, self._workspace, f"{commit}: can't be checked out")
            try:
                workspace = tree / self._within
                for name in _SETTINGS:
                    if (self._workspace / name).is_file() and not (workspace / name).exists():
                        shutil.copy(self._workspace / name, workspace)
                yield workspace
            finally:
                argv = ["git", "worktree", "remove", "--force", str(tree)]
                subprocess.run(argv, cwd=self._workspace, check=False)

    def _outputs(self, workspace: Path, target: str, revision: str) -> list[Path]:
        if self._call(workspace, ["build", *self._options, "--symlink_prefix=/", target]) is None:
            raise ToolError(f"{target}: can't be built at {revision}, see above; name a target that it has")
        said = self._call(workspace, ["cquery", *self._options, "--output=files", target], quiet=True) or ""
        root = self._call(workspace, ["info", *self._options, "execution_root"], quiet=True) or ""
        return [Path(root) / line for line in said.splitlines()]

    def _call(self, workspace: Path, words: Sequence[str], *, quiet: bool = False) -> str | None:
        """What Bazel says, without the blanks around; None if it fails."""
        argv = [*self._program(workspace), f"--output_base={self._base()}", *words]
        done = subprocess.run(
            argv,
            cwd=workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            check=False,
        )
        return None if done.returncode else done.stdout.strip()

    def _base(self) -> str:
        if not self._output_base:
            argv = [*self._program(self._workspace), "info", "output_base"]
            self._output_base = _said(argv, self._workspace, "--rev: Bazel does not say its output base")
        return self._output_base

    def _program(self, workspace: Path) -> tuple[str, ...]:
        if self._bazel:
            return self._bazel
        own = workspace / "tools/bazel"
        if os.access(own, os.X_OK):
            return (str(own),)
        for name in ("bazelisk", "bazel"):
            if found := shutil.which(name):
                return (found,)
        raise ToolError("--rev: there is neither tools/bazel, bazelisk nor bazel; name one with --bazel")


_BESIDE = (".sha256", ".sha384", ".json", ".mtree")


def _facts(target: str) -> str:
    """The label of an image's facts: //app → //app:app_facts."""
    package, colon, name = target.rpartition(":")
    return f"{package}:{name}_facts" if colon else f"{target}:{target.rpartition('/')[2]}_facts"


def _copy(path: Path, folder: Path) -> Path:
    copy = folder / path.name
    if path.is_dir():
        shutil.copytree(path, copy)
    else:
        shutil.copyfile(path, copy)
    return copy


def _said(argv: Sequence[str], folder: Path, problem: str) -> str:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ToolError(f"{problem}; {lines[-1] if lines else 'see `git log` for those that there are'}")
    return done.stdout.strip()
