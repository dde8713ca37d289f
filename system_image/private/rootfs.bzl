"""Stage rootfs: a package set becomes a root filesystem, without running any of its scripts."""

load(":content.bzl", "content_attributes")
load(":manifest.bzl", "CONTENT_ATTRS", "content_manifest", "packages_manifest")
load(":packages.bzl", "DebianPackagesInfo")

def _rootfs_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    fields, inputs = content_manifest(ctx)
    manifest = packages_manifest(ctx, packages, dict(
        fields,
        default_target = ctx.attr.default_target,
        exclude = ctx.attr.exclude,
        include = ctx.attr.include,
        ledger = [file.path for file in ctx.files.ledger],
    ))
    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    mtree = ctx.actions.declare_file(ctx.label.name + ".mtree")
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add("--output", tar)
    args.add("--mtree", mtree)
    ctx.actions.run(
        executable = ctx.executable._rootfs,
        arguments = [args],
        inputs = [manifest, packages.checked] + [package.deb for package in packages.packages] + ctx.files.ledger + inputs,
        outputs = [tar, mtree],
        mnemonic = "SystemImageRootfs",
        progress_message = "Making the root filesystem %{label}",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([tar])),
        OutputGroupInfo(mtree = depset([mtree])),
    ]

_rootfs = rule(
    implementation = _rootfs_impl,
    doc = "See the macro `rootfs`.",
    attrs = dict(
        CONTENT_ATTRS,
        default_target = attr.string(doc = "The unit that `default.target` leads to; \"\" leaves it alone."),
        exclude = attr.string_list(doc = "Patterns of paths to leave out."),
        include = attr.string_list(doc = "Patterns of paths to keep although `exclude` names them."),
        ledger = attr.label_list(
            doc = "Ledgers of one's own, beside the one that comes with the rules.",
            allow_files = [".toml"],
        ),
        packages = attr.label(
            doc = "The package set, such as `@debian//:vanilla`.",
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        _rootfs = attr.label(
            default = Label("//tools/sysimage:rootfs"),
            cfg = "exec",
            executable = True,
        ),
    ),
)

def rootfs(
        *,
        name,
        packages,
        files = {},
        modes = {},
        symlinks = {},
        replace = [],
        enable = [],
        disable = [],
        mask = [],
        default_target = "",
        exclude = [],
        include = [],
        ledger = [],
        **kwargs):
    """Makes a root filesystem, `NAME.tar`, as Debian's own installation of the packages would leave it.

    No script of a package is run: their effects are reproduced from the packages' data. The output group
    `mtree` has a manifest of the tree.

    Args:
      name: name of the target.
      packages: label of a package set, such as `@debian//:vanilla`.
      files: dict, path in the image → label of the file that goes there. A path that a package owns is an
        error, unless it is a conffile or `replace` names it.
      modes: dict, path → octal mode such as "0600". Without it a program has 0755, any other file 0644.
      symlinks: dict, path → target.
      replace: list of paths of `files` and `symlinks` that may replace a package's.
      enable: list of units to enable.
      disable: list of units to disable.
      mask: list of units to mask.
      default_target: the unit to boot into, such as "multi-user.target".
      exclude: list of patterns of paths to leave out: `*` matches within a name, `**` across names. A
        pattern that matches nothing is an error.
      include: list of patterns of paths to keep although `exclude` names them.
      ledger: list of labels of TOML files that say what stands for maintainer scripts which the rules don't
        know; the build prints the lines to add, `bazel run @HUB//:ledger -- --set NAME` drafts them all.
      **kwargs: attributes that every rule has.
    """
    _rootfs(
        name = name,
        default_target = default_target,
        disable = disable,
        enable = enable,
        exclude = exclude,
        include = include,
        ledger = ledger,
        mask = mask,
        packages = packages,
        **dict(kwargs, **content_attributes(files, modes, symlinks, replace))
    )
