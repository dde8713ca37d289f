"""Stage reference_values: measurements in the forms that verifiers read."""

load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/providers:measurements_info.bzl", "MeasurementsInfo")

# Form → how the name of its file ends.
_FORMS = {
    "corim": ".corim.cbor",
    "in-toto": ".intoto.json",
    "oak": ".oak.textproto",
    "trustee": ".rvps.json",
}

def _reference_values_impl(ctx):
    measurements = ctx.attr.measurements[MeasurementsInfo].measurements
    args = ctx.actions.args()
    args.add("--measurements", measurements)
    outputs = []
    for form in ctx.attr.forms:
        if form not in _FORMS:
            fail("forms: {} is not one of {}".format(repr(form), ", ".join(_FORMS)))
        outputs.append(ctx.actions.declare_file(ctx.label.name + _FORMS[form]))
        args.add("--form", outputs[-1], format = form + "=%s")
    ctx.actions.run(
        executable = ctx.executable._reference_values,
        arguments = [target_args(ctx), args],
        inputs = [measurements],
        outputs = outputs,
        mnemonic = "SystemImageReferenceValues",
        progress_message = "Writing reference values of %{label}",
        toolchain = None,
    )
    return [DefaultInfo(files = depset(outputs))]

reference_values = rule(
    implementation = _reference_values_impl,
    exec_compatible_with = EXECUTION,
    doc = """Writes measurements in the forms that verifiers read, a file each.

    `NAME.oak.textproto` is Oak's ReferenceValues; `NAME.rvps.json` a message for Trustee's RVPS, with the names that
    Trustee's default policy asks for; `NAME.intoto.json` an unsigned in-toto statement; `NAME.corim.cbor` an unsigned
    CoRIM. If there are SEV-SNP launches with the kernel's hashes, those without are left out. Add yourself what a
    verifier has to decide, such as the versions of a platform's firmware that it accepts.
    """,
    attrs = {
        "forms": attr.string_list(
            doc = "Which of `oak`, `trustee`, `in-toto` and `corim`. Oak's needs the measurements of a direct boot.",
            default = sorted(_FORMS),
            allow_empty = False,
        ),
        "measurements": attr.label(
            doc = "The `measurements`.",
            mandatory = True,
            providers = [MeasurementsInfo],
        ),
        "_reference_values": tool_attr(Label("//tools/sysimage/measure:reference_values")),
    },
)
