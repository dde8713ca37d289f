"""Stage inject: files, links and unit states that go on top of a base, checked against it."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:content.bzl", "content_attributes")
load("//system_image/private/core:manifest.bzl", "CONTENT_ATTRS", "content_manifest", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load(":flat_base.bzl", "FLAT_BASE")

def _inject_impl(ctx):
    fields, inputs = content_manifest(ctx)
    manifest = write_manifest(ctx, dict(fields, guest = ctx.attr.guest))
    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add("--base", ctx.file.base)
    args.add("--output", tar)
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._inject,
        arguments = [args],
        inputs = [manifest, ctx.file.base] + inputs,
        outputs = [tar],
        mnemonic = "SystemImageInject",
        progress_message = "Laying %{label} over the base",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([tar]))]

_inject = rule(
    implementation = _inject_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `inject`.",
    attrs = dict(
        BUILD_ATTRS | CONTENT_ATTRS,
        base = FLAT_BASE,
        guest = attr.bool(doc = "Whether a guest boots of the base and the overlay: what it needs is checked."),
        _inject = tool_attr(Label("//tools/sysimage/image:inject")),
    ),
)

def inject(
        *,
        name,
        base = MANDATORY,
        files = {},
        modes = {},
        directories = {},
        symlinks = {},
        replace = [],
        enable = [],
        disable = [],
        mask = [],
        unmask = [],
        guest = False,
        **kwargs):
    """Makes `NAME.tar`, the overlay of a flat base: only what is added or changed.

    A path that the base has is refused unless `replace` names it; a unit that starts a program which
    neither the base nor the overlay has is refused too.

    Args:
      name: name of the target.
      base: label of the flat base, from `flatten`.
      files: dict, path in the image → label of the file that goes there.
      modes: dict, path → octal mode such as "0600". The default is 0755 for a program and 0644 for any other file.
      directories: dict, path → "MODE USER:GROUP" of a directory to make, such as `{"var/lib/app": "0750 app:app"}`.
        Either may be left out; the defaults are 0755 and root:root. A directory that exists already keeps its mode and
        owner, unless `replace` names it.
      symlinks: dict, path → target.
      replace: list of paths of `files`, `symlinks` and `directories` that may replace the base's.
      enable: list of units to enable.
      disable: list of units to disable.
      mask: list of units to mask.
      unmask: list of units to unmask.
      guest: whether a guest boots from the base and the overlay; if so, what it needs is checked.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "inject",
        name,
        kwargs,
        mandatory = {"base": base},
        dicts = {"directories": directories, "files": files, "modes": modes, "symlinks": symlinks},
        lists = {"disable": disable, "enable": enable, "mask": mask, "replace": replace, "unmask": unmask},
        others = ["guest"],
    )
    _inject(
        name = name,
        base = base,
        directories = directories,
        disable = disable,
        enable = enable,
        guest = guest,
        mask = mask,
        unmask = unmask,
        **dict(kwargs, **content_attributes(files, modes, symlinks, replace))
    )
