"""Files for a guest on arm64, whatever platform the build is for."""

_PLATFORMS = "//command_line_option:platforms"

_arm64 = transition(
    implementation = lambda _settings, _attr: {_PLATFORMS: [str(Label("//toolchains:guest_aarch64"))]},
    inputs = [],
    outputs = [_PLATFORMS],
)

def _for_arm64_impl(ctx):
    [target] = ctx.attr.src
    return [DefaultInfo(files = target[DefaultInfo].files)]

for_arm64 = rule(
    implementation = _for_arm64_impl,
    doc = "What a target makes for arm64.",
    attrs = {
        "src": attr.label(doc = "The target.", mandatory = True, allow_files = True, cfg = _arm64),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
