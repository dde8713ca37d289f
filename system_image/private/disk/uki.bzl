"""Stage uki: a kernel, an initramfs and a command line in one EFI program."""

load("//system_image/private/core:manifest.bzl", "packages_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/private/toolchain:program.bzl", "start_program")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")
load("//system_image/providers:kernel_info.bzl", "KernelInfo")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")
load("//system_image/providers:verity_info.bzl", "VerityInfo")

def _uki_impl(ctx):
    kernel = ctx.attr.kernel[KernelInfo].image if KernelInfo in ctx.attr.kernel else ctx.files.kernel[0]
    files = {
        "certificate": ctx.file.secure_boot_certificate,
        "initrd": ctx.file.initrd,
        "kernel": kernel,
        "key": ctx.file.secure_boot_key,
        "os_release": ctx.file.os_release,
        "root_hash": ctx.attr.verity[VerityInfo].root_hash if ctx.attr.verity else None,
    }
    files = {name: file for name, file in files.items() if file}
    if ("key" in files) != ("certificate" in files):
        fail("secure_boot_key: a key needs its secure_boot_certificate; give both, or none")
    manifest = packages_manifest(ctx, ctx.attr.stub[DebianPackagesInfo], dict(
        {name: file.path for name, file in files.items()},
        cmdline = ctx.attr.cmdline,
        name = ctx.label.name,
        uname = ctx.attr.uname,
    ))
    image = ctx.actions.declare_file(ctx.label.name + ".efi")
    unsigned = image
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    tools = []
    if "key" in files:
        unsigned = ctx.actions.declare_file(ctx.label.name + ".unsigned.efi")
        args.add("--signed", image)
        tools = start_program(ctx, args, "--openssl", ctx.attr._openssl[LockedProgramInfo], ctx.label.name + "_openssl")
    args.add("--output", unsigned)
    ctx.actions.run(
        executable = ctx.executable._uki,
        arguments = [args],
        inputs = manifest.inputs + files.values() + tools,
        outputs = [image] if image == unsigned else [image, unsigned],
        mnemonic = "SystemImageUki",
        progress_message = "Making the unified kernel image %{label}",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([image])),
        OutputGroupInfo(unsigned = depset([unsigned])),
    ]

uki = rule(
    implementation = _uki_impl,
    exec_compatible_with = EXECUTION,
    doc = """Makes a unified kernel image (UKI), `NAME.efi`: systemd's stub with kernel, initramfs and command line.

    Firmware starts it from a disk, or QEMU by `-kernel`. Its measurement covers all that is in it. Its sections are
    .osrel, .cmdline, .uname, .linux, .initrd and .sbat. With a key it is signed for Secure Boot; the output group
    `unsigned` is the image without the signature, whose measurements are the same.
    """,
    attrs = {
        "cmdline": attr.string_list(
            doc = "Words of the kernel's command line. Whoever boots the image can't add to them under Secure Boot or in a " +
                  "confidential VM.",
        ),
        "initrd": attr.label(
            doc = "The initramfs, such as a `stage1`.",
            allow_single_file = True,
        ),
        "kernel": attr.label(
            doc = "The kernel: a `kernel`, or a file. It has to have an EFI stub.",
            mandatory = True,
            allow_files = True,
        ),
        "os_release": attr.label(
            doc = "The os-release(5) that boot loaders show. Without it, one with the target's name as IMAGE_ID.",
            allow_single_file = True,
        ),
        "secure_boot_certificate": attr.label(
            doc = "The key's certificate, X.509 in PEM.",
            allow_single_file = True,
        ),
        "secure_boot_key": attr.label(
            doc = "An RSA key in PEM that signs it for Secure Boot. The key is an input of the build: keep a key for " +
                  "production out of it, and sign the output group `unsigned` instead.",
            allow_single_file = True,
        ),
        "stub": attr.label(
            doc = "A package set with systemd-boot-efi.",
            default = Label("@debian//:systemd_boot_efi"),
            providers = [DebianPackagesInfo],
        ),
        "uname": attr.string(doc = "The kernel's release. Without it, it is read from the kernel's file."),
        "verity": attr.label(
            doc = "The file system that it boots: `stage1.roothash=` with its root hash is appended to the command line.",
            providers = [VerityInfo],
        ),
        "_openssl": attr.label(
            default = Label("//system_image/tools:openssl"),
            cfg = "exec",
            providers = [LockedProgramInfo],
        ),
        "_uki": tool_attr(Label("//tools/sysimage/disk:uki")),
    },
)
