"""A worker of BuildGrid: carries an action out in a root that has Python and nothing else.

`worker.py --server HOST:PORT --sandbox FILE --folder DIR --name NAME`: FILE is JSON, the start of a command
line that ends where the input root's folder is named. Runs on the Python that BuildGrid is installed for,
until it is stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import grpc
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as reapi
from buildgrid._protos.google.devtools.remoteworkers.v1test2 import bots_pb2, bots_pb2_grpc
from buildgrid.client.cas import Downloader, Uploader

_PENDING, _ACTIVE, _COMPLETED = 1, 2, 4  # bots.proto, LeaseState
_BOT_OK = 1  # bots.proto, BotStatus

# How long one request for work waits, in seconds.
_PATIENCE = 20

# A message with many outputs in it is larger than gRPC allows by default. Bytes.
_LARGEST = 64 << 20


class Worker:
    """Carries actions out, one at a time; keeps what it has downloaded."""

    def __init__(self, channel: grpc.Channel, sandbox: list[str], folder: Path) -> None:
        """sandbox: see the module. folder: for what is downloaded and for the roots of actions."""
        self._from, self._to = Downloader(channel, ""), Uploader(channel, "")
        self._sandbox, self._folder = sandbox, folder
        self._directories: dict[str, reapi.Directory] = {}
        (folder / "blobs").mkdir(parents=True, exist_ok=True)

    def carry_out(self, action: reapi.Action) -> reapi.ActionResult:
        """Runs an action; gives its outputs, or what it said when it failed."""
        result = reapi.ActionResult()
        times = result.execution_metadata
        times.worker_start_timestamp.GetCurrentTime()
        times.input_fetch_start_timestamp.GetCurrentTime()
        command = self._from.get_message(action.command_digest, reapi.Command())
        root = self._folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        self._lay_out(action.input_root_digest, root)
        here = root / command.working_directory
        paths = list(command.output_paths) or [*command.output_files, *command.output_directories]
        for path in paths:
            (here / path).parent.mkdir(parents=True, exist_ok=True)
        variables = [
            word for entry in command.environment_variables for word in ("--setenv", entry.name, entry.value)
        ]
        inside = ["--chdir", f"/build/{command.working_directory}", "--clearenv", *variables, "--"]
        times.input_fetch_completed_timestamp.GetCurrentTime()
        times.execution_start_timestamp.GetCurrentTime()
        done = subprocess.run(
            [*self._sandbox, str(root), "/build", *inside, *command.arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        times.execution_completed_timestamp.GetCurrentTime()
        times.output_upload_start_timestamp.GetCurrentTime()
        result.exit_code, result.stdout_raw, result.stderr_raw = done.returncode, done.stdout, done.stderr
        for path in paths:
            self._take(here / path, path, result)
        self._to.flush()
        times.output_upload_completed_timestamp.GetCurrentTime()
        times.worker_completed_timestamp.GetCurrentTime()
        return result

    def _lay_out(self, digest: reapi.Digest, folder: Path) -> None:
        folder.mkdir(parents=True)
        # Most actions share the tools' folders.
        if digest.hash not in self._directories:
            self._directories[digest.hash] = self._from.get_message(digest, reapi.Directory())
        directory = self._directories[digest.hash]
        for file in directory.files:
            os.link(self._blob(file.digest, executable=file.is_executable), folder / file.name)
        for link in directory.symlinks:
            (folder / link.name).symlink_to(link.target)
        for child in directory.directories:
            self._lay_out(child.digest, folder / child.name)

    def _blob(self, digest: reapi.Digest, *, executable: bool) -> Path:
        path = self._folder / "blobs" / (digest.hash + ("x" if executable else ""))
        if not path.exists():
            aside = path.with_suffix(".new")
            aside.unlink(missing_ok=True)
            if digest.size_bytes:
                self._from.download_file(digest, str(aside), queue=False)
            else:
                aside.touch()
            aside.chmod(0o555 if executable else 0o444)
            aside.rename(path)
        return path

    def _take(self, path: Path, name: str, result: reapi.ActionResult) -> None:
        """Adds an output, if it is there, to `result`."""
        if path.is_symlink():
            result.output_symlinks.add(path=name, target=str(path.readlink()))
        elif path.is_dir():
            tree = reapi.Tree()
            tree.root.CopyFrom(self._directory(path, tree))
            result.output_directories.add(path=name, tree_digest=self._to.put_message(tree, queue=False))
        elif path.exists():
            result.output_files.add(
                path=name, digest=self._file(path), is_executable=bool(path.stat().st_mode & 0o100)
            )

    def _file(self, path: Path) -> reapi.Digest:
        return self._to.upload_file(str(path), queue=False)

    def _directory(self, folder: Path, tree: reapi.Tree) -> reapi.Directory:
        """The folder's own message; what is below it goes to the children of `tree`."""
        directory = reapi.Directory()
        for path in sorted(folder.iterdir()):
            if path.is_symlink():
                directory.symlinks.add(name=path.name, target=str(path.readlink()))
            elif path.is_dir():
                child = self._directory(path, tree)
                tree.children.append(child)
                directory.directories.add(name=path.name, digest=self._to.put_message(child, queue=True))
            else:
                directory.files.add(
                    name=path.name,
                    digest=self._file(path),
                    is_executable=bool(path.stat().st_mode & 0o100),
                )
        return directory


def _work(channel: grpc.Channel, worker: Worker, name: str) -> None:
    """Asks for actions, and carries them out, for ever."""
    bots = bots_pb2_grpc.BotsStub(channel)
    session = bots_pb2.BotSession(bot_id=name, status=_BOT_OK)
    session.worker.devices.add(handle="machine")
    session = bots.CreateBotSession(
        bots_pb2.CreateBotSessionRequest(parent="", bot_session=session), timeout=_PATIENCE
    )
    while True:
        for lease in session.leases:
            if lease.state == _PENDING:
                lease.state = _ACTIVE
            elif lease.state == _ACTIVE:
                action = reapi.Action()
                if not lease.payload.Unpack(action):
                    raise SystemExit("the server gives no action, but something else")
                lease.result.Pack(worker.carry_out(action))
                lease.state = _COMPLETED
        request = bots_pb2.UpdateBotSessionRequest(name=session.name, bot_session=session)
        session = bots.UpdateBotSession(request, timeout=_PATIENCE)


def main() -> int:
    """Works until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--sandbox", required=True, type=Path)
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--name", required=True)
    options = parser.parse_args()
    limits = [("grpc.max_receive_message_length", _LARGEST), ("grpc.max_send_message_length", _LARGEST)]
    with grpc.insecure_channel(options.server, options=limits) as channel:
        worker = Worker(channel, json.loads(options.sandbox.read_text()), options.folder)
        _work(channel, worker, options.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
