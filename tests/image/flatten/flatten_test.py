"""From an image layout to a flat tar: media types, platforms, digests, and what has to be refused."""

import gzip
import json
import os
import random
from collections.abc import Callable
from compression import zstd
from pathlib import Path

import pytest

from tests.testing.layouts import LayoutBuilder, digest, layout
from tests.testing.tars import entry, hardlink, tar
from tools.sysimage.core.errors import ToolError
from tools.sysimage.core.tree import Tree
from tools.sysimage.formats import mtree
from tools.sysimage.formats import tar as sysimage_tar
from tools.sysimage.formats.oci import Platform
from tools.sysimage.image import flatten

BELOW = tar(entry("etc/"), entry("etc/name", b"below"), entry("gone", b"x"))
ABOVE = tar(entry(".wh.gone"), entry("etc/name", b"above"), hardlink("etc/link", "etc/name"))
ANY = Platform()


def flat(folder: Path, platform: Platform = ANY) -> Tree:
    output = folder.parent / "flat.tar"
    flatten.flatten(folder, platform, output)
    return sysimage_tar.load(output.open("rb"), "flat.tar")


def refused(folder: Path, message: str, platform: Platform = ANY, limit: int = 1 << 30) -> None:
    output = folder.parent / "flat.tar"
    with pytest.raises(ToolError, match=message) as caught:
        flatten.flatten(folder, platform, output, limit)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name]  # nothing left behind


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
@pytest.mark.parametrize("docker", [False, True])
def test_each_compression_and_naming_gives_the_same_bytes(
    tmp_path: Path, compression: str, docker: bool
) -> None:
    if docker and compression == "zstd":
        pytest.skip("Docker's schema 2 has no zstd")
    plain = layout(tmp_path / "plain", BELOW, ABOVE)
    flatten.flatten(plain, ANY, tmp_path / "plain.tar")
    builder = LayoutBuilder(tmp_path / "other", docker=docker)
    other = builder.index(builder.image([BELOW, ABOVE], compression=compression))
    assert flat(other).paths() == ["", "etc", "etc/link", "etc/name"]
    assert (tmp_path / "flat.tar").read_bytes() == (tmp_path / "plain.tar").read_bytes()


def test_layers_that_are_links_are_read_as_rules_oci_lays_them_out(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW)
    blob = folder / "blobs" / digest(BELOW).replace(":", "/")
    blob.rename(tmp_path / "rootfs.tar")
    blob.symlink_to("../../../rootfs.tar")
    assert "etc/name" in flat(folder)


