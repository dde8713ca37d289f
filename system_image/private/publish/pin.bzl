"""Stage pin: base images that are pulled from a registry, by digest, instead of being built."""

load("//system_image/private/core:architecture.bzl", "ARCHITECTURES")
load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:runfiles.bzl", "runfiles_path")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load(":registry_program.bzl", "REGISTRY_PROGRAM_ATTRS", "registry_program")

def _pin_impl(ctx):
    return [registry_program(
        ctx,
        {
            "command": ctx.attr.command,
            "lock": runfiles_path(ctx, ctx.file.lock),
            "module": ctx.attr.module,
            "names": ctx.attr.names,
            "pins": ctx.attr.pins,
            "prefix": ctx.attr.prefix,
        },
        files = [ctx.file.lock],
    )]

_pin = rule(
    implementation = _pin_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `pin_program`.",
    attrs = dict(
        REGISTRY_PROGRAM_ATTRS,
        command = attr.string(doc = "How it is started.", mandatory = True),
        lock = attr.label(doc = "The lock that bases are made of.", mandatory = True, allow_single_file = [".json"]),
        module = attr.string(doc = "Path of MODULE.bazel.", mandatory = True),
        names = attr.string_list(doc = "What can be pinned.", mandatory = True),
        pins = attr.string(doc = "Path of the file of pins.", mandatory = True),
        prefix = attr.string(doc = "What the names of repositories start with.", mandatory = True),
        _program = tool_attr(Label("//tools/sysimage/publish:pin")),
    ),
    executable = True,
)

def pin_program(*, name, names = MANDATORY, pins_file = MANDATORY, lock = MANDATORY, **kwargs):
    """Makes a program, `bazel run NAME -- BASE=HOST/PATH@sha256:…`, that pins base images in registries.

    It writes the pins to a file of the workspace and their `oci.pull` to MODULE.bazel.

    Args:
      name: name of the target.
      names: list of names that bases are pinned under, as `pin` of their `base_image` has it.
      pins_file: name of the file of pins in this package, such as "pins.bzl". The first time it says `PINS = {}`.
      lock: label of the lock that the bases are made from. If a pinned image is made from another lock, the program
        says so.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "pin_program",
        name,
        kwargs,
        mandatory = {"lock": lock, "names": names, "pins_file": pins_file},
    )
    _pin(
        name = name,
        command = "bazel run //{}:{}".format(native.package_name(), name),
        lock = lock,
        module = "MODULE.bazel",
        names = names,
        pins = "/".join([part for part in [native.package_name(), pins_file] if part]),
        prefix = _prefix(),
        **dict(kwargs, tags = kwargs.get("tags", []) + ["manual"])
    )

def _prefix():
    # The names of what all modules pull are one name space.
    return native.module_name() or "main"

def _unpinned_impl(ctx):
    # A pin of another module is not the user's to write.
    way_out = "" if ctx.label.repo_name else "push it and run `{} -- {}=HOST/PATH@sha256:…`, or ".format(
        ctx.attr.command,
        ctx.attr.pin,
    )
    fail("bases=pinned, but {} has no pin for {}; {}build it from packages with bases=built".format(
        ctx.attr.pin,
        ctx.attr.architecture,
        way_out,
    ))

_unpinned = rule(
    implementation = _unpinned_impl,
    doc = "A base that has no pin: what uses it fails.",
    attrs = {
        "architecture": attr.string(doc = "What it has no pin for.", mandatory = True),
        "command": attr.string(doc = "How the program that pins is started.", mandatory = True),
        "pin": attr.string(doc = "Its name.", mandatory = True),
    },
)

def base_image(*, name, image = MANDATORY, pin = MANDATORY, pins = MANDATORY, pin_command = MANDATORY, optional = False, **kwargs):
    """Makes an alias of a base image that is built, or of the one that is pinned in a registry.

    `--@rules_system_image//system_image/settings:bases=pinned` chooses the pinned one.

    Args:
      name: name of the target.
      image: label of the image that is built from packages.
      pin: the name that it is pinned under, such as "vanilla".
      pins: the dict PINS of the file that the `pin_program` writes.
      pin_command: how your `pin_program` is started, such as "bazel run //images:pin", for the message if there is no pin.
      optional: whether to take `image` if there is no pin, instead of failing.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "base_image",
        name,
        kwargs,
        mandatory = {"image": image, "pin": pin, "pin_command": pin_command, "pins": pins},
        others = ["optional"],
    )
    choices = {}
    for architecture in ARCHITECTURES:
        setting = Label("//system_image/settings:pinned_" + architecture)
        if architecture in pins.get(pin, {}):
            repository = "_".join([_prefix(), "pinned", pin, architecture])
            choices[setting] = "@{}//:{}".format(repository, repository)
        elif not optional:
            choices[setting] = "{}_unpinned_{}".format(name, architecture)
            _unpinned(
                name = choices[setting],
                architecture = architecture,
                command = pin_command,
                pin = pin,
                tags = ["manual"],
            )
    native.alias(
        name = name,
        actual = select(choices | {"//conditions:default": image}),
        **kwargs
    )
