"""Stage bundle: an OCI runtime bundle, for the orchestrator to run."""

load("//system_image/private/core:architecture.bzl", "ARCHITECTURE_ATTRS", "target_architecture")
load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/private/toolchain:elf_dependencies_test.bzl", "elf_dependencies_test")
load("//toolchains:guest.bzl", "GUEST_TOOLCHAINS", "guest_programs")
load(":layout.bzl", "IMAGE", "image_layout")

def _bundle_impl(ctx):
    files = ctx.files.image
    if len(files) == 1 and files[0].extension == "tar":
        base, inputs = files[0], depset(files)
    else:
        base, inputs = image_layout(ctx)
    program = ctx.file.program
    manifest = write_manifest(ctx, {
        "args": ctx.attr.arguments,
        "env": ctx.attr.env,
        "mounts": ctx.attr.mounts,
        "path": ctx.attr.path,
    })
    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add_all("--base", [base], expand_directories = False)
    args.add("--architecture", target_architecture(ctx))
    if program:
        args.add("--program", program)
    args.add("--output", tar)
    ctx.actions.run(
        executable = ctx.executable._bundle,
        arguments = [args],
        inputs = depset([manifest] + ([program] if program else []), transitive = [inputs]),
        outputs = [tar],
        mnemonic = "SystemImageBundle",
        progress_message = "Making the container bundle %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([tar]))]

_bundle = rule(
    implementation = _bundle_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `app_bundle`.",
    attrs = dict(
        ARCHITECTURE_ATTRS,
        # `args` would be the attribute that every executable rule has.
        arguments = attr.string_list(doc = "The program's arguments."),
        env = attr.string_dict(doc = "The program's environment."),
        image = IMAGE,
        mounts = attr.string_dict(doc = "Path in the container → what is mounted there."),
        path = attr.string(doc = "Where the program goes; \"\" is for what the image says."),
        program = attr.label(
            doc = "The program, for the guest.",
            allow_single_file = True,
        ),
        _bundle = tool_attr(Label("//tools/sysimage/image:bundle")),
    ),
)

def app_bundle(
        *,
        name,
        base = MANDATORY,
        binary = None,
        path = None,
        args = [],
        env = {},
        mounts = {},
        guest_toolchains = GUEST_TOOLCHAINS,
        **kwargs):
    """Makes an OCI runtime bundle, `NAME.tar`: config.json and rootfs, which the image's orchestrator runs with runc or crun.

    If the base is an image, the container has its environment, working folder and user and, without `binary`, its
    program. The container sees the guest's network. The test `NAME_elf_dependencies_test` proves that the base has the
    loader and the libraries that `binary` needs.

    Args:
      name: name of the target.
      base: label of an OCI image, or of a `rootfs`.
      binary: label of the program, which is built for the guest. Without it, the image's own is run.
      path: where the program goes in the container, without a leading slash; usr/bin/ and its name, if not given.
      args: list of the program's arguments. Without `binary`, the arguments of the image's entry point, if it has one.
      env: dict of further environment variables.
      mounts: dict, path in the container → "tmpfs", or the path of a file or folder of the guest. With ":ro" at the
        end, the container can't write there.
      guest_toolchains: list of toolchains that compile the program, as in `system_image`.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "app_bundle",
        name,
        kwargs,
        mandatory = {"base": base},
        dicts = {
            "env": env,
            "mounts": mounts,
        },
        lists = {
            "args": args,
            "guest_toolchains": guest_toolchains,
        },
        others = [
            "binary",
            "path",
        ],
    )
    if path and not binary:
        fail("{}: path says where binary goes, and there is none".format(name))
    programs = {}
    if binary:
        path = path or "usr/bin/" + native.package_relative_label(binary).name.rpartition("/")[2]
        programs = guest_programs(
            name,
            {path: binary},
            guest_toolchains,
            **dict(kwargs, tags = kwargs.get("tags", []) + ["manual"])
        )
    _bundle(
        name = name,
        arguments = args,
        env = env,
        image = base,
        mounts = mounts,
        path = path or "",
        program = programs.get(path),
        **kwargs
    )
    if binary:
        elf_dependencies_test(
            name = name + "_elf_dependencies_test",
            binaries = programs.values(),
            guest_toolchains = guest_toolchains,
            image = base,
            **kwargs
        )
