"""The test that what is injected finds its libraries in the image."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "attributes_of_parts", "exec_program")
load("//toolchains:guest.bzl", "GUEST_PLATFORM", "GUEST_TOOLCHAINS", "guest_programs")
load("//toolchains:guest_test.bzl", "guest_libraries")

_elf_dependencies_test = exec_program(
    Label("//tools/sysimage/toolchain:elf_dependencies"),
    doc = "See the macro `elf_dependencies_test`.",
    test = True,
)

def elf_dependencies_test(*, name, image = MANDATORY, binaries = MANDATORY, sysroot = None, guest_toolchains = GUEST_TOOLCHAINS, size = "small", **kwargs):
    """Proves that each library that programs need is in the image, with the symbol versions that they need.

    Libraries that libraries need are checked, too. A script, or a program that is linked statically, needs none.

    Args:
      name: name of the target.
      image: label of what is searched: a `system_image`, a tar from `flatten`, or an OCI image.
      binaries: list of labels of programs or shared libraries. They are built for the guest.
      sysroot: label of the `sysroot` that they are linked with. With it, each library in the image has to be the same
        file as in the sysroot.
      guest_toolchains: list of toolchains that compile the programs, as in `system_image`.
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "elf_dependencies_test",
        name,
        kwargs,
        mandatory = {"binaries": binaries, "image": image},
        lists = {"guest_toolchains": guest_toolchains},
        others = ["sysroot"],
    )
    parts = attributes_of_parts(kwargs)
    programs = guest_programs(
        name,
        {str(number): binary for number, binary in enumerate(binaries)},
        guest_toolchains,
        tags = ["manual"],
        **dict(parts, testonly = True)
    ).values()
    linked = []
    if sysroot:
        linked = [name + "_libraries"]
        guest_libraries(
            name = linked[0],
            sysroot = sysroot,
            tags = ["manual"],
            target_platform = select(GUEST_PLATFORM),
            **dict(parts, testonly = True)
        )
    _elf_dependencies_test(
        name = name,
        size = size,
        args = ["--image", "$(rootpath {})".format(image)] +
               [word for libraries in linked for word in ["--sysroot", "$(rootpath {})".format(libraries)]] +
               ["--program"] + ["$(rootpath {})".format(program) for program in programs],
        data = [image] + linked + programs,
        **kwargs
    )
