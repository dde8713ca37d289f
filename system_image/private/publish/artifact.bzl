"""Stage artifact: a system image, or a disk, and what belongs to it as one OCI artifact."""

load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:disk_info.bzl", "DiskInfo")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")

_TYPE = "application/vnd.system-image.v1"

_TARBALL = {
    "none": _TYPE + ".tar",
    "xz": _TYPE + ".tar+xz",
    "zstd": _TYPE + ".tar+zstd",
}

# The other files of an image, by the field of SystemImageInfo → media type.
_FILES = {
    "contents": _TYPE + ".contents+json",
    "digest": _TYPE + ".sha256",
    "mtree": _TYPE + ".mtree",
    "sha384": _TYPE + ".sha384",
}

_DISK_TYPE = "application/vnd.system-image.disk.v1"

# Format of a disk → media type.
_DISKS = {
    "gcp": _DISK_TYPE + ".gcp.tar+gzip",
    "qcow2": _DISK_TYPE + ".qcow2",
    "raw": _DISK_TYPE + ".raw",
    "vhd": _DISK_TYPE + ".vhd",
}

def _image_files(info):
    """The files of a system image, each with its media type."""
    files = [(info.image, _TARBALL[info.compression])]
    return files + [(getattr(info, field), media_type) for field, media_type in _FILES.items()]

def _disk_files(info):
    """The files of a disk, each with its media type."""
    files = []
    for kind, (disk, digest) in info.files.items():
        files += [(disk, _DISKS[kind]), (digest, _DISK_TYPE + ".sha256")]
    files.append((info.uki, _DISK_TYPE + ".uki"))
    return files + ([(info.root_hash, _DISK_TYPE + ".roothash")] if info.root_hash else [])

def _artifact_impl(ctx):
    if DiskInfo in ctx.attr.image:
        artifact_type, files = _DISK_TYPE, _disk_files(ctx.attr.image[DiskInfo])
    else:
        artifact_type, files = _TYPE, _image_files(ctx.attr.image[SystemImageInfo])
    referrers = []
    for target, media_type in ctx.attr.referrers.items():
        outputs = target[DefaultInfo].files.to_list()
        if len(outputs) != 1:
            fail("referrers: {} is {} files; name a target that is one file".format(target.label, len(outputs)))
        referrers.append((outputs[0], media_type))
    layout = ctx.actions.declare_directory(ctx.label.name)
    manifest = write_manifest(ctx, {
        "annotations": ctx.file.annotations.path,
        "artifact_type": artifact_type,
        "files": [_item(file, media_type) for file, media_type in files],
        "referrers": [_item(file, media_type) for file, media_type in referrers],
    })
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add_all("--output", [layout], expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._artifact,
        arguments = [args],
        inputs = [manifest, ctx.file.annotations] + [file for file, _ in files + referrers],
        outputs = [layout],
        mnemonic = "SystemImageArtifact",
        progress_message = "Making the artifact %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([layout]))]

def _item(file, media_type):
    return {"media_type": media_type, "path": file.path, "title": file.basename}

artifact = rule(
    implementation = _artifact_impl,
    exec_compatible_with = EXECUTION,
    doc = "An image layout with a system image, or a disk, as an artifact, and with its referrers.",
    attrs = {
        "annotations": attr.label(
            doc = "Annotations, from `annotate`.",
            mandatory = True,
            allow_single_file = True,
        ),
        "image": attr.label(
            doc = "The system image, or the disk.",
            mandatory = True,
            providers = [[SystemImageInfo], [DiskInfo]],
        ),
        "referrers": attr.label_keyed_string_dict(
            doc = "File that says something about the image → its media type.",
            allow_files = True,
        ),
        "_artifact": tool_attr(Label("//tools/sysimage/publish:artifact")),
    },
)
