"""Stage disk: a disk that boots, and what clouds take of it."""

load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/private/toolchain:program.bzl", "start_program")
load("//system_image/providers:disk_info.bzl", "DiskInfo")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")
load("//system_image/providers:verity_info.bzl", "VerityInfo")

# Format → how the name of its file ends, and what makes it.
_FORMATS = {
    "gcp": struct(ending = ".tar.gz", mnemonic = "SystemImageDiskGcp"),
    "qcow2": struct(ending = ".qcow2", mnemonic = "SystemImageDiskQcow2"),
    "raw": struct(ending = ".raw", mnemonic = "SystemImageDisk"),
    "vhd": struct(ending = ".vhd", mnemonic = "SystemImageDiskVhd"),
}

def _disk_image_impl(ctx):
    uki = ctx.file.uki
    fields = {"esp_size": ctx.attr.esp_size, "uki": uki.path}
    inputs = [uki]
    if ctx.attr.verity:
        verity = ctx.attr.verity[VerityInfo]
        files = {"data": verity.data, "hash_tree": verity.hash_tree, "root_hash": verity.root_hash}
        fields["verity"] = {name: file.path for name, file in files.items()}
        inputs += files.values()
    manifest = write_manifest(ctx, fields)
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    raw = _disk(ctx, "raw", args, inputs + [manifest])
    groups = {"raw": raw}
    for kind in ctx.attr.formats:
        if kind not in _FORMATS:
            fail("formats: {} is not one of {}".format(repr(kind), ", ".join(_FORMATS)))

    # All of them: what nobody asks for is not made.
    for kind in _FORMATS:
        if kind == "raw":
            continue
        args = ctx.actions.args()
        args.add("--raw", raw[0])
        tools = []
        if kind == "gcp":
            tools = start_program(ctx, args, "--gzip", ctx.attr._gzip[LockedProgramInfo], ctx.label.name + "_gzip")
        groups[kind] = _disk(ctx, kind, args, [raw[0]] + tools)
    return [
        DefaultInfo(files = depset([file for kind in ctx.attr.formats for file in groups[kind]])),
        DiskInfo(
            files = {kind: groups[kind] for kind in ctx.attr.formats},
            raw = raw[0],
            root_hash = ctx.attr.verity[VerityInfo].root_hash if ctx.attr.verity else None,
            uki = uki,
        ),
        OutputGroupInfo(**{kind: depset(files) for kind, files in groups.items()}),
    ]

def _disk(ctx, kind, args, inputs):
    """Makes a disk and the file of its digest; returns both."""
    disk = ctx.actions.declare_file(ctx.label.name + _FORMATS[kind].ending)
    digest = ctx.actions.declare_file(disk.basename + ".sha256")
    args.add("--format", kind)
    args.add("--output", disk)
    args.add("--digest", digest)
    ctx.actions.run(
        executable = ctx.executable._disk,
        arguments = [target_args(ctx), args],
        inputs = inputs,
        outputs = [disk, digest],
        mnemonic = _FORMATS[kind].mnemonic,
        progress_message = "Making the disk %{label} (" + kind + ")",
        toolchain = None,
    )
    return [disk, digest]

disk_image = rule(
    implementation = _disk_image_impl,
    exec_compatible_with = EXECUTION,
    doc = """Makes a disk that boots by EFI, `NAME.raw`: a partition with the UKI, and the file system with its hash tree.

    Partitions are those of the Discoverable Partitions Specification: the EFI system partition with EFI/BOOT/BOOTX64.EFI
    (BOOTAA64.EFI), root and root-verity, whose GUIDs are the halves of the root hash. All GUIDs come from the content. The
    disk has as many bytes as it needs, a multiple of 1 MiB.

    Other formats are the same disk: `NAME.qcow2`, version 3, without what is zero; `NAME.vhd`, fixed, as Azure takes it;
    `NAME.tar.gz` with disk.raw of whole GiB, as Compute Engine takes it (`gcp`). Each is an output group, whether it is among
    `formats` or not, with its digest beside it, in the format of sha256sum(1).
    """,
    attrs = {
        "esp_size": attr.int(
            doc = "Size of the EFI system partition in MiB. Without it, the smallest that FAT32 and the UKI take, 33 MiB at " +
                  "least. Smaller ones are FAT16 or FAT12, which the UEFI specification has for removable disks.",
        ),
        "formats": attr.string_list(
            doc = "Which of `raw`, `qcow2`, `vhd` and `gcp` a build of the target makes.",
            default = ["raw"],
            allow_empty = False,
        ),
        "uki": attr.label(
            doc = "The `uki` that firmware starts, signed or not.",
            mandatory = True,
            allow_single_file = [".efi"],
        ),
        "verity": attr.label(
            doc = "The file system, the same that the `uki` has as `verity`. Without it, the disk has the UKI alone.",
            providers = [VerityInfo],
        ),
        "_disk": tool_attr(Label("//tools/sysimage/disk:disk")),
        "_gzip": attr.label(
            default = Label("//system_image/tools:gzip"),
            cfg = "exec",
            providers = [LockedProgramInfo],
        ),
    },
    provides = [DiskInfo],
)
