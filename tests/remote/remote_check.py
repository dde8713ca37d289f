#!/usr/bin/env python3
"""Whether all actions run on a farm whose workers have Python alone, and give the digests of a build at home.

    tests/remote/remote_check.py [--workers N] [TARGET…]
    tests/remote/remote_check.py --scaling RUNS [TARGET…]

Starts BuildGrid, from PyPI, on loopback, and workers that carry actions out in a root with the toolbox's Python and
nothing else. Builds the targets there, without local actions and without any cache: every spawn has to be remote. Then
a second clone, in another folder, builds them: every spawn has to be a cache hit. Both times the files have the digests
of a build without the farm, in this checkout. Prints how long each took, and how long the blocks of bases took to
compress.

With --scaling, one worker and two build by turns, RUNS times each. Two may take at most 0.6 of the time that one
takes to compress, from the start of the first block to the end of the last: medians count.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_HERE))

from tests.bench.building import bazel, profile_events  # noqa: E402 - found by the path above
from tools.airgap import enter, toolbox  # noqa: E402 - found by the path above

_TARGETS = (
    "//system_image:vanilla",
    "//system_image:vanilla_measurements",
    "//system_image:sysroot",
    "//tests/kernel/kernel_module:tiny",
)

# Of the time of one worker, what two may take to compress.
_MOST_OF_ONE = 0.6

_CONFIG = """
server:
  - !channel
    address: 127.0.0.1:{port}
    insecure-mode: true
authorization:
  method: none
# Each action that Bazel waits for takes one.
thread-pool-size: 300
instances:
  - name: ''
    storages:
      - !disk-storage &storage
        path: {folder}/cas
    schedulers:
      - !sql-scheduler &scheduler
        storage: *storage
        connection-string: sqlite:///{folder}/jobs.db
        automigrate: yes
    services:
      - !action-cache &actions
        storage: *storage
        max-cached-refs: 65536
        allow-updates: true
      - !execution
        storage: *storage
        action-cache: *actions
        scheduler: *scheduler
      - !cas
        storage: *storage
      - !bytestream
        storage: *storage
"""


def _python_alone(root: Path) -> list[str]:
    """Makes a root with the toolbox's Python; gives the start of bwrap's command line, up to the input root's folder."""
    found = toolbox.find_or_make()
    there = found.root / "usr"
    bwrap = enter.find_bwrap(found)
    python = there / "bin/python3.14"
    extensions = sorted((there / "lib/python3.14/lib-dynload").glob("*.so"))
    loader, _, libraries = found.command("x")[:3]
    needed: set[Path] = set()
    for program in [python, *extensions]:
        said = subprocess.run(
            [loader, "--library-path", libraries, "--list", program],
            capture_output=True,
            text=True,
            check=True,
        )
        needed |= {Path(path) for path in re.findall(r"=> (\S+) \(", said.stdout)}
    interpreter = Path(loader)
    for folder in ("usr/bin", "usr/lib/python3.14", "usr/lib64", "tmp", "proc", "dev", "build"):
        (root / folder).mkdir(parents=True)
    for name in ("bin", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "lib").symlink_to("usr/lib")
    libraries_there = root / "usr/lib" / Path(libraries).name
    libraries_there.mkdir()
    for library in needed:
        shutil.copy(library, libraries_there)
    shutil.copy(interpreter, root / "usr/lib64" / interpreter.name)
    shutil.copy(python, root / "usr/bin/python3.14")
    (root / "usr/bin/python3").symlink_to("python3.14")
    options = ["--ro-bind", str(root), "/", "--ro-bind", str(there / "lib/python3.14"), "/usr/lib/python3.14"]
    options += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--unshare-all", "--bind"]
    return [*bwrap, *options]


def _buildgrid(environment: Path) -> None:
    """Installs BuildGrid to a folder."""
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    requirements = _HERE / "tests/remote/requirements.txt"
    pip: list[str | Path] = [environment / "bin/pip", "install", "--quiet", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "--requirement", requirements], check=True)


