"""What the stages that index kernel modules have in common: depmod, from the lock."""

load("//system_image/private/toolchain:program.bzl", "start_program")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")

DEPMOD_ATTRS = {
    "_depmod": attr.label(
        default = Label("//system_image/tools:depmod"),
        cfg = "exec",
        providers = [LockedProgramInfo],
    ),
}

def is_of_kernel(name):
    """Whether a package has a part of a kernel: since Linux 7.3, Debian's has several.

    Args:
      name: the package's name.

    Returns:
      A bool.
    """
    return name.startswith(("linux-base-", "linux-binary-", "linux-image-", "linux-modules-"))

def depmod(ctx, args):
    """Tells a tool how to start depmod.

    Args:
      ctx: the context of a rule with DEPMOD_ATTRS.
      args: the Args of its action, to which it adds.

    Returns:
      A list of Files that the action needs as inputs.
    """
    return start_program(ctx, args, "--depmod", ctx.attr._depmod[LockedProgramInfo], ctx.label.name + "_depmod")
