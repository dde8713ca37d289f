"""Programs for `bazel run` that talk to registries: they run on the host, whatever platform an image is for."""

load("//system_image/private/core:runfiles.bzl", "runfiles_argv", "runfiles_path", "tool_launcher")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")

# What a rule that calls `registry_program` has among its attributes, beside `_program`.
REGISTRY_PROGRAM_ATTRS = {
    "_oras": attr.label(
        default = Label("//system_image/tools:oras"),
        cfg = "exec",
        providers = [LockedProgramInfo],
    ),
}

def registry_program(ctx, settings, files = [], targets = []):
    """Makes the executable of such a rule: the tool, with its settings and a client.

    Args:
      ctx: the context of a rule with REGISTRY_PROGRAM_ATTRS and `_program`.
      settings: dict that JSON can hold; paths are relative to the runfiles.
      files: list of Files that it reads.
      targets: list of Targets whose runfiles it needs.

    Returns:
      A DefaultInfo.
    """
    oras = ctx.attr._oras[LockedProgramInfo]
    manifest = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(manifest, json.encode_indent(dict(settings, oras = runfiles_argv(ctx, oras))))
    runfiles = ctx.runfiles([manifest, oras.folder] + files).merge_all([
        target[DefaultInfo].default_runfiles
        for target in [ctx.attr._program] + targets
    ])
    return DefaultInfo(
        executable = tool_launcher(ctx, '--runfiles "$runfiles" --settings "{}"'.format(runfiles_path(ctx, manifest))),
        runfiles = runfiles,
    )
