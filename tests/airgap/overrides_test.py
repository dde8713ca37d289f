from pathlib import Path

import pytest

from tools.airgap import overrides
from tools.airgap.errors import ToolError

# What bazel_tools of three Bazels asks for: in the order of its file, and what is for its own development.
_BAZEL_7 = ("rules_cc", "rules_python", "buildozer", "platforms", "protobuf", "apple_support")
_BAZEL_8 = (
    "rules_license",
    "buildozer",
    "platforms",
    "zlib",
    "bazel_features",
    "protobuf",
    "rules_python",
    "rules_shell",
)
_BAZEL_9 = ("rules_cc", "rules_python", "rules_shell", "buildozer", "platforms", "abseil-cpp", "rules_java")


def _module(folder: Path, name: str, *asks_for: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f'module(\n    name = "{name}",\n    version = "1.0",\n)', '# bazel_dep(name = "commented")']
    lines += [f'bazel_dep(name = "{dep}", version = "1.0")' for dep in asks_for]
    lines.append(
        'bazel_dep(\n    name = "of_development",\n    version = "1",\n    dev_dependency = True,\n)'
    )
    (folder / "MODULE.bazel").write_text("\n".join(lines) + "\n")


def _toolbox(root: Path, asked: tuple[str, ...]) -> tuple[Path, Path, Path]:
    bazel = root / "usr/share/bazel"
    _module(bazel / "embedded_tools", "bazel_tools", *asked)
    _module(bazel / "rules/cc", "rules_cc", "platforms")
    _module(bazel / "rules/python", "rules_python", "bazel_features")
    _module(bazel / "rules/shell", "rules_shell", "bazel_skylib")
    _module(bazel / "rules/license", "rules_license")
    _module(bazel / "tools/features", "bazel_features", "bazel_skylib")
    _module(bazel / "tools/skylib", "bazel_skylib")
    _module(bazel / "tools/platforms", "platforms", "rules_license")
    adapters = root / "adapters"
    _module(adapters / "rules_python", "rules_python", "bazel_skylib")
    _module(adapters / "rules_oci", "rules_oci", "bazel_skylib")
    _module(adapters / "protobuf", "protobuf")
    _module(adapters / "zlib", "zlib")
    _module(adapters / "buildozer", "buildozer")
    _module(adapters / "apple_support", "apple_support", "rules_oci", "rules_shell")
    return root, adapters, root / "host/modules"


def _asked_for(found: dict[str, Path], root: Path, asked: tuple[str, ...]) -> set[str]:
    """What Bazel would resolve with these overrides."""
    seen: set[str] = set()
    names = list(asked)
    while names:
        name = names.pop()
        if name not in seen:
            seen.add(name)
            folder = found[name]
            inside = root / folder.relative_to("/") if folder.is_relative_to("/usr/share") else folder
            names += [
                line.split('"')[1]
                for line in (inside / "MODULE.bazel").read_text().splitlines()
                if line.startswith('bazel_dep(name = "')
            ]
    return seen


@pytest.mark.parametrize("asked", [_BAZEL_7, _BAZEL_8, _BAZEL_9], ids=["7", "8", "9"])
def test_each_bazel_has_an_override_of_what_it_resolves_and_none_that_nobody_asks_for(
    tmp_path: Path, asked: tuple[str, ...]
) -> None:
    root, adapters, made = _toolbox(tmp_path, asked)
    found = overrides.overrides(root, adapters, made)
    assert _asked_for(found, root, asked) == set(found)
    assert found["rules_oci"] == adapters / "rules_oci"
    assert found["rules_python"] == adapters / "rules_python"
    assert found["rules_shell"] == Path("/usr/share/bazel/rules/shell")
    assert "of_development" not in found
    assert "commented" not in found


def test_a_module_that_is_nowhere_is_an_empty_one(tmp_path: Path) -> None:
    root, adapters, made = _toolbox(tmp_path, _BAZEL_9)
    found = overrides.overrides(root, adapters, made)
    assert found["rules_java"] == made / "rules_java"
    assert (made / "rules_java/MODULE.bazel").read_text() == 'module(name = "rules_java")\n'
    assert (made / "rules_java/BUILD.bazel").read_text() == ""


def test_a_second_start_changes_no_file(tmp_path: Path) -> None:
    places = _toolbox(tmp_path, _BAZEL_9)
    overrides.overrides(*places)
    before = {path: path.stat().st_mtime_ns for path in places[2].rglob("*")}
    overrides.overrides(*places)
    assert before == {path: path.stat().st_mtime_ns for path in places[2].rglob("*")}


def test_a_toolbox_without_bazels_own_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"has no .*embedded_tools/MODULE\.bazel: delete it"):
        overrides.overrides(tmp_path, tmp_path / "adapters", tmp_path / "made")
