"""Images that are changed a little: stage1 takes each, or refuses it in one line.

    IMAGE_INIT=PROGRAM python3 -m tests.kernel.stage1.mutated --count 10000

PROGRAM is bazel-bin/system_image/stage1/stage1_guest/image_init, or what the sysroot's gcc made of it with
-fsanitize=address,undefined. Fails at the first image at which it does otherwise, which is then in the folder
that is named.
"""

import argparse
import random
import shutil
import tempfile
from pathlib import Path

from tests.fuzz.mutate import mutate
from tests.kernel.stage1.images import PACKED, own, sample, unpack, xz, zst
from tests.testing.progress import told
from tests.testing.tars import entry, hardlink, symlink, tar

_SAID = ("the system image ", "unpacking the system image takes ", "memory ran out while the system image ")


def campaign(folder: Path, count: int, seed: int = 17) -> dict[int, int]:
    """Unpacks `count` mutated images below `folder`; returns how many ended with which status.

    Raises AssertionError for the first that ends otherwise than with a tree, or a refusal.
    """
    chance = random.Random(seed)
    attribute = {"SCHILY.xattr.user.a": "b", "mtime": "1.5", "path": "p"}
    small = [entry("d/"), entry("d/f", b"12345" * 200, pax=attribute), hardlink("h", "p"), symlink("s", "d")]
    sound = [tar(*own(*small)), sample()]
    images = [pack(data) for data in sound for pack in PACKED.values()]
    ends = {0: 0, 1: 0}
    numbers = told(range(count), count, "images")
    while sum(ends.values()) < count:
        if chance.random() < 0.5:
            image = chance.choice((bytes, xz, zst))(mutate(chance.choice(sound), sound, chance))
        else:
            image = mutate(chance.choice(images), images, chance)
        if not image:
            continue
        (root := folder / "mutated" / "root").mkdir(parents=True)
        # Owners that are changed are not anybody's to give.
        done = unpack(root, image, *(("--plain",) if chance.random() < 0.8 else ()))
        assert done.status in ends, done
        assert not done.status or (done.refused.startswith(_SAID) and done.refused.count("\n") == 1), done
        ends[done.status] += 1
        next(numbers)
        for path in [root, *root.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(root.parent)
    return ends


def main() -> None:
    """Prints how many were taken and refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=18)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        ends = campaign(folder, options.count, options.seed)
    except AssertionError:
        print(f"the image is {folder}/mutated/disk")
        raise
    shutil.rmtree(folder)
    print(f"{options.count} images: {ends[0]} unpacked, {ends[1]} refused")


if __name__ == "__main__":
    main()
