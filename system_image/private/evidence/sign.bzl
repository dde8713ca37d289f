"""The program that signs an image and what is said about it."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:runfiles.bzl", "runfiles_argv", "runfiles_path", "tool_launcher")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")

def _sign_impl(ctx):
    image = ctx.attr.image[SystemImageInfo]
    files = [image.digest, image.sha384, image.mtree] + ctx.files.files
    programs = {
        name: getattr(ctx.attr, "_" + name)[LockedProgramInfo]
        for name in ("cosign", "openssl", "oras")
    }
    settings = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(settings, json.encode_indent(dict(
        {name: runfiles_argv(ctx, program) for name, program in programs.items()},
        digest = runfiles_path(ctx, image.digest),
        files = [runfiles_path(ctx, file) for file in files],
        image = runfiles_path(ctx, image.image),
    )))
    folders = [program.folder for program in programs.values()]
    return [DefaultInfo(
        executable = tool_launcher(ctx, '--runfiles "$runfiles" --settings "{}"'.format(runfiles_path(ctx, settings))),
        runfiles = ctx.runfiles([settings, image.image] + files + folders).merge(
            ctx.attr._program[DefaultInfo].default_runfiles,
        ),
    )]

_sign = rule(
    implementation = _sign_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `sign_image`.",
    attrs = dict(
        {
            "_" + name: attr.label(
                default = Label("//system_image/tools:" + name),
                cfg = "exec",
                providers = [LockedProgramInfo],
            )
            for name in ("cosign", "openssl", "oras")
        },
        files = attr.label_list(doc = "What is said about the image.", allow_files = True),
        image = attr.label(doc = "The system image.", mandatory = True, providers = [SystemImageInfo]),
        _program = tool_attr(Label("//tools/sysimage/evidence:sign")),
    ),
    executable = True,
)

def sign_image(*, name, image = MANDATORY, files = [], **kwargs):
    """Makes a program, `bazel run NAME -- --key KEY --output FOLDER`, that signs an image and what is said about it.

    It writes FILE.sig for the tarball, its digests and each of `files`. For each SBOM, provenance and endorsement it
    also writes FILE.dsse.json, a DSSE envelope of an in-toto statement. KEY is a PEM key, a key pair of cosign's (its
    password is in COSIGN_PASSWORD), or the URI of a KMS that cosign knows.

    `--command PROGRAM` signs with another program, which gets the bytes on standard input and writes the DER signature.
    `--digest-command PROGRAM` gets their SHA-256 instead, 32 bytes, as a KMS signs it. `--subject HOST/PATH@sha256:…`
    attaches the signatures and statements to the image that was pushed. To verify a file:

        cosign verify-blob --key cosign.pub --insecure-ignore-tlog --signature vanilla.tar.xz.sig vanilla.tar.xz

    Args:
      name: name of the target.
      image: label of the `system_image`.
      files: list of labels, such as its `image_sbom` and `image_provenance`.
      **kwargs: attributes that every rule has. The target gets the tag `manual`.
    """
    check_arguments(
        "sign_image",
        name,
        kwargs,
        mandatory = {"image": image},
        lists = {"files": files},
    )
    _sign(
        name = name,
        image = image,
        files = files,
        **dict(kwargs, tags = kwargs.get("tags", []) + ["manual"])
    )