@contextlib.contextmanager
def _farm(environment: Path, folder: Path, workers: int) -> Iterator[str]:
    """BuildGrid, which is installed in `environment`, and workers; gives the server's address."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "buildgrid.yml"
    config.write_text(_CONFIG.format(port=port, folder=folder))
    sandbox = folder / "sandbox.json"
    sandbox.write_text(json.dumps(_python_alone(folder / "root")))
    started = []
    with (folder / "log").open("w") as log:
        try:
            server: list[str | Path] = [environment / "bin/bgd", "server", "start", str(config)]
            started.append(subprocess.Popen(server, stdout=log, stderr=log, cwd=folder))
            _wait_for(port, started[0], folder / "log")
            for number in range(workers):
                command: list[str | Path] = [environment / "bin/python", _HERE / "tests/remote/worker.py"]
                command += ["--server", f"127.0.0.1:{port}", "--sandbox", sandbox]
                command += ["--folder", folder / f"worker-{number}", "--name", f"worker-{number}"]
                started.append(subprocess.Popen(command, stdout=log, stderr=log))
            yield f"grpc://127.0.0.1:{port}"
            if any(process.poll() is not None for process in started):
                raise SystemExit(
                    f"error: a part of the farm has ended: {(folder / 'log').read_text()[-3000:]}"
                )
        finally:
            for process in reversed(started):
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit(f"error: BuildGrid does not start: {log.read_text()[-3000:]}")


def _digests(
    checkout: Path,
    targets: Sequence[str],
    options: Sequence[str] = (),
    *,
    log: Sequence[str] = (),
    startup: Sequence[str] = (),
) -> dict[str, str]:
    """Builds the targets; path of each of their files, from the execution root → SHA-256."""
    bazel(*startup, "build", *options, *log, *targets, checkout=checkout)
    # Not those of another configuration, which a target may be needed in, too: the build did not ask for them.
    query = ("cquery", *options, "--output=files", f"config({' + '.join(targets)}, target)")
    root = Path(bazel(*startup, "info", "execution_root", checkout=checkout).strip())
    found = {}
    for line in bazel(*startup, *query, checkout=checkout).splitlines():
        for path in sorted((root / line).rglob("*")) if (root / line).is_dir() else [root / line]:
            if path.is_file():
                with path.open("rb") as file:
                    found[str(path.relative_to(root))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _runners(log: Path) -> Counter[str]:
    """How many spawns ran where, of an execution log in JSON."""
    decoder, text, runners = json.JSONDecoder(), log.read_text().lstrip(), Counter[str]()
    while text:
        spawn, end = decoder.raw_decode(text)
        runners[spawn["runner"]] += 1
        text = text[end:].lstrip()
    return runners


def _compressing(profile: Path) -> float:
    """Seconds from the start of the first block's compression on a worker to the end of the last one's."""
    events = [event for event in profile_events(profile) if event.get("ph") == "X"]
    actions = [event for event in events if event["name"].startswith("Compressing the base ")]
    executed = [
        (event["ts"], event["ts"] + event["dur"])
        for event in events
        if event.get("cat") == "Remote execution process wall time"
        and any(action["tid"] == event["tid"] and _within(event, action) for action in actions)
    ]
    return (max(end for _, end in executed) - min(start for start, _ in executed)) / 1e6 if executed else 0


def _within(event: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(other["ts"] <= event["ts"] <= other["ts"] + other["dur"])


def _build_there(
    checkout: Path, farm: str, output: Path, targets: Sequence[str]
) -> tuple[dict[str, str], Counter[str], float]:
    """The digests of the targets' files, how many spawns ran where, and how long compressing took, in seconds."""
    log, profile = output.with_suffix(".json"), output.with_suffix(".gz")
    options = [f"--remote_executor={farm}", "--spawn_strategy=remote", "--disk_cache=", "--jobs=100"]
    options += ["--remote_download_outputs=toplevel", "--remote_timeout=3600"]
    startup = [f"--output_base={output}"]
    try:
        wanted = [f"--execution_log_json_file={log}", f"--profile={profile}"]
        digests = _digests(checkout, targets, options, log=wanted, startup=startup)
    finally:
        bazel(*startup, "clean", "--expunge", checkout=checkout)
    return digests, _runners(log), _compressing(profile)


def _remove(folder: Path) -> None:
    """Removes a folder with results of actions, which nobody may write to."""
    subprocess.run(["chmod", "-R", "u+w", folder], check=False)
    shutil.rmtree(folder)


def _scaling(place: Path, targets: Sequence[str], runs: int) -> bool:
    """Whether two workers compress in as little of the time of one as they should; prints the times."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for run in range(runs):
        for workers, times in seconds.items():
            folder = place / f"farm-{workers}-{run}"
            with _farm(place / "buildgrid", folder, workers) as farm:
                times.append(_build_there(_HERE, farm, place / "scaling", targets)[2])
            _remove(folder)
            if not times[-1]:
                sys.exit("error: no base is compressed; name one, such as //system_image:vanilla_compressed")
            print(f"{workers} {'worker' if workers == 1 else 'workers'}: {times[-1]:.1f} s", flush=True)
    one, two = map(statistics.median, seconds.values())
    print(f"{two:.1f} s of {one:.1f} s: {two / one:.2f}, of {_MOST_OF_ONE} allowed")
    return two <= _MOST_OF_ONE * one


def main(argv: Sequence[str]) -> int:
    """Prints what is not as it should be; 1 if there is anything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--workers", type=int, help="how many; one for each processor if nothing is said")
    kinds.add_argument("--scaling", type=int, metavar="RUNS", help="compare two workers with one")
    parser.add_argument("targets", nargs="*", default=_TARGETS, metavar="TARGET")
    options = parser.parse_args(argv)
    if options.scaling is not None and options.scaling < 1:
        parser.error(f"--scaling: {options.scaling} runs measure nothing; give 1 or more")
    # Not in /tmp: Bazel 7's sandbox has one of its own.
    place = Path(tempfile.mkdtemp(prefix="remote.", dir="/var/tmp"))
    # Who ends this ends what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wrong = []
    try:
        _buildgrid(place / "buildgrid")
        if options.scaling:
            good = _scaling(place, options.targets, options.scaling)
            print(f"{int(good)} passed, {int(not good)} failed")
            return 0 if good else 1
        clone = place / "elsewhere/clone"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", _HERE, clone], check=True)
        at_home = _digests(_HERE, options.targets)
        print(f"at home: {len(at_home)} files of {len(options.targets)} targets", flush=True)
        with _farm(place / "buildgrid", place / "farm", options.workers or os.cpu_count() or 1) as farm:
            for checkout, wanted in ((_HERE, "remote"), (clone, "remote cache hit")):
                started = time.monotonic()
                digests, runners, compressing = _build_there(
                    checkout, farm, place / wanted.replace(" ", "-"), options.targets
                )
                took = time.monotonic() - started
                print(
                    f"{wanted}: {dict(runners)} spawns, {took:.0f} s, {compressing:.1f} s of them compressing",
                    flush=True,
                )
                if set(runners) != {wanted}:
                    wrong.append(f"spawns that are no {wanted}: {dict(runners)}")
                differ = sorted(path for path in at_home | digests if at_home.get(path) != digests.get(path))
                wrong += [f"{path} is not what it is at home ({wanted})" for path in differ[:10]]
    finally:
        _remove(place)
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    print(f"{4 - min(4, len(wrong))} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
