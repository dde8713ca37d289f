"""The test that an image and its packages are as large as a reviewed file says."""

load("//system_image/private/core:exec_program.bzl", "argument", "exec_program")
load(":image_facts.bzl", "facts_of")

_size_test = exec_program(
    Label("//tools/sysimage/evidence:size"),
    doc = "See the macro `image_size_test`.",
    test = True,
)

def image_size_test(*, name, image, golden, percent = 2, size = "small", **kwargs):
    """Proves that an image, its file and each of its packages are as large as a reviewed file says.

    `bazel run NAME -- --update` writes that file, a line for each package; the first time it has to be there, empty.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      golden: name of that file, in this package.
      percent: how much each size may differ; 64 KiB are always free.
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    facts = str(facts_of(image))
    where = "/".join([part for part in [native.package_name(), golden.removeprefix(":")] if part])
    _size_test(
        name = name,
        size = size,
        args = [
            "--facts",
            "$(rootpath {})".format(facts),
            "--golden",
            "$(rootpath {})".format(golden),
            "--golden-path",
            argument(where),
            "--percent",
            str(percent),
            "--target",
            argument("//{}:{}".format(native.package_name(), name)),
        ],
        data = [facts, golden],
        **kwargs
    )
