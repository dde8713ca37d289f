"""Stage lock_fits: before anything is made of a lock, whether it fits its manifest."""

load("//system_image/private/core:tool.bzl", "tool_attr")

LOCK_FITS_ATTRS = {
    "lock": attr.label(doc = "The lock.", mandatory = True, allow_single_file = [".json"]),
    "lock_label": attr.string(doc = "Where the user has the lock, for the message.", mandatory = True),
    "manifest": attr.label(doc = "The manifest of the lock.", mandatory = True, allow_single_file = [".toml"]),
    "manifest_label": attr.string(doc = "Where the user has the manifest, for the message.", mandatory = True),
    "relock": attr.string(doc = "The command that writes the lock anew, for the message.", mandatory = True),
    "set": attr.string(doc = "The set's name.", mandatory = True),
    "_lock_fits": tool_attr(Label("//tools/sysimage/lock:lock_fits")),
}

def lock_fits(ctx):
    """Checks that the set of a target is in the lock as the manifest wants it.

    Args:
      ctx: the context of a rule with LOCK_FITS_ATTRS.

    Returns:
      A File that is made only if the lock fits.
    """
    checked = ctx.actions.declare_file(ctx.label.name + ".checked")
    args = ctx.actions.args()
    args.add("--manifest", ctx.file.manifest)
    args.add("--manifest-label", ctx.attr.manifest_label)
    args.add("--lock", ctx.file.lock)
    args.add("--lock-label", ctx.attr.lock_label)
    args.add("--set", ctx.attr.set)
    args.add("--output", checked)
    args.add("--relock", ctx.attr.relock)
    ctx.actions.run(
        executable = ctx.executable._lock_fits,
        arguments = [args],
        inputs = [ctx.file.manifest, ctx.file.lock],
        outputs = [checked],
        mnemonic = "SystemImageLockFits",
        progress_message = "Checking that the lock of set %s fits its manifest" % ctx.attr.set,
        toolchain = None,
    )
    return checked