def test_the_output_does_not_depend_on_the_order_in_layers(tmp_path: Path) -> None:
    one = layout(tmp_path / "one", tar(entry("b", b"1"), entry("a", b"2")))
    two = layout(tmp_path / "two", tar(entry("a", b"2")), tar(entry("b", b"1")))
    flatten.flatten(one, ANY, tmp_path / "one.tar")
    flatten.flatten(two, ANY, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_golden_manifest(tmp_path: Path) -> None:
    layers = [
        tar(
            entry("./", mode=0o755),
            entry("./bin/", mode=0o755),
            entry("./bin/su", b"#!", mode=0o4755),
            entry("./var/tmp/", mode=0o1777),
            entry("./etc/shadow", b"root:*", mode=0o640, gid=42),
        ),
        tar(hardlink("bin/sudo", "bin/su"), entry("bin/ping", b"p", pax={"SCHILY.xattr.user.a b": "1"})),
    ]
    tree = flat(layout(tmp_path / "layout", *layers, compression="gzip"))
    with (tmp_path / "mtree").open("wb") as out:
        mtree.write(list(tree.walk()), out)
    golden = Path(__file__).with_name("golden.mtree")
    assert (tmp_path / "mtree").read_text() == golden.read_text()


def test_sha512_digests(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout", algorithm="sha512")
    image = builder.image([BELOW], compression="gzip", diff_ids=[digest(BELOW, "sha512")])
    assert "etc/name" in flat(builder.index(image))


def test_a_gzip_layer_of_several_members_and_with_padding(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    blob = gzip.compress(BELOW[:1000]) + gzip.compress(BELOW[1000:]) + bytes(100)
    image = packed(builder, blob, "+gzip")
    assert "etc/name" in flat(builder.index(image))


def test_a_zstd_layer_of_several_frames(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0meta"
    blob = skippable + zstd.compress(BELOW[:1000]) + zstd.compress(BELOW[1000:]) + skippable
    assert "etc/name" in flat(builder.index(packed(builder, blob, "+zstd")))


def packed(builder: LayoutBuilder, blob: bytes, suffix: str, diff_id: str = "") -> dict[str, object]:
    """An image with one layer that was packed by hand."""
    layer = builder.blob(blob, f"application/vnd.oci.image.layer.v1.tar{suffix}")
    rootfs = {"type": "layers", "diff_ids": [diff_id or digest(BELOW)]}
    config = builder.json(
        {"os": "linux", "architecture": "amd64", "rootfs": rootfs}, "application/vnd.oci.image.config.v1+json"
    )
    return builder.json(
        {"schemaVersion": 2, "config": config, "layers": [layer]},
        "application/vnd.oci.image.manifest.v1+json",
    )


# Platforms


def many(folder: Path) -> Path:
    builder = LayoutBuilder(folder)
    platforms = [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64"},
        {"os": "linux", "architecture": "arm", "variant": "v7"},
    ]
    images = [
        builder.image([tar(entry(platform["architecture"], b""))], platform=platform)
        for platform in platforms
    ]
    attestation = builder.image([tar()], platform={"os": "unknown", "architecture": "unknown"})
    return builder.index(builder.nested([*images, attestation]))


@pytest.mark.parametrize(
    ("platform", "architecture"),
    [
        (Platform("linux", "amd64"), "amd64"),
        (Platform("linux", "arm64", "v8"), "arm64"),
        (Platform(architecture="arm"), "arm"),
    ],
)
def test_the_image_for_a_platform_is_found_in_nested_indexes(
    tmp_path: Path, platform: Platform, architecture: str
) -> None:
    assert flat(many(tmp_path / "layout"), platform).paths() == ["", architecture]


@pytest.mark.parametrize(
    ("platform", "count"), [(Platform("linux"), "3 images"), (Platform("linux", "riscv64"), "no images")]
)
def test_a_platform_that_fits_none_or_several_lists_what_there_is(
    tmp_path: Path, platform: Platform, count: str
) -> None:
    message = (
        rf"{count} for the platform {platform}; .*there are: linux/amd64 \(sha256.*linux/arm/v7.*linux/arm64"
    )
    refused(many(tmp_path / "layout"), message, platform)


def test_the_platform_of_an_image_that_its_index_does_not_name_is_in_its_config(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    folder = builder.index(builder.image([BELOW], in_index=False))
    assert "etc" in flat(folder, Platform("linux", "amd64"))
    (tmp_path / "flat.tar").unlink()
    refused(folder, "no images for the platform linux/arm64", Platform("linux", "arm64"))


def test_an_attestation_is_no_image(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    attestation = builder.image([tar()], platform={"os": "unknown", "architecture": "unknown"})
    assert "etc" in flat(builder.index(builder.image([BELOW]), attestation))


def test_one_image_under_two_names_is_one(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    image = builder.image([BELOW])
    assert "etc" in flat(builder.index(image, {**image, "annotations": {"a": "b"}}))


# What has to be refused


def test_a_folder_that_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(
        tmp_path / "folder", r"folder: not an OCI image layout \(it has no oci-layout\); give the directory"
    )


def test_a_file_instead_of_a_layout(tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(BELOW)
    with pytest.raises(ToolError, match="not an OCI image layout"):
        flat(tmp_path / "image.tar")


def test_an_index_that_is_no_json(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW)
    (folder / "index.json").write_text("{")
    refused(folder, r"index\.json: is no JSON")


@pytest.mark.parametrize(
    "value", [[], {}, {"manifests": [{}]}, {"manifests": [{"digest": "sha256:../../x"}]}]
)
def test_an_index_of_another_shape(tmp_path: Path, value: object) -> None:
    folder = layout(tmp_path / "layout", BELOW)
    (folder / "index.json").write_text(json.dumps(value))
    refused(folder, r"index\.json: ")


def blob_of(folder: Path, content: bytes) -> Path:
    return folder / "blobs" / digest(content).replace(":", "/")


def test_a_layer_that_was_changed(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW, ABOVE)
    data = bytearray(BELOW)
    data[data.index(b"below")] ^= 1
    blob_of(folder, BELOW).write_bytes(data)
    refused(
        folder, r"layer 1 of 2 \(sha256:.*…\): the blob is sha256:.* of \d+ bytes, but its descriptor says"
    )


def test_a_layer_that_is_cut_off(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW)
    blob_of(folder, BELOW).write_bytes(BELOW[:-1])
    refused(folder, r"layer 1 of 1 \(.*\): the blob has \d+ bytes, but its descriptor says")


def test_a_layer_that_is_missing(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW)
    blob_of(folder, BELOW).unlink()
    refused(folder, r"layer 1 of 1 \(.*\): the layout has no blob sha256:")


@pytest.mark.parametrize(
    ("blob", "suffix", "message"),
    [
        (gzip.compress(BELOW)[:-9], "+gzip", "gzip stream is cut off"),
        (gzip.compress(BELOW) + b"x" * 20, "+gzip", "gzip stream is damaged"),
        (zstd.compress(BELOW)[:-9], "+zstd", "zstd stream is cut off"),
        (zstd.compress(BELOW) + b"x" * 9, "+zstd", "zstd stream is damaged"),
    ],
)
def test_a_layer_whose_compression_is_broken(tmp_path: Path, blob: bytes, suffix: str, message: str) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    refused(builder.index(packed(builder, blob, suffix)), rf"layer 1 of 1 .*{message}")


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_a_layer_with_another_diff_id(tmp_path: Path, compression: str) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    image = builder.image([BELOW], compression=compression, diff_ids=[digest(ABOVE)])
    refused(builder.index(image), rf"layer 1 of 1 .*: it unpacks to {digest(BELOW)}, its diff ID is")


def test_layers_and_diff_ids_of_different_number(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    refused(
        builder.index(builder.image([BELOW], diff_ids=[])), "has 1 layers, but its config names 0 diff IDs"
    )


def test_a_layer_that_is_no_tar(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    refused(builder.index(packed(builder, b"", "+encrypted")), "unknown media type .*encrypted")


def test_an_artifact_is_no_image(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    oci = "application/vnd.oci.image."
    image = builder.image([BELOW])
    manifest = json.loads(builder.path(image["digest"]).read_text())
    manifest["config"]["mediaType"] = f"{oci}empty.v1+json"
    folder = builder.index(builder.json(manifest, f"{oci}manifest.v1+json"))
    refused(folder, "lists no image")


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_an_image_that_unpacks_to_more_than_the_limit(tmp_path: Path, compression: str) -> None:
    big = tar(entry("zeros", bytes(5 << 20)))
    folder = layout(tmp_path / "layout", BELOW, big, compression=compression)
    message = "layer 2 of 2 .*: the image unpacks to more than 3 MiB"
    where = r"in or after the entry 'zeros'" if compression else ""
    refused(folder, f"{message}.*{where}", limit=3 << 20)


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_a_layer_that_is_cut_off_says_at_which_entry(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    noise = random.Random(1).randbytes(1 << 20)
    blob = pack(tar(entry("first", b"1"), entry("second", noise)))
    builder = LayoutBuilder(tmp_path / "layout")
    folder = builder.index(packed(builder, blob[: len(blob) // 2], ""))
    refused(folder, r"layer 1 of 1 .* is cut off; .*in or after the entry 'second'")


def test_the_first_layer_that_fails_is_named_although_others_are_unpacked_beside_it(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    layers = [gzip.compress(tar(entry(str(number), b"x"))) for number in range(8)]
    layers[3] = layers[3][:-9]
    blobs = [builder.blob(blob, "application/vnd.oci.image.layer.v1.tar+gzip") for blob in layers]
    folder = builder.index(builder.manifest(blobs, [digest(b"") for _ in blobs]))
    refused(folder, "layer 1 of 8 .*: it unpacks to")
    wanted = [digest(gzip.decompress(blob)) for blob in layers[:3]] + [digest(b"")] * 5
    refused(builder.index(builder.manifest(blobs, wanted)), "layer 4 of 8 .*: the gzip stream is cut off")


def test_a_sparse_file_counts_at_its_full_length(tmp_path: Path) -> None:
    pax = {"GNU.sparse.map": "", "GNU.sparse.size": str(1 << 40), "GNU.sparse.name": "s"}
    folder = layout(tmp_path / "layout", tar(entry("s", b"", pax=pax)))
    refused(folder, r"layer 1 of 1 .*: the image unpacks to more than .*\(at the entry 's'\)", limit=1 << 30)


def test_a_sparse_file_and_a_bomb_together_are_refused(tmp_path: Path) -> None:
    pax = {"GNU.sparse.map": "", "GNU.sparse.size": str(5 << 20), "GNU.sparse.name": "s"}
    layers = [tar(entry("s", b"", pax=pax)), tar(entry("zeros", bytes(3 << 20)))]
    folder = layout(tmp_path / "layout", *layers, compression="gzip")
    refused(folder, "the image unpacks to more than 6 MiB", limit=6 << 20)


def test_an_index_that_is_there_in_many_ways_is_read_once(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    found = builder.image([BELOW])
    for _ in range(7):
        found = builder.nested([found] * 12)
    assert "etc" in flat(builder.index(found))


def test_a_root_filesystem_of_another_type_than_layers(tmp_path: Path) -> None:
    builder = LayoutBuilder(tmp_path / "layout")
    config = builder.json(
        {"os": "linux", "rootfs": {"type": "blocks", "diff_ids": []}},
        "application/vnd.oci.image.config.v1+json",
    )
    manifest = {"schemaVersion": 2, "config": config, "layers": []}
    image = builder.json(manifest, "application/vnd.oci.image.manifest.v1+json")
    refused(builder.index(image), "its root filesystem has the type 'blocks'")


def test_json_that_is_nested_too_deep(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW)
    (folder / "index.json").write_text("[" * 200_000)
    refused(folder, r"index\.json: is no JSON")


def test_a_pipe_in_a_blobs_place_is_not_waited_for(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW)
    blob_of(folder, BELOW).unlink()
    os.mkfifo(blob_of(folder, BELOW))
    refused(folder, r"layer 1 of 1 \(.*\): the layout has no blob")


@pytest.mark.parametrize("name", ["\x1f\udc8b", "P*M\x18", "(\udcb5/\udcfd"])
def test_a_plain_layer_whose_first_name_begins_as_compressed_ones_do(tmp_path: Path, name: str) -> None:
    assert flat(layout(tmp_path / "layout", tar(entry(name, b"1")))).get(name)


def test_an_entry_outside_the_root_names_layer_and_entry(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW, tar(entry("../x", b"")), compression="gzip")
    refused(folder, r"layer 2 of 2 .*: entry '\.\./x' leaves the root")


def test_the_command_line(tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", BELOW)
    arguments = ["--layout", str(folder), "--output", str(tmp_path / "f.tar"), "--os", "linux"]
    assert flatten.main([*arguments, "--architecture", "amd64"]) == 0
    assert (tmp_path / "f.tar").is_file()
