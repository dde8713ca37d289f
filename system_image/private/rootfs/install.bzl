"""Stage install: the packages of a set, with what their scripts do, for `rootfs` to lay the user's files over."""

load("//system_image/private/core:build.bzl", "build_environment")
load("//system_image/private/core:manifest.bzl", "packages_manifest")
load("//system_image/private/core:tool.bzl", "tool_attr")

# What a rule that calls `install` has among its attributes, beside BUILD_ATTRS.
INSTALL_ATTRS = {
    "_install": tool_attr(Label("//tools/sysimage/rootfs:install")),
}

# What of a root filesystem's fields scripts can see, or what is taken out once they have run.
_FIELDS = [
    "base_packages",
    "base_users",
    "debconf",
    "dpkg_database",
    "exclude",
    "exclude_from",
    "include",
    "ledger",
]

def install(ctx, packages, fields, inputs):
    """Declares the action that installs packages.

    Args:
      ctx: the context of a rule with BUILD_ATTRS and INSTALL_ATTRS.
      packages: a DebianPackagesInfo.
      fields: dict of the fields of a RootfsInfo.
      inputs: list of Files that these name.

    Returns:
      A struct of Files: `tar`; `owners`, which package owns which file; `effects`, what scripts changed. And `rest`, the
      fields that are left for `rootfs`.
    """
    name = ctx.label.name
    manifest = packages_manifest(ctx, packages, {field: fields[field] for field in _FIELDS}, name + "_installed")
    tar = ctx.actions.declare_file(name + "_installed.tar")
    owners = ctx.actions.declare_file(name + "_installed.owners.json")
    effects = ctx.actions.declare_file(name + ".effects.json")
    args = ctx.actions.args()
    args.add("--manifest", manifest.file)
    args.add("--output", tar)
    args.add("--owners", owners)
    args.add("--effects", effects)
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._install,
        arguments = [args],
        inputs = manifest.inputs + inputs,
        outputs = [tar, owners, effects],
        mnemonic = "SystemImageInstall",
        progress_message = "Installing the packages of %{label}",
        toolchain = None,
    )
    return struct(
        effects = effects,
        owners = owners,
        rest = {field: value for field, value in fields.items() if field not in _FIELDS},
        tar = tar,
    )
