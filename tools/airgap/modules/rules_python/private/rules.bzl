"""py_library, py_binary and py_test on the toolbox's Python.

A program is one Python script that sets up sys.path and becomes the main module in the same interpreter:
the standard library, then each folder in `imports`, then the root of each repository that has sources.
"""

load("@bazel_skylib//lib:paths.bzl", "paths")
load("@pythons_hub//:versions.bzl", "PYTHON_CPU", "PYTHON_VERSION")

PyInfo = provider(
    doc = "What a Python target gives to those that depend on it.",
    fields = {
        "has_py2_only_sources": "bool, always False",
        "has_py3_only_sources": "bool, always True",
        "imports": "depset of strings: folders for sys.path, relative to the root of the runfiles",
        "transitive_sources": "depset of Files: the .py files of this target and of all its dependencies",
        "uses_shared_libraries": "bool, always False: unknown here",
    },
)

_LIBRARY_ATTRS = {
    "data": attr.label_list(
        doc = "Files and targets that are there at run time.",
        allow_files = True,
    ),
    "deps": attr.label_list(
        doc = "Python libraries to import from.",
        providers = [PyInfo],
    ),
    "imports": attr.string_list(
        doc = "Folders for sys.path, relative to this package; may begin with `..`.",
    ),
    "srcs": attr.label_list(
        doc = "The Python files.",
        allow_files = [".py"],
    ),
    "srcs_version": attr.string(
        doc = "Has no meaning, as in rules_python.",
    ),
}

_PROGRAM_ATTRS = {
    "env": attr.string_dict(
        doc = "Environment of `bazel run` and `bazel test`; locations are expanded.",
    ),
    "legacy_create_init": attr.int(
        doc = "Must be -1 or 0: no `__init__.py` is ever made here.",
        default = -1,
        values = [-1, 0],
    ),
    "main": attr.label(
        doc = "The file to run, one of `srcs`; by default the target's name and `.py`.",
        allow_single_file = [".py"],
    ),
    "python_version": attr.string(
        doc = "Must be the version of the toolbox's Python, or empty.",
    ),
    "_cpu": attr.label(
        default = "@platforms//cpu:" + PYTHON_CPU,
    ),
    "_launcher": attr.label(
        default = "//private:launcher.py.tpl",
        allow_single_file = True,
    ),
}

_TEST_ATTRS = {
    "env_inherit": attr.string_list(
        doc = "Names of variables that `bazel test` takes from the environment.",
    ),
}

def _repository(ctx):
    return ctx.label.repo_name or ctx.workspace_name

def _imports(ctx):
    root = _repository(ctx)
    found = []
    for folder in ctx.attr.imports:
        path = paths.normalize(paths.join(root, ctx.label.package, folder))
        if folder.startswith("/") or not (path == root or path.startswith(root + "/")):
            fail("imports: '%s' lies outside the repository" % folder)
        found.append(path)
    return found + [root]

def _py_info(ctx):
    return PyInfo(
        has_py2_only_sources = False,
        has_py3_only_sources = True,
        imports = depset(
            _imports(ctx),
            transitive = [dep[PyInfo].imports for dep in ctx.attr.deps],
        ),
        transitive_sources = depset(
            ctx.files.srcs,
            transitive = [dep[PyInfo].transitive_sources for dep in ctx.attr.deps],
            order = "postorder",
        ),
        uses_shared_libraries = False,
    )

def _runfiles(ctx, extra = []):
    runfiles = ctx.runfiles(files = ctx.files.srcs + ctx.files.data + extra)
    return runfiles.merge_all([
        target[DefaultInfo].default_runfiles
        for target in ctx.attr.srcs + ctx.attr.deps + ctx.attr.data
    ])

def _py_library_impl(ctx):
    return [
        DefaultInfo(files = depset(ctx.files.srcs), runfiles = _runfiles(ctx)),
        _py_info(ctx),
    ]

def _main(ctx):
    if ctx.file.main:
        if ctx.file.main not in ctx.files.srcs:
            fail("main: %s is not one of the srcs" % ctx.file.main.short_path)
        return ctx.file.main
    wanted = paths.basename(ctx.label.name) + ".py"
    for source in ctx.files.srcs:
        if source.basename == wanted:
            return source
    fail("main: there is no %s in srcs, so it must say which file to run" % wanted)

def _runfiles_path(ctx, file):
    if file.short_path.startswith("../"):
        return file.short_path[len("../"):]
    return ctx.workspace_name + "/" + file.short_path

def _check_platform(ctx):
    """Refuses a program for machines that the toolbox's Python does not run on."""
    if not ctx.target_platform_has_constraint(ctx.attr._cpu[platform_common.ConstraintValueInfo]):
        fail(("%s: the target platform %s is not for %s, and the toolbox has no Python for another cpu: " +
              "build it without --platforms; an attribute that names a program for an action has cfg = \"exec\"") %
             (ctx.label, ctx.fragments.platform.platform, PYTHON_CPU))

def _program(ctx, inherited):
    _check_platform(ctx)
    if ctx.attr.python_version not in ("", "PY3", PYTHON_VERSION):
        fail("python_version: the target wants %s, and the toolbox has Python %s" %
             (ctx.attr.python_version, PYTHON_VERSION))
    info = _py_info(ctx)
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.expand_template(
        template = ctx.file._launcher,
        output = executable,
        is_executable = True,
        substitutions = {
            "{{imports}}": json.encode(info.imports.to_list()),
            "{{main}}": json.encode(_runfiles_path(ctx, _main(ctx))),
        },
    )
    env = {
        name: ctx.expand_location(value, ctx.attr.data)
        for name, value in ctx.attr.env.items()
    }
    return [
        DefaultInfo(
            files = depset([executable] + ctx.files.srcs),
            executable = executable,
            runfiles = _runfiles(ctx, [executable]),
        ),
        RunEnvironmentInfo(environment = env, inherited_environment = inherited),
        info,
    ]

def _py_binary_impl(ctx):
    return _program(ctx, [])

def _py_test_impl(ctx):
    return _program(ctx, ctx.attr.env_inherit)

py_library = rule(
    implementation = _py_library_impl,
    attrs = _LIBRARY_ATTRS,
    doc = "Python files to import.",
    provides = [PyInfo],
)

py_binary = rule(
    implementation = _py_binary_impl,
    attrs = _LIBRARY_ATTRS | _PROGRAM_ATTRS,
    doc = "A Python program.",
    executable = True,
    fragments = ["platform"],
)

py_test = rule(
    implementation = _py_test_impl,
    attrs = _LIBRARY_ATTRS | _PROGRAM_ATTRS | _TEST_ATTRS,
    doc = "A Python program that is a test.",
    fragments = ["platform"],
    test = True,
)
