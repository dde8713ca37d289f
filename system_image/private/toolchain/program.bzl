"""Stage program: a program of a locked package set that runs on any host, through its own loader."""

load("//system_image/private/core:architecture.bzl", "ARCHITECTURES")
load("//system_image/private/core:manifest.bzl", "packages_manifest", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")

def start_program(ctx, args, flag, program, name = None):
    """Tells a tool how to start a locked program: `flag` names a file `{"argv": […]}`.

    Args:
      ctx: the rule's context.
      args: the Args of the tool's action, to which it adds.
      flag: the tool's option, such as `--depmod`.
      program: the LockedProgramInfo.
      name: of the file, without .json, if not the target's.

    Returns:
      A list of Files that the action needs as inputs.
    """
    tool = write_manifest(ctx, {"argv": program.argv}, name, target = False)
    args.add(flag, tool)
    return [tool, program.folder]

def _locked_program_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    folder = ctx.actions.declare_directory(ctx.label.name)
    manifest = packages_manifest(ctx, packages)
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    args.add("--program", ctx.attr.program)
    args.add_all(ctx.attr.data, before_each = "--data")
    args.add_all("--output", [folder], expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._program,
        arguments = [args],
        inputs = manifest.inputs,
        outputs = [folder],
        mnemonic = "SystemImageProgram",
        progress_message = "Unpacking %{label}",
        toolchain = None,
    )
    name = ctx.attr.program.rpartition("/")[2]
    return [
        DefaultInfo(files = depset([folder])),
        LockedProgramInfo(
            architecture = packages.architecture,
            argv = [
                "{}/lib/{}".format(folder.path, ARCHITECTURES[packages.architecture].loader),
                "--library-path",
                folder.path + "/lib",
                "--argv0",
                name,
                "{}/bin/{}".format(folder.path, name),
            ],
            folder = folder,
        ),
    ]

locked_program = rule(
    implementation = _locked_program_impl,
    exec_compatible_with = EXECUTION,
    doc = """A program of a package set, with the libraries that it needs.

    The program comes from the lock, not from the host, so that one commit gives the same image on every host.
    """,
    attrs = {
        "data": attr.string_list(
            doc = "Folders in the packages, such as `usr/share/qemu`, whose files the program reads: they go to share/. " +
                  "With `/**` at the end, files of subfolders go there, too, by their path in the folder.",
        ),
        "packages": attr.label(
            doc = "The package set, such as `@debian//:tools`.",
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        "program": attr.string(
            doc = "The program's path in the packages, such as `usr/bin/xz`.",
            mandatory = True,
        ),
        "_program": tool_attr(Label("//tools/sysimage/toolchain:program")),
    },
    provides = [LockedProgramInfo],
)
