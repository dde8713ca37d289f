"""Stage sysroot: what compiling for an image needs, extracted from the image."""

load("//system_image/private/core:architecture.bzl", "ARCHITECTURES", "ARCHITECTURE_ATTRS", "target_architecture")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/private/image:layout.bzl", "IMAGE", "image_layout")
load("//system_image/providers:sysroot_info.bzl", "SysrootInfo")

# As in sysroot.py, where it says in which packages they are.
SYSROOT_PROGRAMS = [
    "addr2line",
    "ar",
    "as",
    "c++filt",
    "cc1",
    "cc1plus",
    "collect2",
    "cpp",
    "g++",
    "gcc",
    "gcov",
    "gcov-tool",
    "ld",
    "lto-wrapper",
    "lto1",
    "nm",
    "objcopy",
    "objdump",
    "ranlib",
    "readelf",
    "size",
    "strings",
    "strip",
]

def _sysroot_impl(ctx):
    layout, inputs = image_layout(ctx)
    architecture = target_architecture(ctx)
    target = ctx.attr.compiler_for or architecture
    triplet = ARCHITECTURES[target].triplet
    root = ctx.label.name
    headers = []
    libraries = []
    if target == architecture:
        compiler = ctx.actions.declare_directory(root + "/usr/lib/gcc/" + triplet)
        headers = [ctx.actions.declare_directory(root + "/usr/include"), compiler]
        libraries = [ctx.actions.declare_directory(root + "/usr/lib/" + triplet), compiler]
    programs = ctx.actions.declare_directory(root + "/usr/libexec")
    tools = {name: ctx.actions.declare_file(root + "/usr/bin/" + name) for name in SYSROOT_PROGRAMS}
    path = programs.path.removesuffix("/usr/libexec")
    outputs = headers + libraries[:1] + [programs] + tools.values()

    args = ctx.actions.args()
    args.add_all("--layout", [layout], expand_directories = False)
    args.add("--architecture", architecture)
    args.add("--target", target)
    args.add("--gcc", ctx.attr.gcc)
    args.add("--launcher", ctx.file.launcher)
    output = ctx.actions.args()
    output.add("--output", path)
    ctx.actions.run(
        executable = ctx.executable._sysroot,
        arguments = [target_args(ctx), args, output],
        inputs = depset([ctx.file.launcher], transitive = [inputs]),
        outputs = outputs,
        mnemonic = "SystemImageSysroot",
        progress_message = "Extracting the sysroot %{label}",
        toolchain = None,
    )
    tar = ctx.actions.declare_file(root + ".tar")
    output = ctx.actions.args()
    output.add("--tar", tar)
    ctx.actions.run(
        executable = ctx.executable._sysroot,
        arguments = [target_args(ctx), args, output],
        inputs = depset([ctx.file.launcher], transitive = [inputs]),
        outputs = [tar],
        mnemonic = "SystemImageSysrootTar",
        progress_message = "Packing the sysroot %{label}",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset(outputs)),
        OutputGroupInfo(tar = depset([tar])),
        SysrootInfo(
            gcc = ctx.attr.gcc,
            headers = headers,
            libraries = libraries,
            path = path,
            programs = programs,
            tools = tools,
            triplet = triplet,
        ),
    ]

sysroot = rule(
    implementation = _sysroot_impl,
    exec_compatible_with = EXECUTION,
    doc = """Extracts headers, libraries, start files and compilers from an image, into the folder `NAME`.

    The image must have gcc, g++ and binutils, of one version, and the development packages of the libraries to link
    with. The programs, in `NAME/usr/bin`, run from any folder on any host of the image's architecture. The output group
    `tar` has it all as a tarball, for use outside of Bazel.
    """,
    attrs = dict(
        ARCHITECTURE_ATTRS,
        compiler_for = attr.string(
            doc = "If the image's compiler is for another architecture, that architecture. Only the programs are then taken.",
            values = [""] + ARCHITECTURES.keys(),
        ),
        gcc = attr.string(
            doc = "The version of the image's gcc, as in the names of its folders, such as \"14\".",
            mandatory = True,
        ),
        image = IMAGE,
        launcher = attr.label(
            doc = "What starts the programs, for the image's architecture.",
            default = Label("//system_image/tools:launcher"),
            allow_single_file = True,
        ),
        _sysroot = tool_attr(Label("//tools/sysimage/toolchain:sysroot")),
    ),
    provides = [SysrootInfo],
)
