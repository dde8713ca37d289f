"""The test that measurements are those that were reviewed."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "argument", "exec_program")

_TOOL = Label("//tools/sysimage/measure:measurements_golden")

_golden_test = exec_program(
    _TOOL,
    doc = "See the macro `measurements_golden_test`.",
    test = True,
)

_update = exec_program(
    _TOOL,
    doc = "See the macro `measurements_golden_test`.",
)

def measurements_golden_test(*, name, measurements = MANDATORY, golden = MANDATORY, size = "small", **kwargs):
    """Proves that measurements are those in a file of the repository, which people have reviewed.

    If they are not, it says which input moved which of them. `bazel run NAME.update` writes the file anew.

    Args:
      name: name of the target.
      measurements: label of `measurements`.
      golden: name of the file in this package, such as "vanilla_measurements.json".
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "measurements_golden_test",
        name,
        kwargs,
        mandatory = {"golden": golden, "measurements": measurements},
    )
    update = name + ".update"
    path = "/".join([part for part in [native.package_name(), golden] if part])
    measured = ["--measurements", "$(rootpath {})".format(measurements)]
    _golden_test(
        name = name,
        size = size,
        args = measured + [
            "--golden",
            "$(rootpath {})".format(golden),
            argument("--command=bazel run //{}:{}".format(native.package_name(), update)),
        ],
        data = [measurements, golden],
        **kwargs
    )
    _update(
        name = update,
        testonly = True,
        args = measured + [argument("--update=" + path)],
        data = [measurements],
        tags = ["manual"],
        **{key: value for key, value in kwargs.items() if key in ("visibility", "target_compatible_with")}
    )
