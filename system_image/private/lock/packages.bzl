"""Locked packages as targets, and a set of them for one architecture."""

load("//system_image/providers:debian_package_info.bzl", "DebianPackageInfo")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")
load(":lock_fits.bzl", "LOCK_FITS_ATTRS", "lock_fits")

def _debian_package_impl(ctx):
    return [
        DefaultInfo(files = depset([ctx.file.deb])),
        DebianPackageInfo(
            architecture = ctx.attr.architecture,
            deb = ctx.file.deb,
            package = ctx.attr.package,
            sha256 = ctx.attr.sha256,
            version = ctx.attr.version,
        ),
    ]

debian_package = rule(
    implementation = _debian_package_impl,
    doc = "A locked package; written by the module extension `debian` into each package's repository.",
    attrs = {
        "architecture": attr.string(doc = "The package's architecture.", mandatory = True),
        "deb": attr.label(doc = "The .deb.", mandatory = True, allow_single_file = [".deb"]),
        "package": attr.string(doc = "The package's name.", mandatory = True),
        "sha256": attr.string(doc = "SHA-256 of the .deb.", mandatory = True),
        "version": attr.string(doc = "The package's version.", mandatory = True),
    },
    provides = [DebianPackageInfo],
)

def _debian_packages_impl(ctx):
    checked = lock_fits(ctx)
    packages = [package[DebianPackageInfo] for package in ctx.attr.packages]
    return [
        DefaultInfo(files = depset([package.deb for package in packages])),
        DebianPackagesInfo(
            architecture = ctx.attr.architecture,
            checked = checked,
            lock = ctx.file.lock,
            packages = packages,
            set = ctx.attr.set,
        ),
        OutputGroupInfo(_validation = depset([checked])),
    ]

debian_packages = rule(
    implementation = _debian_packages_impl,
    doc = "A set of the lock for one architecture; written by the module extension `debian`.",
    attrs = dict(
        LOCK_FITS_ATTRS,
        architecture = attr.string(doc = "The architecture the set is resolved for.", mandatory = True),
        packages = attr.label_list(doc = "The closure.", mandatory = True, providers = [DebianPackageInfo]),
    ),
    provides = [DebianPackagesInfo],
)

def _unlocked_packages_impl(ctx):
    fail(ctx.attr.problem)

unlocked_packages = rule(
    implementation = _unlocked_packages_impl,
    doc = "A set of a manifest that has no lock yet: what uses it fails. Written by the module extension `debian`.",
    attrs = {
        "problem": attr.string(doc = "What is wrong with the lock, and the remedy.", mandatory = True),
    },
    provides = [DebianPackagesInfo],
)
