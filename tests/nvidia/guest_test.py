"""What the image does on a machine with GPUs: device nodes, CDI specification, containers, attestation."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from tests.nvidia import machine
from tests.nvidia.images import TRIPLET, driver, image
from tools.sysimage.core.tree import Kind, Tree
from tools.sysimage.debian import dpkg
from tools.sysimage.debian.package_set import load
from tools.sysimage.formats import elf
from tools.sysimage.image import cdi

SCHEMA = "usr/share/gocode/src/tags.cncf.io/container-device-interface/schema"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The image, unpacked."""
    with ExitStack() as files:
        folder = tmp_path_factory.mktemp("root")
        yield machine.unpack(image(files), folder)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Any]:
    """Validates against the schema that comes with the specification of CDI."""
    tree = load([dpkg.load(Path(os.environ["SCHEMA"]))], tmp_path_factory.mktemp("schema"))
    schema = json.loads(tree[f"{SCHEMA}/schema.json"].read().replace(b"defs.json#", b"#"))
    schema["definitions"] = json.loads(tree[f"{SCHEMA}/defs.json"].read())["definitions"]
    # The schema itself forgets to say this of the whole document.
    schema["properties"]["containerEdits"] = {"$ref": "#/definitions/containerEdits"}
    return fastjsonschema.compile(schema)


def complete(root: Path, name: str, nodes: tuple[str, ...]) -> Any:
    """What the unit nvidia-cdi writes on a machine with these device nodes; None if it writes nothing."""
    fake = root / name
    for node in nodes:
        (fake / "dev" / node).parent.mkdir(parents=True, exist_ok=True)
        (fake / "dev" / node).touch()
    (fake / cdi.PATH).parent.mkdir(parents=True)
    shutil.copyfile(root / cdi.PATH, fake / cdi.PATH)
    done = machine.run(root, ["/usr/libexec/nvidia-cdi"], {"ROOT": f"/{name}"})
    assert (done.returncode, done.stdout) == (0, "")
    written = list((fake / "etc/cdi").glob("*")) + list((fake / "etc/cdi").glob(".*"))
    assert [path.name for path in written] in ([], ["nvidia.json"])
    return json.loads(written[0].read_text()) if written else None


def test_specification_is_valid_for_one_gpu_and_for_eight(root: Path, valid: Callable[[Any], Any]) -> None:
    for count in (1, 8):
        gpus = tuple(f"nvidia{number}" for number in range(count))
        made = complete(
            root, f"machine{count}", ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-caps/x", *gpus)
        )
        valid(made)
        named = {device["name"]: device["containerEdits"]["deviceNodes"] for device in made["devices"]}
        assert named == {
            **{str(number): [{"path": f"/dev/nvidia{number}"}] for number in range(count)},
            "all": [{"path": f"/dev/{gpu}"} for gpu in gpus],
        }


def test_validation_refuses_what_is_wrong(root: Path, valid: Callable[[Any], Any]) -> None:
    good = json.loads((root / cdi.PATH).read_text())
    valid(good)
    for path, value in (("containerEdits", {"mounts": [{"hostPath": "/x"}]}), ("devices", [{"name": 0}])):
        with pytest.raises(fastjsonschema.JsonSchemaException):
            valid(good | {path: value})


def test_no_specification_where_no_gpu_came_up(root: Path) -> None:
    assert complete(root, "without", ("nvidiactl", "nvidia-uvm")) is None


def test_devices_are_made_for_every_gpu_by_its_own_number(root: Path) -> None:
    fake = root / "devices"
    for address, minor in (("0000:01:00.0", 1), ("0000:02:00.0", 0)):
        folder = fake / "proc/driver/nvidia/gpus" / address
        folder.mkdir(parents=True)
        (folder / "information").write_text(
            f"Model: \t\t NVIDIA H100\nGPU UUID: \t GPU-x\nDevice Minor: \t {minor}\n"
        )
    stand_in = fake / "bin/nvidia-modprobe"
    stand_in.parent.mkdir()
    stand_in.write_text('#!/bin/bash\necho "$@"\n')
    stand_in.chmod(0o755)
    done = machine.run(
        root, ["/usr/libexec/nvidia-devices"], {"ROOT": "/devices", "PATH": "/devices/bin:/usr/bin"}
    )
    assert done.stdout.splitlines() == ["-c 255", "-c 1", "-c 0", "-u -c 0"]
    assert (fake / "dev/char").is_dir()


