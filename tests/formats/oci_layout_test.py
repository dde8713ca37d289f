"""What readers and writers of OCI image layouts share."""

import json
import re
from pathlib import Path

import pytest

from tests.testing.layouts import LayoutBuilder
from tools.sysimage.core.errors import ToolError
from tools.sysimage.formats import oci_layout


def test_what_a_layout_lists_first_is_what_is_pushed(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    first, second = builder.image([b"one"]), builder.image([b"two"])
    builder.index(first, second)
    assert oci_layout.first_digest(builder.root) == first["digest"] != second["digest"]


@pytest.mark.parametrize("manifests", [[], {}, [{}], ["sha256:0"], None])
def test_a_layout_without_a_manifest_is_named_not_a_traceback(tmp_path: Path, manifests: object) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    (builder.root / "index.json").write_text(json.dumps({"manifests": manifests}))
    with pytest.raises(ToolError, match=rf"{re.escape(str(builder.root))}/index\.json: lists no manifest"):
        oci_layout.first_digest(builder.root)


def test_a_directory_that_is_no_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="not an OCI image layout"):
        oci_layout.first_digest(tmp_path)


def test_what_is_written_is_a_layout_that_is_read(tmp_path: Path) -> None:
    writer = oci_layout.LayoutWriter(tmp_path)
    descriptor = writer.json({"b": 1, "a": 2}, oci_layout.MANIFEST)
    writer.finish([descriptor])
    assert oci_layout.read_index(tmp_path)["manifests"] == [descriptor]
    assert oci_layout.blob_path(tmp_path, descriptor["digest"]).read_bytes() == b'{"a":2,"b":1}'
