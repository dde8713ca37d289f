"""Programs for guests of another architecture than the one that builds."""

load("//toolchains:guest.bzl", "GUEST_PLATFORM", "guest_program")
load("//toolchains:guest_test.bzl", "guest_libraries", "sysroot_program_test")
load(":programs.bzl", "SANITIZERS")

# The architecture that is not the build's.
_OTHER = {
    cpu: GUEST_PLATFORM[other]
    for cpu, other in zip(GUEST_PLATFORM.keys(), reversed(GUEST_PLATFORM.keys()))
}

def emulated_tests(name, programs):
    """Builds programs for the other architecture, and runs each in an emulator.

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
        sysroot_program_test(
            name = program + "_emulated_test",
            size = "small",
            args = [
                "--emulator",
                "$(rootpath //system_image/tools:qemu_user)",
                "$(rootpath :other_libraries)",
                "$(rootpath {}_other)".format(program),
            ] + ([program] if program in SANITIZERS else []),
            data = [
                ":other_libraries",
                program + "_other",
            ],
            tools = ["//system_image/tools:qemu_user"],
        )
    native.test_suite(
        name = name,
        tests = [program + "_emulated_test" for program in programs],
    )