def test_confidential_mode_is_told_from_other_modes_and_from_failure(root: Path) -> None:
    stand_in = root / "smi/nvidia-smi"
    stand_in.parent.mkdir()
    for text, status in (
        ("echo CC status: ON", 0),
        ("echo CC status: OFF", 1),
        ("echo CC status: ON; exit 9", 255),
    ):
        stand_in.write_text(f"#!/bin/bash\n{text}\n")
        stand_in.chmod(0o755)
        done = machine.run(root, ["/usr/libexec/nvidia-confidential"], {"PATH": "/smi:/usr/bin"})
        assert done.returncode == status


def test_what_the_encrypted_channel_is_made_of_is_loaded_before_nvidia_whoever_loads_it(root: Path) -> None:
    (release,) = (path.name for path in (root / "usr/lib/modules").iterdir())
    done = machine.run(root, ["modprobe", "--set-version", release, "--show-depends", "nvidia-uvm"], {})
    order = [Path(line.split()[1]).name.partition(".")[0] for line in done.stdout.splitlines()]
    assert order[-2:] == ["nvidia", "nvidia-uvm"]
    crypto = {"ecdh_generic", "ecdsa_generic", "gcm", "ghash-generic", "cryptd", "crypto_simd", "aesni-intel"}
    assert crypto <= set(order[:-2])


def test_units_are_as_systemd_reads_them(root: Path) -> None:
    units = [f"nvidia-{name}.service" for name in ("cdi", "confidential", "devices", "persistenced")]
    done = machine.run(root, ["systemd-analyze", "verify", "--man=no", *units], {})
    assert (done.returncode, [line for line in done.stdout.splitlines() if "nvidia" in line]) == (0, [])


def test_gpu_in_confidential_mode_stays_closed_without_an_attestation(root: Path) -> None:
    done = machine.run(root, ["/usr/libexec/nvidia-attestation"], {})
    assert done.returncode == 1
    assert "nvidia_system_image(attestation" in done.stdout


def container(root: Path, mounts: list[dict[str, Any]], names: list[str]) -> tuple[int, str]:
    """Opens libraries in a container that has vanilla's files and these mounts, run by the image's runc."""
    bundle = root / "run/bundle"
    shutil.rmtree(bundle, ignore_errors=True)
    bundle.mkdir(parents=True)
    own = bundle / "rootfs"
    with ExitStack() as files:
        there = driver(files)
        vanilla = image(files)
        bare = Tree()
        for path in vanilla.paths():
            # What links with the driver is left out, and all that is not needed to load libraries.
            if path in there and vanilla[path].kind is not Kind.DIRECTORY:
                continue
            if path.startswith((f"usr/lib/{TRIPLET}", "lib", "usr/lib64")) or path in ("", "usr", "usr/lib"):
                bare.put(path, vanilla[path])
        machine.unpack(bare, own)
    shutil.copyfile(os.environ["DLOPEN"], own / "dlopen")
    (own / "dlopen").chmod(0o755)
    (bundle / "config.json").write_text(
        json.dumps(
            {
                "ociVersion": "1.0.2",
                "process": {"user": {"uid": 0, "gid": 0}, "args": ["/dlopen", *names], "cwd": "/"},
                "root": {"path": "rootfs"},
                "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}]
                + [
                    {
                        "destination": mount["containerPath"],
                        "source": mount["hostPath"],
                        "type": "none",
                        "options": mount["options"],
                    }
                    for mount in mounts
                ],
                "linux": {"namespaces": [{"type": kind} for kind in ("mount", "pid", "ipc", "uts")]},
            }
        )
    )
    command = ["runc", "--root", "/run/runc", "run", "--no-pivot", "--bundle", "/run/bundle", "test"]
    done = machine.run(root, command, {})
    return done.returncode, done.stdout


def test_container_opens_every_library_of_the_driver(root: Path) -> None:
    mounts = json.loads((root / cdi.PATH).read_text())["containerEdits"]["mounts"]
    names = [Path(mount["containerPath"]).name for mount in mounts if ".so" in mount["containerPath"]]
    status, said = container(root, mounts, names)
    assert said.splitlines() == [f"{name} opened" for name in names]
    assert status == 0
    # Of each library of the driver at least one name is among them.
    with ExitStack() as files:
        libraries = {
            linkage.soname
            for path in driver(files).paths()
            if "/nvidia/current/" in path and ".so." in path
            if (inode := driver(files)[path]).kind is Kind.FILE and (linkage := elf.linkage(inode))
        }
    assert libraries <= set(names)


def test_container_without_the_mounts_opens_none(root: Path) -> None:
    status, said = container(root, [], ["libcuda.so.1"])
    assert status == 1
    assert "libcuda.so.1: cannot open shared object file" in said
