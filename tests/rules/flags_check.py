#!/usr/bin/env python3
"""Whether all packages load and are analysed with the flags of Bazel 8 and 9 that Bazel 7.7 has, too.

And whether actions are for Linux machines, where there are others, with an error where there are no Linux ones.

tests/rules/flags_check.py             # all flags at once
tests/rules/flags_check.py --each      # one by one: a minute each, the first time
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).resolve().parents[2]

# Left out are those that .bazelrc sets, that are on in 7.7, and that break rule sets of Bazel 7 itself
# (incompatible_no_rule_outputs_param: its own java_library), or of Debian (deprecated_label_apis: rules_license;
# stop_exporting_language_modules: rules_cc).
FLAGS = (
    "--incompatible_auto_exec_groups",
    "--incompatible_autoload_externally=",
    "--incompatible_check_testonly_for_output_files",
    "--incompatible_check_visibility_for_toolchains",
    "--incompatible_config_setting_private_default_visibility",
    "--incompatible_default_to_explicit_init_py",
    "--incompatible_disable_native_android_rules",
    "--incompatible_disable_native_apple_binary_rule",
    "--incompatible_disable_native_repo_rules",
    "--incompatible_disable_non_executable_java_binary",
    "--incompatible_disable_starlark_host_transitions",
    "--incompatible_disable_target_provider_fields",
    "--incompatible_disallow_empty_glob",
    "--incompatible_disallow_sdk_frameworks_attributes",
    "--incompatible_disallow_struct_provider_syntax",
    "--incompatible_dont_use_javasourceinfoprovider",
    "--incompatible_enable_apple_toolchain_resolution",
    "--incompatible_enable_proto_toolchain_resolution",
    "--incompatible_modify_execution_info_additive",
    "--incompatible_no_implicit_file_export",
    "--incompatible_no_implicit_watch_label",
    "--incompatible_objc_alwayslink_by_default",
    "--incompatible_python_disallow_native_rules",
    "--incompatible_struct_has_no_methods",
    "--incompatible_top_level_aspects_require_providers",
    "--incompatible_use_cc_configure_from_rules_cc",
)


def _trouble(targets: Sequence[str], *flags: str) -> str:
    """What Bazel says against the flags; empty if nothing."""
    command = [str(_HERE / "tools/bazel"), "build", "--nobuild", "--keep_going", *flags, "--", *targets]
    done = subprocess.run(command, cwd=_HERE, capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "\n".join(errors[:5] or [done.stderr[-2000:]]) if done.returncode else ""


def _execution() -> str:
    """What is wrong on a host of another system, without and with a Linux machine beside it."""
    target, elsewhere = ["//system_image:vanilla"], "--host_platform=//tests/rules:macos"
    alone = _trouble(target, elsewhere)
    if "Unable to find an execution platform" not in alone:
        return f"without a Linux machine, Bazel says: {alone or 'nothing'}"
    return _trouble(target, elsewhere, "--extra_execution_platforms=//tests/rules:linux")


def main(argv: Sequence[str]) -> int:
    """Prints which flags fail; 1 if any does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", action="store_true", help="one by one")
    parser.add_argument("targets", nargs="*", default=["//..."], metavar="TARGET")
    options = parser.parse_args(argv)
    failed = 0
    for flags in [(flag,) for flag in FLAGS] if options.each else [FLAGS]:
        print(f"analysing {' '.join(options.targets)} with {' '.join(flags)}", file=sys.stderr, flush=True)
        trouble = _trouble(options.targets, *flags)
        failed += bool(trouble)
        print(f"{'FAILED' if trouble else 'passed'}: {' '.join(flags)}\n{trouble}".rstrip(), flush=True)
    trouble = _execution()
    failed += bool(trouble)
    print(f"{'FAILED' if trouble else 'passed'}: execution platforms\n{trouble}".rstrip())
    print(f"{(len(FLAGS) if options.each else 1) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
