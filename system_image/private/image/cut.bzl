"""Stage cut: a flat base is cut into blocks that are compressed independently."""

load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:tool.bzl", "EXECUTION", "target_args", "tool_attr")
load("//system_image/providers:cut_base_info.bzl", "CutBaseInfo")
load(":flat_base.bzl", "FLAT_BASE")

def _cut_impl(ctx):
    if ctx.attr.slots < 1:
        fail("slots: {} is too few; give 1 or more".format(ctx.attr.slots))
    index = ctx.actions.declare_file(ctx.label.name + ".index.json")
    slots = [
        ctx.actions.declare_file("{}.{}.blocks".format(ctx.label.name, number))
        for number in range(ctx.attr.slots)
    ]
    args = ctx.actions.args()
    args.add("--base", ctx.file.base)
    args.add("--index", index)
    args.add_all("--slots", slots)
    args.use_param_file("@%s")
    args.set_param_file_format("multiline")
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._cut,
        arguments = [target_args(ctx), args],
        inputs = [ctx.file.base],
        outputs = [index] + slots,
        mnemonic = "SystemImageCut",
        progress_message = "Cutting the base %{label} into blocks",
        toolchain = None,
    )
    return [
        DefaultInfo(files = depset([index] + slots)),
        CutBaseInfo(index = index, slots = slots),
    ]

cut = rule(
    implementation = _cut_impl,
    exec_compatible_with = EXECUTION,
    doc = """Cuts a flat base into blocks, for `compress`.

    Blocks have 3 to 8 MiB. They end between entries, at places that depend only on the paths near by. A changed file
    therefore changes only its block, and a new file moves only the ends beside it. A file of more than 5 MiB is a block
    by itself, and one of more than 16 MiB is several.
    """,
    attrs = dict(
        BUILD_ATTRS,
        base = FLAT_BASE,
        slots = attr.int(
            doc = "How many files the blocks are spread over, by their paths. Each file is compressed by an action of its " +
                  "own, and blocks in one file together, so use two or three times as many files as there are blocks.",
            default = 48,
        ),
        _cut = tool_attr(Label("//tools/sysimage/image:cut")),
    ),
    provides = [CutBaseInfo],
)
