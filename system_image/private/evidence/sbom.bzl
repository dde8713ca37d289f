"""Stage sbom: what an image is made of, for programs that look for licences and vulnerabilities."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/providers:image_facts_info.bzl", "ImageFactsInfo")
load(":image_facts.bzl", "FACTS", "facts_of")

def _sbom_impl(ctx):
    info = ctx.attr.facts[ImageFactsInfo]
    spdx2 = ctx.actions.declare_file(ctx.label.name + ".spdx.json")
    spdx3 = ctx.actions.declare_file(ctx.label.name + ".spdx3.json")
    cyclonedx = ctx.actions.declare_file(ctx.label.name + ".cdx.json")
    args = ctx.actions.args()
    args.add("--facts", info.facts)
    args.add("--supplier", ctx.attr.supplier)
    for target in ctx.attr.beside:
        files = target[DefaultInfo].files.to_list()
        for file in files:
            label = str(target.label).removeprefix("@@")
            args.add("--beside", label if len(files) == 1 else "{} {}".format(label, file.basename))
            args.add(file)
    args.add("--spdx2", spdx2)
    args.add("--spdx3", spdx3)
    args.add("--cyclonedx", cyclonedx)
    ctx.actions.run(
        executable = ctx.executable._sbom,
        arguments = [target_args(ctx), args],
        inputs = [info.facts] + ctx.files.beside,
        outputs = [spdx2, spdx3, cyclonedx],
        mnemonic = "SystemImageSbom",
        progress_message = "Writing the bill of materials %{label}",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([spdx2, spdx3, cyclonedx])),
        OutputGroupInfo(
            cyclonedx = depset([cyclonedx]),
            spdx = depset([spdx2]),
            spdx3 = depset([spdx3]),
        ),
    ]

_sbom = rule(
    implementation = _sbom_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `image_sbom`.",
    attrs = {
        "beside": attr.label_list(doc = "What belongs to the image and is not in it.", allow_files = True),
        "facts": FACTS,
        "supplier": attr.string(doc = "Who is responsible for the image."),
        "_sbom": tool_attr(Label("//tools/sysimage/evidence:sbom")),
    },
)

def image_sbom(*, name, image = MANDATORY, supplier = "", beside = [], **kwargs):
    """Makes `NAME.spdx.json` (SPDX 2.3), `NAME.spdx3.json` (SPDX 3.0.1) and `NAME.cdx.json` (CycloneDX 1.6).

    Each names every package with version, architecture, purl, source package, SHA-256 of the .deb, maintainer, licence
    and files. What is in no package is named by the label of the target that made it. The licence is what the package's
    copyright file says in machine-readable form, else NOASSERTION. The three files are the output groups `spdx`,
    `spdx3` and `cyclonedx`. They depend on the image and its lock alone.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      supplier: who is responsible for the image, such as "Example Ltd"; NTIA's minimum elements ask for it.
      beside: list of labels of files that belong to the image but are not in it, such as its kernel, initramfs and
        firmware. Each is named by its label, with its digest.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "image_sbom",
        name,
        kwargs,
        mandatory = {"image": image},
        lists = {"beside": beside},
        others = ["supplier"],
    )
    _sbom(
        name = name,
        beside = beside,
        facts = facts_of(image),
        supplier = supplier,
        **kwargs
    )
