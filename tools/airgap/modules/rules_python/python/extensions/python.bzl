"""The extension `python`: only the toolbox's Python is there, and it must be the one that is asked for."""

_VERSIONS = """\
\"\"\"The Python that there is.\"\"\"

PYTHON_CPU = "{cpu}"
PYTHON_VERSION = "{version}"
"""

def _versions_repo_impl(ctx):
    ctx.file("BUILD.bazel")
    ctx.file("versions.bzl", _VERSIONS.format(cpu = ctx.attr.cpu, version = ctx.attr.version))

_versions_repo = repository_rule(
    implementation = _versions_repo_impl,
    attrs = {
        "cpu": attr.string(doc = "As @platforms//cpu has it.", mandatory = True),
        "version": attr.string(mandatory = True),
    },
)

def _host_repo_impl(ctx):
    ctx.file("BUILD.bazel", "exports_files([\"python\"])\n")
    ctx.symlink("/usr/bin/python3", "python")

_host_repo = repository_rule(
    implementation = _host_repo_impl,
    doc = "The Python for other repository rules, as `@python_X_Y_host//:python`.",
)

def _python_impl(ctx):
    program = "import os, sys; print('%d.%d' % sys.version_info[:2], os.uname().machine)"
    done = ctx.execute(["/usr/bin/python3", "-IS", "-c", program])
    if done.return_code:
        fail("the toolbox's Python does not start: " + done.stderr)
    version, cpu = done.stdout.strip().split(" ")
    for module in ctx.modules:
        for tag in module.tags.toolchain + module.tags.defaults:
            if ".".join(tag.python_version.split(".")[:2]) != version:
                fail("module %s asks for Python %s, and the toolbox has Python %s: use Bazel with a registry, or ask for %s" %
                     (module.name, tag.python_version, version, version))
    _versions_repo(name = "pythons_hub", cpu = cpu, version = version)
    _host_repo(name = "python_{}_host".format(version.replace(".", "_")))

python = module_extension(
    implementation = _python_impl,
    doc = "Checks that the toolbox's Python is the one that the modules ask for.",
    tag_classes = {
        "defaults": tag_class(
            doc = "The version for targets that name none.",
            attrs = {"python_version": attr.string(mandatory = True)},
        ),
        "toolchain": tag_class(
            doc = "A Python that is asked for.",
            attrs = {
                "is_default": attr.bool(doc = "Has no meaning: there is one Python."),
                "python_version": attr.string(doc = "As in '3.14'.", mandatory = True),
            },
        ),
    },
)
