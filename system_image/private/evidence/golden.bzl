"""Tests that compare an image with a reviewed file, and write it anew."""

load("//system_image/private/core:exec_program.bzl", "argument")
load(":image_facts.bzl", "facts_of")

def golden_test(test, *, name, image, golden, args = [], **kwargs):
    """Makes a test that an image is as a reviewed file says.

    Args:
      test: the test's rule, an `exec_program` whose tool takes `--facts`, `--golden`, `--golden-path` and `--target`.
      name: name of the target.
      image: label of the `system_image`.
      golden: name of that file, in this package.
      args: list of further arguments of the tool.
      **kwargs: attributes that every test has.
    """
    facts = str(facts_of(image))
    where = "/".join([part for part in [native.package_name(), golden.removeprefix(":")] if part])
    test(
        name = name,
        args = [
            "--facts",
            "$(rootpath {})".format(facts),
            "--golden",
            "$(rootpath {})".format(golden),
            "--golden-path",
            argument(where),
            "--target",
            argument("//{}:{}".format(native.package_name(), name)),
        ] + args,
        data = [facts, golden],
        **kwargs
    )
