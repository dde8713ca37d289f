"""The test that a kernel's configuration has what a guest needs."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "argument", "attributes_of_parts", "exec_program")

_kernel_config_test = exec_program(
    Label("//tools/sysimage/kernel:kernel_config"),
    doc = "See the macro `kernel_config_test`.",
    test = True,
)

def kernel_config_test(*, name, kernel = MANDATORY, require = [], forbid = {}, accept = None, size = "small", **kwargs):
    """Proves that a kernel has been configured as its guests need it.

    A condition is written as in `"X86_PAT=y"`, `"DM_VERITY=y|m"` or `"SLS=y | CPU_SUP_INTEL=n"`: options without CONFIG_,
    `&` before `|`, parentheses; `n` is an option that is not set or not there. `"version>=6.16"` asks for the version.

    Args:
      name: name of the target.
      kernel: label of a `kernel`.
      require: list of conditions, and of names of sets of them: `sev-snp`, `tdx`, `verity-disk`, `hardening`.
      forbid: dict, option → why it may not be set.
      accept: label of a TOML file with conditions that need not hold, each with a reason: tables `[[accept]]` with
        `reason`, and `options`, `amd64`, `arm64`, which are lists of the first option of each condition. A condition in
        the list that does hold fails the test, too.
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "kernel_config_test",
        name,
        kwargs,
        mandatory = {"kernel": kernel},
        dicts = {"forbid": forbid},
        lists = {"require": require},
        others = ["accept"],
    )
    parts = attributes_of_parts(kwargs)
    native.filegroup(
        name = name + "_config",
        srcs = [kernel],
        output_group = "config",
        tags = ["manual"],
        **parts
    )
    _kernel_config_test(
        name = name,
        size = size,
        args = ["--config", "$(rootpath {}_config)".format(name)] +
               [word for condition in require for word in ["--require", argument(condition)]] +
               [word for option, why in forbid.items() for word in ["--forbid", argument(option + "=" + why)]] +
               (["--accept", "$(rootpath {})".format(accept)] if accept else []),
        data = [name + "_config"] + ([accept] if accept else []),
        **kwargs
    )
