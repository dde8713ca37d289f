"""Stage packages: a build on a lock that does not fit its manifest would be a build of something else."""

import json
from pathlib import Path

import pytest

from tools.sysimage.core.errors import ToolError
from tools.sysimage.lock import lock_fits
from tools.sysimage.lock.manifest import meaning_sha256

MANIFEST = '[set.vanilla]\npackages = ["systemd"]\n'
MEANING = {"set": {"vanilla": {"packages": ["systemd"]}}}


def lay_out(folder: Path, manifest: str = MANIFEST) -> tuple[lock_fits.LabelledFile, lock_fits.LabelledFile]:
    """A manifest and a lock that was made from MANIFEST."""
    toml, lock = folder / "debian.toml", folder / "debian.lock.json"
    toml.write_text(manifest)
    lock.write_text(json.dumps({"manifest_sha256": meaning_sha256(MEANING), "sets": {"vanilla": {}}}))
    return lock_fits.LabelledFile(toml, "//:debian.toml"), lock_fits.LabelledFile(lock, "//:debian.lock.json")


def test_a_lock_that_fits_passes_whatever_the_comments_say(tmp_path: Path) -> None:
    toml, lock = lay_out(tmp_path, "# Why: …\n" + MANIFEST)
    lock_fits.check(toml, lock, "vanilla", "hint")


def test_another_set_that_changed_would_make_all_of_this_one_again(tmp_path: Path) -> None:
    said = []
    for more in ("", '[set.more]\npackages = ["runc"]\n'):
        toml, lock = lay_out(tmp_path, MANIFEST + more)
        meaning = {"set": MEANING["set"] | ({"more": {"packages": ["runc"]}} if more else {})}
        lock.path.write_text(
            json.dumps({"manifest_sha256": meaning_sha256(meaning), "sets": {"vanilla": {}, "more": {}}})
        )
        argv = ["--manifest", str(toml.path), "--manifest-label", toml.label, "--lock", str(lock.path)]
        argv += ["--lock-label", lock.label, "--set", "vanilla", "--relock", "hint"]
        assert lock_fits.main([*argv, "--output", str(tmp_path / "checked")]) == 0
        said.append((tmp_path / "checked").read_bytes())
    assert said[0] == said[1]


def test_a_manifest_changed_after_locking_is_refused_with_the_command_to_run(tmp_path: Path) -> None:
    toml, lock = lay_out(tmp_path, MANIFEST.replace("systemd", "systemd-boot"))
    with pytest.raises(ToolError, match=r"does not fit .*bazel run //:lock"):
        lock_fits.check(toml, lock, "vanilla", "bazel run //:lock")


def test_a_set_that_the_lock_lacks_is_named(tmp_path: Path) -> None:
    toml, lock = lay_out(tmp_path)
    with pytest.raises(ToolError, match="no set 'nvidia'"):
        lock_fits.check(toml, lock, "nvidia", "hint")


def test_a_lock_that_is_cut_off_is_named_with_the_remedy(tmp_path: Path) -> None:
    toml, lock = lay_out(tmp_path)
    lock.path.write_text(lock.path.read_text()[:20])
    with pytest.raises(ToolError, match=r"debian.lock.json: no JSON .*hint"):
        lock_fits.check(toml, lock, "vanilla", "hint")


def test_a_refused_lock_leaves_no_output(tmp_path: Path) -> None:
    toml, lock = lay_out(tmp_path, "[set.other]\n")
    argv = ["--manifest", str(toml.path), "--manifest-label", toml.label, "--lock", str(lock.path)]
    argv += ["--lock-label", lock.label, "--set", "vanilla", "--relock", "hint"]
    with pytest.raises(ToolError):
        lock_fits.main([*argv, "--output", str(tmp_path / "checked")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["debian.lock.json", "debian.toml"]
