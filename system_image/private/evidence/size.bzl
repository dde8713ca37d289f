"""The test that an image and its packages are as large as a reviewed file says."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "exec_program")
load(":golden.bzl", "golden_test")

_size_test = exec_program(
    Label("//tools/sysimage/evidence:size"),
    doc = "See the macro `image_size_test`.",
    test = True,
)

def image_size_test(*, name, image = MANDATORY, golden = MANDATORY, percent = 2, size = "small", **kwargs):
    """Proves that an image, its file and each of its packages are as large as a reviewed file says.

    `bazel run NAME -- --update` writes that file, a line for each package. The first time, create it empty.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      golden: name of that file, in this package.
      percent: how many percent each size may differ; 64 KiB are always allowed.
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "image_size_test",
        name,
        kwargs,
        mandatory = {"golden": golden, "image": image},
        others = ["percent"],
    )
    golden_test(
        _size_test,
        name = name,
        size = size,
        image = image,
        golden = golden,
        args = ["--percent", str(percent)],
        **kwargs
    )
