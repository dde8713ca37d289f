"""Builds that must fail, with the message that they must fail with."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//system_image:defs.bzl", "base_image", "flatten", "inject", "kernel_module", "push_system_image", "rootfs")

# buildifier: disable=bzl-visibility
load("//system_image/private/lock:packages.bzl", "unlocked_packages")
load("//toolchains:parts.bzl", "toolchain_parts")

def _failure_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, ctx.attr.message)
    return analysistest.end(env)

_failure_test = analysistest.make(
    _failure_impl,
    attrs = {"message": attr.string(mandatory = True)},
    expect_failure = True,
)

_pinned_failure_test = analysistest.make(
    _failure_impl,
    attrs = {"message": attr.string(mandatory = True)},
    config_settings = {str(Label("//system_image/settings:bases")): "pinned"},
    expect_failure = True,
)

def _refused(name, message, rule, **kwargs):
    rule(
        name = name + "_subject",
        tags = ["manual"],
        **kwargs
    )
    _failure_test(
        name = name,
        message = message,
        target_under_test = ":" + name + "_subject",
    )
    return name

def failures_test_suite(name):
    """Each misuse of a rule is refused with its name, or the attribute's, and the remedy.

    Args:
      name: name of the suite.
    """
    unlocked_packages(
        name = name + "_unlocked",
        problem = "//:debian.lock.json: there is no such lock yet; write it with `bazel run @trixie//:lock`",
        tags = ["manual"],
    )
    base_image(
        name = name + "_base",
        image = "//system_image:built_vanilla",
        pin = "vanilla",
        pin_command = "bazel run //system_image:pin",
        pins = {},
        tags = ["manual"],
    )
    _pinned_failure_test(
        name = "base_image_refuses_to_be_pinned_without_a_pin_test",
        message = "push it and run `bazel run //system_image:pin -- vanilla=HOST/PATH@sha256:…`",
        target_under_test = name + "_base",
    )
    push_system_image(
        name = name + "_push",
        image = "//system_image:vanilla",
        lock = "//system_image:debian.lock.json",
        referrers = {"//tools/sysimage/core": "application/vnd.example"},
    )
    _failure_test(
        name = "push_system_image_refuses_a_referrer_of_many_files_test",
        message = "referrers: @@//tools/sysimage/core:core is",
        target_under_test = name + "_push_artifact",
    )
    native.test_suite(
        name = name,
        tests = [
            "base_image_refuses_to_be_pinned_without_a_pin_test",
            "push_system_image_refuses_a_referrer_of_many_files_test",
            _refused(
                "flatten_refuses_what_is_no_layout_test",
                "is not an OCI image layout, which is one folder; name an oci_image",
                flatten,
                image = ":BUILD.bazel",
            ),
            _refused(
                "inject_refuses_absolute_paths_test",
                "\"/etc/x\" must not start with a slash",
                inject,
                base = "base.tar",
                files = {"/etc/x": "BUILD.bazel"},
            ),
            _refused(
                "inject_refuses_absolute_paths_of_links_test",
                "symlinks: \"/etc/x\" must not start with a slash",
                inject,
                base = "base.tar",
                symlinks = {"/etc/x": "y"},
            ),
            _refused(
                "inject_refuses_absolute_paths_of_directories_test",
                "directories: \"/srv/x\" must not start with a slash",
                inject,
                base = "base.tar",
                directories = {"/srv/x": "0700"},
            ),
            _refused(
                "inject_refuses_modes_of_unknown_paths_test",
                "modes: \"etc/y\" is not among the paths",
                inject,
                base = "base.tar",
                modes = {"etc/y": "0600"},
            ),
            _refused(
                "inject_refuses_replacing_unknown_paths_test",
                "replace: \"etc/y\" is not among the paths",
                inject,
                base = "base.tar",
                replace = ["etc/y"],
            ),
            _refused(
                "kernel_module_refuses_packages_without_a_folder_test",
                "folder: packages is given, so say in which folder of theirs the source is",
                kernel_module,
                modules = ["some"],
                packages = "@debian//:nvidia_source",
                target_compatible_with = ["@platforms//cpu:x86_64"],
            ),
            _refused(
                "kernel_module_refuses_a_key_without_a_certificate_test",
                "signing_key: it and signing_certificate are given both or neither",
                kernel_module,
                modules = ["some"],
                signing_key = "BUILD.bazel",
            ),
            _refused(
                "rootfs_refuses_owners_of_unknown_paths_test",
                "owners: \"etc/y\" is not among the paths",
                rootfs,
                owners = {"etc/y": "app:app"},
                packages = "@debian//:tools",
            ),
            _refused(
                "rootfs_refuses_a_set_that_is_not_locked_test",
                "write it with `bazel run @trixie//:lock`",
                rootfs,
                packages = ":" + name + "_unlocked",
            ),
            _refused(
                "toolchain_refuses_a_sysroot_without_libraries_test",
                "sysroot: @@//system_image:cross has programs only; name a sysroot without compiler_for",
                toolchain_parts,
                compiler = "//system_image:cross",
                execution_platform = "//toolchains:guest_x86_64",
                sysroot = "//system_image:cross",
                target_platform = "//toolchains:guest_x86_64",
            ),
            _refused(
                "toolchain_refuses_a_compiler_for_another_architecture_test",
                "give both the same",
                toolchain_parts,
                compiler = "//system_image:cross",
                execution_platform = "//toolchains:guest_x86_64",
                sysroot = "//system_image:sysroot",
                target_platform = "//toolchains:guest_x86_64",
            ),
        ],
    )
