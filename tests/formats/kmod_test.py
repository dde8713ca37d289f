"""Stage kernel: the index of the modules is what modprobe(8) needs to find them, wherever the tree goes."""

import os
from pathlib import Path

from tools.sysimage.kernel import stage1

MODULES = Path(os.environ["MODULES"])


def release() -> Path:
    """The one folder usr/lib/modules/RELEASE."""
    (found,) = (MODULES / "usr/lib/modules").iterdir()
    return found


def test_each_module_is_in_the_index_by_a_path_that_holds_in_every_root() -> None:
    modules = {str(path.relative_to(release())) for path in release().rglob("*.ko*")}
    lines = (release() / "modules.dep").read_text().splitlines()
    indexed = {line.partition(":")[0] for line in lines}
    assert len(modules) > 500
    assert indexed == modules


def test_the_index_has_the_binary_files_that_modprobe_reads_and_aliases_of_devices() -> None:
    for name in ("modules.dep.bin", "modules.alias.bin", "modules.builtin.bin", "modules.symbols.bin"):
        assert (release() / name).stat().st_size > 100, name
    assert "alias virtio:d00000002v* virtio_blk" in (release() / "modules.alias").read_text()


def test_modules_are_loaded_after_those_that_they_need() -> None:
    names = [path.name.partition(".")[0] for path in stage1.load_order(release(), ["virtio-net"])]
    assert names.index("failover") < names.index("net_failover") < names.index("virtio_net")
