"""A real image's file system: what its manifest says is in it, and nothing else."""

import os
from pathlib import Path

from tests.disk.verity import extracted

EROFS = next(Path(path) for path in os.environ["VERITY"].split() if path.endswith(".erofs"))
MANIFEST = Path(os.environ["MTREE"])


def test_a_guest_would_have_other_files_from_a_disk_than_from_a_tar(tmp_path: Path) -> None:
    lines = MANIFEST.read_text("utf-8").splitlines()
    wanted = extracted.read_mtree(lines)
    found = extracted.extract(EROFS, tmp_path / "out", Path(os.environ["FSCK_EROFS"]))
    different = extracted.differences(wanted, found)
    assert not different, "\n".join(different[:20])
    others = [line for line in lines if line[0] == "." and " uid=0 gid=0" not in line]
    for line in others:
        path, *words = line.split()
        owner = extracted.owner(EROFS, path.removeprefix("./"), Path(os.environ["DUMP_EROFS"]))
        assert [f"uid={owner[0]}", f"gid={owner[1]}"] == [word for word in words if word[1:4] == "id="], path
    print(f"{len(wanted)} paths, {len(others)} of owners that are not root: 0 differences")
    assert len(wanted) > 1000
    assert others
