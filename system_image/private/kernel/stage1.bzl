"""Stage stage1: the initramfs that measures a system image, unpacks it into memory and starts it."""

load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:kernel_info.bzl", "KernelInfo")

# What a virtual machine of QEMU's has as disks and network, and what systemd and containers ask for.
_MODULES = [
    "virtio_blk",
    "virtio_net",
    "autofs4",
    "overlay",
]

# Attestation: reports by configfs, the drivers of SEV-SNP and TDX, a TPM of the firmware's.
_OPTIONAL_MODULES = [
    "configfs",
    "tsm",
    "sev-guest",
    "tdx-guest",
    "tpm_crb",
    "tpm_tis",
]

# What a measured disk is read with; the disks of clouds, beside QEMU's; SHA-256 by the processor's own instructions.
_DISK_MODULES = [
    "dm-verity",
    "erofs",
]
_OPTIONAL_DISK_MODULES = [
    "ahci",
    "hv_netvsc",
    "hv_storvsc",
    "nvme",
    "sd_mod",
    "sha2-ce",
    "sha256-ssse3",
    "virtio_scsi",
]

def _stage1_impl(ctx):
    disk = ctx.attr.root == "disk"
    modules = ctx.attr.kernel[KernelInfo].modules
    manifest = write_manifest(ctx, {
        "kernel_modules": ctx.attr.kernel_modules + (_DISK_MODULES if disk else []),
        "optional_modules": ctx.attr.optional_modules + (_OPTIONAL_DISK_MODULES if disk else []),
    })
    archive = ctx.actions.declare_file(ctx.label.name + ".cpio")
    init = ctx.file._disk_init if disk else ctx.file._image_init
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add_all("--modules", [modules], expand_directories = False)
    args.add("--init", init)
    args.add("--output", archive)
    ctx.actions.run(
        executable = ctx.executable._stage1,
        arguments = [args],
        inputs = [manifest, modules, init],
        outputs = [archive],
        mnemonic = "SystemImageStage1",
        progress_message = "Making the initramfs %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([archive]))]

stage1 = rule(
    implementation = _stage1_impl,
    exec_compatible_with = EXECUTION,
    doc = """Makes a first-stage loader, the initramfs `NAME.cpio`, for a kernel: one static program, and modules.

    It copies the system image from the disk whose serial number is `system-image` into memory, measures it, unpacks it
    into a tmpfs and starts /sbin/init. It reads .tar.xz (one stream, as other loaders do), .tar.zst and .tar. It keeps
    owners, modes, times, hard links, devices and attributes such as security.capability. It prints the digest on the
    console and writes it to /run/system-image/sha256. /run/system-image/tee says `sev-snp`, `tdx` or `none`, by the
    device that the guest's kernel has; /run/system-image/tee.KIND exists for units' ConditionPathExists=.

    On the kernel's command line it takes:

    - `stage1.size=BYTES`, which it needs: the length of the image.
    - `stage1.sha256=HEX`: refuse any other image.
    - `stage1.unpack=plain`: unpack as some loaders do, without owners and extended attributes, and with the nine
      permission bits alone.

    With `root = "disk"` the root is a measured disk instead (`disk_image`), and the program is another one. It needs
    `stage1.roothash=HEX` on the kernel's command line. It finds the disk by the partition types root and root-verity of
    its architecture (Discoverable Partitions Specification), and refuses two of a type. dm-verity then checks each
    block when it is read; a block that differs from what was measured stops the machine at once. /etc, /var and /tmp
    are writable, in memory; all else is read-only. /run is as above, with roothash in place of sha256.
    """,
    attrs = {
        "kernel": attr.label(
            doc = "The kernel whose modules it loads.",
            mandatory = True,
            providers = [KernelInfo],
        ),
        "kernel_modules": attr.string_list(
            doc = "Modules that it loads, after those that they need. What is built into the kernel may be among them.",
            default = _MODULES,
        ),
        "optional_modules": attr.string_list(
            doc = "Modules that it tries to load. If the kernel or the machine does not have what they are for, it goes on.",
            default = _OPTIONAL_MODULES,
        ),
        "root": attr.string(
            doc = "Where the system is: `tar`, a system image that is unpacked into memory, or `disk`.",
            default = "tar",
            values = ["disk", "tar"],
        ),
        # Built for the guest.
        "_disk_init": attr.label(
            default = "//system_image/stage1:stage1_guest/disk_init",
            allow_single_file = True,
        ),
        "_image_init": attr.label(
            default = "//system_image/stage1:stage1_guest/image_init",
            allow_single_file = True,
        ),
        "_stage1": tool_attr(Label("//tools/sysimage/kernel:stage1")),
    },
)
