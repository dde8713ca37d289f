"""Stage report: what is in an image, as a page to look at."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/providers:image_facts_info.bzl", "ImageFactsInfo")
load(":image_facts.bzl", "FACTS", "facts_of")

def _report_impl(ctx):
    facts = ctx.attr.facts[ImageFactsInfo].facts
    output = ctx.actions.declare_file(ctx.label.name + ".html")
    args = ctx.actions.args()
    args.add("--facts", facts)
    measurements = ctx.file.measurements
    if measurements:
        args.add("--measurements", measurements)
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._report,
        arguments = [target_args(ctx), args],
        inputs = [facts] + ([measurements] if measurements else []),
        outputs = [output],
        mnemonic = "SystemImageReport",
        progress_message = "Writing the report %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset([output]))]

_report = rule(
    implementation = _report_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `image_report`.",
    attrs = {
        "facts": FACTS,
        "measurements": attr.label(doc = "What a boot measures.", allow_single_file = [".json"]),
        "_report": tool_attr(Label("//tools/sysimage/evidence:report")),
    },
)

def image_report(*, name, image = MANDATORY, measurements = None, **kwargs):
    """Makes `NAME.html`, a page that shows what is in an image: maps of its bytes, and tables that can be searched and sorted.

    The page needs nothing else, and no network; without JavaScript its tables can still be read.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      measurements: label of the image's `measurements`, to be shown too.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "image_report",
        name,
        kwargs,
        mandatory = {"image": image},
        others = ["measurements"],
    )
    _report(name = name, facts = facts_of(image), measurements = measurements, **kwargs)
