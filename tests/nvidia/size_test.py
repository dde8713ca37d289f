"""How much larger an image is than vanilla, as it is sent and measured."""

import os
from pathlib import Path


def test_image_is_not_larger_than_a_gpu_needs() -> None:
    image, vanilla = (Path(os.environ[name]) for name in ("NVIDIA", "VANILLA"))
    assert image.name.endswith(".tar.xz")
    over = (image.stat().st_size - vanilla.stat().st_size) / 1e6
    print(f"{image.name}: {over:.1f} MB over vanilla")
    assert 30 < over <= float(os.environ["MOST"])
