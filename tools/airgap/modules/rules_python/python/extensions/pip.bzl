"""The extension `pip`: wheels of a lock file with hashes, by the toolbox's pip.

Each requirement of the lock is a repository of its own, fetched when it is first needed; a hub repository
has `@hub//name` and `@hub//name:pkg` for each, and requirements.bzl.
"""

def _normalized(name):
    return name.lower().replace("-", "_").replace(".", "_")

def _read_lock(text, where):
    """The requirements of a lock file: normalized name → the requirement's lines."""
    found = {}
    for line in text.replace("\\\n", " ").split("\n"):
        line = line.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("-"):
            fail("%s: the option '%s' is not known to the adapter of pip.parse" % (where, line))
        if "==" not in line or "--hash=" not in line:
            fail("%s: '%s' is not pinned with == and --hash" % (where, line))
        name = _normalized(line.split("==")[0].split("[")[0].strip())
        if name in found:
            fail("%s: %s is there twice" % (where, name))
        found[name] = line
    return found

def _wheel_impl(ctx):
    ctx.file("requirements.txt", ctx.attr.requirement + "\n")
    done = ctx.execute(
        ["/usr/bin/python3", "-I", ctx.path(ctx.attr._installer)] +
        [ctx.attr.requirement.split(" ")[0], ctx.attr.hub] + ctx.attr.locked,
        timeout = 600,
    )
    if done.return_code:
        fail("pip.parse: can't install '%s': %s" % (
            ctx.attr.requirement.split(" ")[0],
            done.stderr.strip() or done.stdout.strip(),
        ))
    ctx.file("BUILD.bazel", done.stdout)

_wheel = repository_rule(
    implementation = _wheel_impl,
    doc = "One requirement of a lock, installed by pip into site-packages/.",
    attrs = {
        "hub": attr.string(mandatory = True),
        "locked": attr.string_list(doc = "Normalized names of all requirements of the lock."),
        "requirement": attr.string(doc = "The line of the lock, with its hashes.", mandatory = True),
        "_installer": attr.label(default = "//private:wheel.py"),
    },
)

_PACKAGE = """\
package(default_visibility = ["//visibility:public"])

alias(
    name = "{name}",
    actual = ":pkg",
)

alias(
    name = "pkg",
    actual = "@{repository}//:pkg",
)
"""

_REQUIREMENTS = """\
"The requirements of the lock."

all_requirements = {all}

def requirement(name):
    "The label of the library of the requirement `name`."
    return "@{hub}//" + name.lower().replace("-", "_").replace(".", "_")
"""

def _hub_impl(ctx):
    ctx.file("BUILD.bazel", "exports_files([\"requirements.bzl\"])\n")
    for name, repository in ctx.attr.wheels.items():
        ctx.file(name + "/BUILD.bazel", _PACKAGE.format(name = name, repository = repository))
    ctx.file("requirements.bzl", _REQUIREMENTS.format(
        all = ["@%s//%s" % (ctx.attr.hub, name) for name in sorted(ctx.attr.wheels)],
        hub = ctx.attr.hub,
    ))

_hub = repository_rule(
    implementation = _hub_impl,
    attrs = {
        "hub": attr.string(mandatory = True),
        "wheels": attr.string_dict(mandatory = True),
    },
)

def _pip_impl(ctx):
    hubs = {}
    for module in ctx.modules:
        for tag in module.tags.parse:
            key = tag.hub_name
            if key in hubs:
                fail("pip.parse: hub_name '%s' is used twice (modules %s and %s)" % (key, hubs[key], module.name))
            hubs[key] = module.name
            lock = _read_lock(ctx.read(tag.requirements_lock), str(tag.requirements_lock))
            wheels = {}
            for name, requirement in lock.items():
                wheels[name] = "%s_%s_%s" % (key, tag.python_version.replace(".", ""), name)
                _wheel(
                    name = wheels[name],
                    hub = key,
                    locked = sorted(lock),
                    requirement = requirement,
                )
            _hub(name = key, hub = key, wheels = wheels)

pip = module_extension(
    implementation = _pip_impl,
    doc = "Python libraries from a lock file with hashes.",
    tag_classes = {
        "parse": tag_class(
            doc = "A lock file, and the name of the repository for what is in it.",
            attrs = {
                "hub_name": attr.string(mandatory = True),
                "python_version": attr.string(mandatory = True),
                "requirements_lock": attr.label(mandatory = True),
            },
        ),
    },
)
