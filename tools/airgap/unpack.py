"""Unpacks the packages of the toolbox, and does what little of their scripts' work is needed here.

This file and recipe.py are what decides the toolbox's content.
"""

from __future__ import annotations

import concurrent.futures
import errno
import json
import os
import subprocess
from pathlib import Path

from tools.airgap import recipe
from tools.airgap.errors import ToolError


def _unpack_one(deb: Path, root: Path) -> None:
    """Unpacks `deb` into `root` and deletes it. tar and not `dpkg-deb -x`, which can't leave things out."""
    tar_command = ["tar", "-x", "-C", str(root), "--no-same-owner", "--keep-directory-symlink", "--wildcards"]
    tar_command += [f"--exclude={pattern}" for pattern in recipe.EXCLUDED]
    environment = dict(os.environ, LC_ALL="C")
    dpkg = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(dpkg, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as packed:
        tar = subprocess.run(
            tar_command, stdin=packed.stdout, stderr=subprocess.PIPE, env=environment, check=False
        )
        assert packed.stdout and packed.stderr  # for the type checker: they are pipes
        packed.stdout.close()  # so that dpkg-deb ends too if tar gave up
        says = (tar.stderr + packed.stderr.read()).decode(errors="replace")
    if tar.returncode or packed.returncode:
        if "No space left" in says or "quota exceeded" in says:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise ToolError(f"can't unpack {deb.name} of the toolbox: {(says.splitlines() or ['no reason'])[0]}")
    deb.unlink()


def unpack(debs: list[Path], root: Path) -> None:
    """Unpacks `debs` into the new folder `root`, and deletes them one by one to save space.

    Raises ToolError for a package that can't be read, OSError if there is no space.
    """
    root.mkdir()
    # base-files makes the links /bin and /lib, through which other packages may still be laid.
    first = [deb for deb in debs if deb.name.startswith("base-files_")]
    for deb in first:
        _unpack_one(deb, root)
    # Reading xz is what takes the time, and dpkg-deb reads most packages on one core.
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2)
    jobs = [pool.submit(_unpack_one, deb, root) for deb in debs if deb not in first]
    try:
        for job in concurrent.futures.as_completed(jobs):
            job.result()
    finally:
        for job in jobs:
            job.cancel()
        pool.shutdown()


def finish(root: Path, debs: list[str]) -> None:
    """Makes the links, certificates, mount points and settings that the unpacked packages lack.

    debs: the names of the packages' files, for the record.
    """
    for link, target in recipe.LINKS.items():
        path = root / link
        if not os.path.lexists(path):
            path.symlink_to(target)
    python = root / "usr/bin/python3"
    python.unlink(missing_ok=True)
    python.symlink_to(recipe.PYTHON)
    _make_mount_points(root)
    _make_bundle(root)
    _make_bazel_settings(root)
    _drop_set_id(root)
    (root / "toolbox.json").write_text(json.dumps({"packages": debs}, indent=1) + "\n", encoding="utf-8")


def compile_library(root: Path, python: list[str]) -> None:
    """Compiles Python's modules, as their packages' scripts would: a tool starts in a quarter of the time.

    python: the command that runs the toolbox's Python on the host. Raises ToolError if it fails.
    """
    library = root / "usr/lib"
    folders = [str(library / name) for name in (recipe.PYTHON, "python3") if (library / name).is_dir()]
    # Not checked against their sources, which nobody changes here; named by the paths that they have inside.
    # -B: what compileall needs itself would be compiled by the interpreter, in its own way.
    command = [*python, "-B", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(root), "-p", "/", *folders]
    result = subprocess.run(
        command,
        env={"PYTHONHOME": str(root / "usr"), "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if result.returncode:
        *_, says = result.stdout.decode(errors="replace").strip().split("\n")
        raise ToolError(f"can't compile the modules of the toolbox's Python: {says or 'no reason'}")


def _make_mount_points(root: Path) -> None:
    for name in recipe.HOST_FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name in recipe.HOST_FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)


def _make_bundle(root: Path) -> None:
    """Debian's own certificates, for a host that has none."""
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    with bundle.open("w", encoding="utf-8") as file:
        for path in sorted((root / "usr/share/ca-certificates").rglob("*.crt")):
            file.write(path.read_text(encoding="utf-8"))


def _make_bazel_settings(root: Path) -> None:
    label = (root / recipe.BUILD_LABEL).read_text(encoding="utf-8").strip()
    recipe.check_bazel(label)
    # Debian's build of Bazel has no build data, so it reports no version, and bazel_features takes it
    # for a development version. This folder goes onto the boot class path of the server.
    data = root / recipe.BUILD_DATA
    data.mkdir(parents=True)
    (root / recipe.REGISTRY).mkdir()
    (data / "build-data.properties").write_text(f"build.label={label}\n", encoding="utf-8")
    # Debian's own file adds the sandbox's debugging output and a deprecated flag.
    settings = "startup --install_base=/usr/share/bazel\nstartup --trust_install_base\n"
    (root / "etc/bazel/bazelrc").write_text(settings, encoding="utf-8")


def _drop_set_id(root: Path) -> None:
    """No program of the toolbox gets to run as another user."""
    for folder, _, names in os.walk(root / "usr"):
        for name in names:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if mode & 0o6000 and not path.is_symlink():
                path.chmod(mode & 0o1777)
