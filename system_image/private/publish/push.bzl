"""Stage push: programs for `bazel run` that send images to a registry."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("@rules_oci//oci:defs.bzl", "oci_image", "oci_push")
load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:runfiles.bzl", "runfiles_path")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load(":annotate.bzl", "annotate")
load(":artifact.bzl", "artifact")
load(":registry_program.bzl", "REGISTRY_PROGRAM_ATTRS", "registry_program")

def _push_impl(ctx):
    oci_push = ctx.executable.oci_push
    return [registry_program(
        ctx,
        {
            "layout": runfiles_path(ctx, ctx.file.layout),
            "oci_push": runfiles_path(ctx, oci_push) if oci_push else None,
            "repository": ctx.attr._repository[BuildSettingInfo].value,
        },
        files = [ctx.file.layout],
        targets = [ctx.attr.layout] + ([ctx.attr.oci_push] if oci_push else []),
    )]

_push = rule(
    implementation = _push_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macros `push_image` and `push_system_image`.",
    attrs = dict(
        REGISTRY_PROGRAM_ATTRS,
        layout = attr.label(
            doc = "The image layout.",
            mandatory = True,
            allow_single_file = True,
        ),
        oci_push = attr.label(
            doc = "What pushes it, if it is an image.",
            cfg = "target",
            executable = True,
        ),
        _program = tool_attr(Label("//tools/sysimage/publish:push")),
        _repository = attr.label(default = Label("//system_image/settings:repository")),
    ),
    executable = True,
)

def push_image(*, name, image = MANDATORY, lock = MANDATORY, base = None, **kwargs):
    """Makes a program, `bazel run NAME -- --repository HOST/PATH --tag TAG`, that pushes an image by its digest.

    It prints the reference, `HOST/PATH@sha256:…`, alone on the last line. Without `--repository` it pushes to the
    repository in `--@rules_system_image//system_image/settings:repository`. The image that is pushed is `NAME_image`:
    `image`, with annotations that say where it comes from.

    Args:
      name: name of the target.
      image: label of the image, an `oci_image`.
      lock: label of the lock that it is made of.
      base: label of the image that it is based on, as it is in the registry: the `NAME_image` of another push, or
        what `oci.pull` gives. Its digest is an annotation.
      **kwargs: attributes that every rule has. All targets get the tag `manual`.
    """
    check_arguments(
        "push_image",
        name,
        kwargs,
        mandatory = {"image": image, "lock": lock},
        others = ["base"],
    )
    kwargs = _manual(kwargs)
    annotate(
        name = name + "_annotations",
        base = base,
        lock = lock,
        **kwargs
    )
    native.filegroup(
        name = name + "_created",
        srcs = [name + "_annotations"],
        output_group = "created",
        **kwargs
    )
    oci_image(
        name = name + "_image",
        annotations = name + "_annotations",
        base = image,
        created = name + "_created",
        **kwargs
    )
    oci_push(
        name = name + "_oci_push",
        image = name + "_image",
        **kwargs
    )
    _push(
        name = name,
        layout = name + "_image",
        oci_push = name + "_oci_push",
        **kwargs
    )

def push_system_image(*, name, image = MANDATORY, lock = MANDATORY, base = None, referrers = {}, **kwargs):
    """Makes a program, `bazel run NAME -- …` as `push_image` does, that pushes a system image as an OCI artifact.

    The artifact of a `system_image` has the type `application/vnd.system-image.v1`. Its layers are the tarball and all
    files beside it. The artifact of a `disk_image` has the type `application/vnd.system-image.disk.v1`. Its layers are
    the disk in its `formats`, the digests, the UKI and the root hash. Any client can fetch an artifact by its digest,
    such as `oras pull HOST/PATH@sha256:…`.

    Args:
      name: name of the target.
      image: label of the `system_image`, or of a `disk_image`.
      lock: label of the lock that it is made of.
      base: label of the image that it is based on, as it is in the registry.
      referrers: dict, label of a file that says something about the image, such as an SBOM → its media type. Each
        is pushed as an artifact that refers to the image's.
      **kwargs: attributes that every rule has. All targets get the tag `manual`.
    """
    check_arguments(
        "push_system_image",
        name,
        kwargs,
        mandatory = {"image": image, "lock": lock},
        dicts = {"referrers": referrers},
        others = ["base"],
    )
    kwargs = _manual(kwargs)
    annotate(
        name = name + "_annotations",
        base = base,
        lock = lock,
        **kwargs
    )
    artifact(
        name = name + "_artifact",
        annotations = name + "_annotations",
        image = image,
        referrers = referrers,
        **kwargs
    )
    _push(
        name = name,
        layout = name + "_artifact",
        **kwargs
    )

def _manual(kwargs):
    # A build of all targets need not copy each image.
    return dict(kwargs, tags = kwargs.get("tags", []) + ["manual"])
