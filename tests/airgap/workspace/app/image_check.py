"""That oci_image writes the bytes that rules_oci 2.3.0 writes: the digests are those of its own image.sh."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from runfiles import Runfiles

# What three images get, each the base of the next: settings that are new, that replace, that are added to.
_FILES = {
    "ann": "a.b=c\n",
    "cmd": "a\n\nb%5Cnc",
    "created": "2020-01-01T00:00:00Z",
    "entrypoint": "/bin/sh\n-c",
    "env": "PATH=/x:$PATH\nA=1=2\n",
    "env_of_the_third": "Z=${A}x\nPATH=/q:${PATH}$\nB=$nope.\u00fc\x7f\n",
    "labels": "k=v=w\nl=\n",
    "labels_of_the_third": "k=new\nz=<&>\u00fc\n",
    "ports": "80/tcp,81",
    "volumes": "/srv,/v",
}
# The word 'another', as gzip packs it.
_GZIPPED = "1f8b08000000000002034bcccb2fc9482d02003834299d07000000"

_FIRST = {"os": "linux", "architecture": "amd64", "layers": ["a.tar"], "annotations": "ann"}
_SECOND = {
    "base": "first",
    "layers": ["b.tar.gz"],
    "annotations": "ann",
    "created": "created",
    "entrypoint": "entrypoint",
    "cmd": "cmd",
    "exposed_ports": "ports",
    "volumes": "volumes",
    "env": "env",
    "labels": "labels",
    "user": "u",
    "workdir": "/w",
}
_THIRD = {
    "base": "second",
    "layers": ["a.tar"],
    "entrypoint": "entrypoint",
    "volumes": "ports",
    "env": "env_of_the_third",
    "labels": "labels_of_the_third",
}


def _make(folder: Path, name: str, wanted: dict[str, Any]) -> str:
    """Runs the tool of oci_image in `folder`; gives the image's digest."""
    tool = Runfiles.Create().Rlocation("rules_oci/private/image.py")
    (folder / "manifest.json").write_text(json.dumps(wanted | {"output": name}))
    labels = [f"//app:{layer}" for layer in wanted["layers"]]
    subprocess.run([sys.executable, "-IS", tool, "manifest.json", *labels], cwd=folder, check=True)
    (manifest,) = json.loads((folder / name / "index.json").read_text())["manifests"]
    return manifest["digest"]


def test_an_image_has_the_digest_that_the_real_rule_set_gives_it(tmp_path: Path) -> None:
    for name, text in _FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "a.tar").write_text("a layer")
    (tmp_path / "b.tar.gz").write_bytes(bytes.fromhex(_GZIPPED))
    found = [
        _make(tmp_path, name, wanted)
        for name, wanted in (("first", _FIRST), ("second", _SECOND), ("third", _THIRD))
    ]
    assert found == [
        "sha256:33876119999fb1e8a7369ca37ea0b8a2421b62cc59ee7cabc453d295387eb893",
        "sha256:fae60dcb89216677aab677992a8b1a39d1f6123a89dd9403b251c9b2641d98a4",
        "sha256:87954ac4aa5cdb64a64ebc6576bbc2e4c34a97e7df69841bc3da27aacf241650",
    ]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-p", "no:cacheprovider"]))
