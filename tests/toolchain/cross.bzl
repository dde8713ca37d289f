"""Programs for guests of another architecture than the one that builds."""

load("@rules_python//python:py_test.bzl", "py_test")
load("//toolchains:guest.bzl", "GUEST_PLATFORM", "guest_program")
load("//toolchains:guest_test.bzl", "guest_libraries")
load(":programs.bzl", "SANITIZERS")

# The architecture that is not the build's.
_OTHER = {
    cpu: GUEST_PLATFORM[other]
    for cpu, other in zip(GUEST_PLATFORM.keys(), reversed(GUEST_PLATFORM.keys()))
}

def emulated_tests(name, programs):
    """Builds programs for the other architecture, and runs each in the emulator `:qemu`.

    Args:
      name: name of the suite of the tests.
      programs: list of names of programs of this package.
    """
    guest_libraries(
        name = "other_libraries",
        testonly = True,
        sysroot = "//system_image:sysroot",
        tags = ["manual"],
        target_platform = select(_OTHER),
    )
    for program in programs:
        guest_program(
            name = program + "_other",
            testonly = True,
            platform = select(_OTHER),
            program = program,
            tags = ["manual"],
        )
        py_test(
            name = program + "_emulated_test",
            size = "small",
            srcs = [Label("//tools/sysimage:guest_test.py")],
            args = [
                "--emulator",
                "$(rootpath :qemu)",
                "$(rootpath :other_libraries)",
                "$(rootpath {}_other)".format(program),
            ] + ([program] if program in SANITIZERS else []),
            data = [
                ":other_libraries",
                ":qemu",
                program + "_other",
            ],
            legacy_create_init = 0,
            main = Label("//tools/sysimage:guest_test.py"),
            python_version = "3.14",
            deps = ["//tools/sysimage"],
        )
    native.test_suite(
        name = name,
        tests = [program + "_emulated_test" for program in programs],
    )
