"""The libraries of the lock tool: wheels, which pip fetches when the tool is first built.

They are in no hub of `pip.parse`. rules_python asks the index for what all hubs of all modules name, so an index of a
user's own that lacks our three packages would break builds that have nothing to do with locks.
"""

_BUILD = """\
load("@rules_python//python:py_library.bzl", "py_library")

py_library(
    name = "{name}",
    srcs = glob(["site-packages/**/*.py"]),
    data = glob(
        ["site-packages/**"],
        exclude = [
            "site-packages/**/*.py",
            "site-packages/*.dist-info/RECORD",
        ],
    ),
    imports = ["site-packages"],
    visibility = ["//visibility:public"],
)
"""

def _wheels_impl(rctx):
    requirements = rctx.path(rctx.attr.requirements)
    done = rctx.execute(
        [rctx.path(rctx.attr.python), "-I", "-B", rctx.path(rctx.attr.installer), requirements, "site-packages"],
        timeout = 900,
    )
    if done.return_code:
        # The last line; what is before it is pip's.
        lines = (done.stderr.strip() or done.stdout.strip() or "no reason is given").split("\n")
        fail("the lock tool needs libraries from the package index of this host, and pip can't install them: " + lines[-1])
    rctx.file("BUILD.bazel", _BUILD.format(name = rctx.attr.library))

_wheels = repository_rule(
    implementation = _wheels_impl,
    doc = "A library of all wheels that a requirements file locks.",
    attrs = {
        "installer": attr.label(
            default = "//tools/sysimage/lock:install_wheels.py",
            doc = "The program that starts pip.",
        ),
        "library": attr.string(mandatory = True, doc = "Name of the one target."),
        "python": attr.label(
            # What rules_python starts pip with, too.
            default = "@python_3_14_host//:python",
            doc = "The Python to install for.",
        ),
        "requirements": attr.label(mandatory = True, doc = "The requirements, each with its hashes."),
    },
)

def _wheels_extension_impl(mctx):
    for module in mctx.modules:
        for tag in module.tags.install:
            _wheels(name = tag.name, library = tag.name, requirements = tag.requirements)
    return mctx.extension_metadata(
        reproducible = True,
        root_module_direct_deps = [
            tag.name
            for module in mctx.modules
            if module.is_root
            for tag in module.tags.install
        ],
        root_module_direct_dev_deps = [],
    )

wheels = module_extension(
    implementation = _wheels_extension_impl,
    doc = "Wheels in one library each; for this module's own use.",
    tag_classes = {
        "install": tag_class(
            attrs = {
                "name": attr.string(mandatory = True, doc = "Name of the repository and of its one target."),
                "requirements": attr.label(mandatory = True, doc = "A requirements file with hashes."),
            },
        ),
    },
)
