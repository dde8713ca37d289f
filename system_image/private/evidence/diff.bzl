"""Programs and tests that say what differs between two images."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "exec_program")
load(":golden.bzl", "golden_test")

_TOOL = Label("//tools/sysimage/evidence:diff")

_FSCK = str(Label("//system_image/tools:fsck_erofs"))
_ORAS = str(Label("//system_image/tools:oras"))

_diff = exec_program(_TOOL, doc = "See the macro `image_diff`.")

_diff_test = exec_program(_TOOL, doc = "See the macro `image_diff_test`.", test = True)

def image_diff(*, name, **kwargs):
    """Makes a program, `bazel run NAME -- OLD NEW`, that says what differs between two images.

    OLD and NEW can each be:

    - a tarball, compressed or not;
    - the raw disk of a `disk_image`;
    - a folder with an OCI image layout;
    - `HOST/PATH@sha256:…` or `HOST/PATH:TAG`, an image in a registry, or what `push_system_image` has pushed;
    - the facts of an image, `IMAGE_facts.json`, which `bazel build IMAGE_facts` makes. With facts it knows security
      fixes and targets, too.

    `bazel run NAME -- --rev OLD --rev NEW IMAGE` builds an image at two commits and compares the two. `--measured
    MEASUREMENTS` compares what a boot measures, too. `--format markdown` is for a pull request, `--format json` for
    programs. `--all` shows all paths.

    Args:
      name: name of the target.
      **kwargs: attributes that every rule has.
    """
    _diff(
        name = name,
        args = ["--fsck", "$(rootpath {})".format(_FSCK), "--oras", "$(rootpath {})".format(_ORAS)],
        tools = [_FSCK, _ORAS],
        **kwargs
    )

def image_diff_test(*, name, image = MANDATORY, golden = MANDATORY, size = "small", **kwargs):
    """Proves that an image is what was reviewed: packages with versions, units, users, groups, rights, sockets.

    `bazel run NAME -- --update` writes the reviewed file. The first time, create it empty. It does not hold the
    contents of files, so a new orchestrator does not change it.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      golden: name of that file, in this package.
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "image_diff_test",
        name,
        kwargs,
        mandatory = {"golden": golden, "image": image},
    )
    golden_test(
        _diff_test,
        name = name,
        size = size,
        image = image,
        golden = golden,
        **kwargs
    )
