"""Stage provenance: what an image was made of and how, as statements that can be signed."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:image_facts_info.bzl", "ImageFactsInfo")
load(":image_facts.bzl", "FACTS", "facts_of")

def _provenance_impl(ctx):
    info = ctx.attr.facts[ImageFactsInfo]
    output = ctx.actions.declare_file(ctx.label.name + ".intoto.json")
    endorsement = ctx.actions.declare_file(ctx.label.name + ".endorsement.json")
    beside = [info.image.mtree, info.image.contents] + ctx.files.beside
    manifest = write_manifest(ctx, {
        "bases": [{"label": base.label, "layout": base.layout.path} for base in info.bases],
        "beside": [file.path for file in beside],
        "builder": ctx.attr._builder[BuildSettingInfo].value,
        "claims": ctx.attr.claims,
        "facts": info.facts.path,
        "status": ctx.info_file.path,
        "valid_days": ctx.attr.valid_days,
    })
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add("--output", output)
    args.add("--endorsement", endorsement)
    ctx.actions.run(
        executable = ctx.executable._provenance,
        arguments = [args],
        inputs = [manifest, info.facts, ctx.info_file] + beside + [base.layout for base in info.bases],
        outputs = [output, endorsement],
        mnemonic = "SystemImageProvenance",
        progress_message = "Writing the provenance %{label}",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([output, endorsement])),
        OutputGroupInfo(
            endorsement = depset([endorsement]),
            provenance = depset([output]),
        ),
    ]

_provenance = rule(
    implementation = _provenance_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `image_provenance`.",
    attrs = {
        "beside": attr.label_list(doc = "What was made with the image.", allow_files = True),
        "claims": attr.string_list(doc = "Claims of the endorsement."),
        "facts": FACTS,
        "valid_days": attr.int(doc = "How long the endorsement is valid.", default = 365),
        "_builder": attr.label(default = Label("//system_image/settings:builder")),
        "_provenance": tool_attr(Label("//tools/sysimage/evidence:provenance")),
    },
)

def image_provenance(*, name, image = MANDATORY, beside = [], claims = [], valid_days = 365, **kwargs):
    """Makes `NAME.intoto.json`, an in-toto statement with SLSA's provenance v1, and `NAME.endorsement.json`, Oak's endorsement.

    The materials in the provenance are the commit, the lock, the base images, each .deb and each file that is laid into
    the image, with their digests. The builder in it is the value of
    `--@rules_system_image//system_image/settings:builder=URI`. A checkout with uncommitted changes is marked as such,
    and has no digest. Both files depend on the commit alone: the endorsement is valid from the time of the lock's
    snapshot on.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      beside: list of labels of what was made with the image, such as its `image_sbom`.
      claims: list of URIs, the claims of the endorsement.
      valid_days: how many days the endorsement is valid.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "image_provenance",
        name,
        kwargs,
        mandatory = {"image": image},
        lists = {"beside": beside, "claims": claims},
        others = ["valid_days"],
    )
    _provenance(
        name = name,
        beside = beside,
        claims = claims,
        facts = facts_of(image),
        valid_days = valid_days,
        **kwargs
    )
