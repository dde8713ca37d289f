"""The command lines that a toolchain gives to actions."""

load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain", "use_cc_toolchain")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("//toolchains:guest.bzl", "guest_programs")

_COMPILERS = {
    "assembler": ACTION_NAMES.preprocess_assemble,
    "c": ACTION_NAMES.c_compile,
    "c++": ACTION_NAMES.cpp_compile,
}

def _commands_impl(ctx):
    toolchain = find_cc_toolchain(ctx)
    configuration = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features + [ctx.attr.mode],
        unsupported_features = ctx.disabled_features,
    )

    def command(action, variables):
        return {
            "argv": [cc_common.get_tool_for_action(
                action_name = action,
                feature_configuration = configuration,
            )] + cc_common.get_memory_inefficient_command_line(
                action_name = action,
                feature_configuration = configuration,
                variables = variables,
            ),
            "env": cc_common.get_environment_variables(
                action_name = action,
                feature_configuration = configuration,
                variables = variables,
            ),
        }

    commands = {
        name: command(action, cc_common.create_compile_variables(
            cc_toolchain = toolchain,
            feature_configuration = configuration,
            output_file = "OUTPUT",
            source_file = "SOURCE",
            use_pic = True,
        ))
        for name, action in _COMPILERS.items()
    }
    commands["link"] = command(ACTION_NAMES.cpp_link_executable, cc_common.create_link_variables(
        cc_toolchain = toolchain,
        feature_configuration = configuration,
        is_using_linker = True,
        output_file = "OUTPUT",
        user_link_flags = ["SOURCE"],
    ))
    json_file = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(json_file, json.encode_indent(commands, indent = "  "))
    return [DefaultInfo(
        files = depset([json_file]),
        runfiles = ctx.runfiles(transitive_files = toolchain.all_files),
    )]

_commands = rule(
    implementation = _commands_impl,
    doc = "The command lines of actions, as JSON, with SOURCE and OUTPUT for paths; the toolchain is in the runfiles.",
    attrs = {
        "mode": attr.string(
            doc = "The compilation mode whose flags are wanted.",
            values = ["dbg", "fastbuild", "opt"],
            mandatory = True,
        ),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = use_cc_toolchain(mandatory = True),
)

def guest_commands(name, mode):
    """The command lines for the guest, `NAME_guest/commands`; the toolchain is in its runfiles.

    Args:
      name: name of the target.
      mode: the compilation mode.
    """
    _commands(
        name = name + "_json",
        testonly = True,
        mode = mode,
        tags = ["manual"],
        target_compatible_with = ["//toolchains:guest"],
    )
    native.alias(
        name = name,
        testonly = True,
        actual = guest_programs(
            name,
            {"commands": name + "_json"},
            tags = ["manual"],
            testonly = True,
        )["commands"],
        tags = ["manual"],
    )
