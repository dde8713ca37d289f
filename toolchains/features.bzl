"""What Bazel's C and C++ actions say to gcc: features, by the names that rules_cc gives them.

All of them are here, and none of Bazel's own default ones (`no_legacy_features`), so that each version of Bazel and
rules_cc gives the same command lines.
"""

load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load(
    "@rules_cc//cc:cc_toolchain_config_lib.bzl",
    "env_entry",
    "env_set",
    "feature",
    "flag_group",
    "flag_set",
    "variable_with_value",
    "with_feature_set",
)

ASSEMBLE = [
    ACTION_NAMES.assemble,
    ACTION_NAMES.preprocess_assemble,
]

CPP = [
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.linkstamp_compile,
]

COMPILE = [ACTION_NAMES.c_compile] + CPP + ASSEMBLE

_PREPROCESS = [ACTION_NAMES.c_compile, ACTION_NAMES.preprocess_assemble] + CPP

LINK = [
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_executable,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

_SHARED = [
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

ARCHIVE = [ACTION_NAMES.cpp_link_static_library]

# What an action config has to imply: features that are on for the action alone.
COMPILE_IMPLIES = [
    "user_compile_flags",
    "sysroot",
    "unfiltered_compile_flags",
    "compiler_input_flags",
    "compiler_output_flags",
]

_SANITIZERS = {
    "asan": "address",
    "lsan": "leak",
    "tsan": "thread",
    "ubsan": "undefined",
}

def features(path, headers, cpp_headers, libraries):
    """The features of a toolchain.

    Args:
      path: string, the folder of the sysroot, relative to the execution root.
      headers: list of strings, folders with headers of C, likewise.
      cpp_headers: list of strings, folders with headers of C++, likewise.
      libraries: list of strings, folders with libraries and start files, likewise.

    Returns:
      A list of features, in the order in which their flags appear.
    """
    return _facts() + _compile() + _last_of_compile(path, headers, cpp_headers) + _link(libraries)

def _facts():
    on = [
        "archive_param_file",
        "gcc_quoting_for_param_files",
        "no_legacy_features",
        "supports_dynamic_linker",
        "supports_pic",
    ]
    off = [
        "dbg",
        "dynamic_linking_mode",
        "fastbuild",
        "opt",
        "static_linking_mode",
    ]
    return [feature(name = name, enabled = True) for name in on] + [feature(name = name) for name in off] + [
        feature(
            name = "working_directory",
            enabled = True,
            # gcc writes its working directory, under this name if it is given, into debug information.
            env_sets = [env_set(
                actions = COMPILE + LINK,
                env_entries = [env_entry(key = "PWD", value = "/proc/self/cwd")],
            )],
        ),
    ]

def _compile():
    return [
        feature(
            name = "default_compile_flags",
            enabled = True,
            flag_sets = [
                _set(COMPILE, ["-U_FORTIFY_SOURCE", "-fstack-protector", "-Wall", "-fno-omit-frame-pointer"]),
                _set(COMPILE, ["-g"], mode = "dbg"),
                _set(
                    COMPILE,
                    ["-g0", "-O2", "-D_FORTIFY_SOURCE=1", "-DNDEBUG", "-ffunction-sections", "-fdata-sections"],
                    mode = "opt",
                ),
                _set(CPP, ["-std=c++17"]),
            ],
        ),
        _simple("dependency_file", COMPILE, ["-MD", "-MF", "%{dependency_file}"], variable = "dependency_file"),
        _simple("random_seed", COMPILE, ["-frandom-seed=%{output_file}"], variable = "output_file"),
        _simple("pic", COMPILE, ["-fPIC"], variable = "pic"),
        _each("preprocessor_defines", _PREPROCESS, ["-D%{preprocessor_defines}"]),
        _each("includes", _PREPROCESS, ["-include", "%{includes}"]),
        feature(
            name = "include_paths",
            enabled = True,
            flag_sets = [flag_set(
                actions = _PREPROCESS,
                flag_groups = [
                    _group("quote_include_paths", ["-iquote", "%{quote_include_paths}"]),
                    _group("include_paths", ["-I%{include_paths}"]),
                    _group("system_include_paths", ["-isystem", "%{system_include_paths}"]),
                    _group("external_include_paths", ["-isystem", "%{external_include_paths}"]),
                ],
            )],
        ),
        # Whoever asks for it gets Bazel's list of a target's external headers, above.
        feature(name = "external_include_paths"),
        feature(
            name = "lto",
            flag_sets = [
                # With native code, too, for tools and links that know nothing of it.
                _set([ACTION_NAMES.c_compile] + CPP, ["-flto", "-ffat-lto-objects"]),
                _set(LINK, ["-flto=1"]),
                _set(LINK, ["-O2"], mode = "opt"),
            ],
        ),
    ] + [
        feature(
            name = name,
            flag_sets = [
                _set(COMPILE, ["-fsanitize=" + what, "-fno-sanitize-recover=all"]),
                _set(LINK, ["-fsanitize=" + what]),
            ],
        )
        for name, what in _SANITIZERS.items()
    ]

def _last_of_compile(path, headers, cpp_headers):
    return [
        _each("user_compile_flags", COMPILE, ["%{user_compile_flags}"]),
        _simple("sysroot", COMPILE + LINK, ["--sysroot=%{sysroot}"], variable = "sysroot"),
        feature(
            name = "unfiltered_compile_flags",
            enabled = True,
            flag_sets = [
                # Headers are the sysroot's alone, behind all that the user names.
                _set(_PREPROCESS, ["-nostdinc"]),
                _set(CPP, _system(cpp_headers + headers)),
                _set([ACTION_NAMES.c_compile, ACTION_NAMES.preprocess_assemble], _system(headers)),
                # Paths as they are written, in .d files, too: a sandbox is made of links that lead out of it.
                _set(COMPILE, ["-no-canonical-prefixes", "-fno-canonical-system-headers"]),
                # No path of the host; a header is called by its path in the guest.
                _set(COMPILE, ["-ffile-prefix-map=%s=" % path, "-ffile-prefix-map=/proc/self/cwd=."]),
                _set(_PREPROCESS, [
                    "-Wno-builtin-macro-redefined",
                    "-D__DATE__=\"redacted\"",
                    "-D__TIME__=\"redacted\"",
                    "-D__TIMESTAMP__=\"redacted\"",
                ]),
            ],
        ),
        _simple("compiler_input_flags", COMPILE, ["-c", "%{source_file}"], variable = "source_file"),
        feature(
            name = "compiler_output_flags",
            enabled = True,
            flag_sets = [flag_set(
                actions = COMPILE,
                flag_groups = [
                    flag_group(expand_if_available = "output_assembly_file", flags = ["-S"]),
                    flag_group(expand_if_available = "output_preprocess_file", flags = ["-E"]),
                    flag_group(expand_if_available = "output_file", flags = ["-o", "%{output_file}"]),
                ],
            )],
        ),
    ]

def _link(libraries):
    return [
        feature(
            name = "default_link_flags",
            enabled = True,
            flag_sets = [
                _set(LINK, ["-no-canonical-prefixes"] + ["-B" + folder for folder in libraries]),
                # The driver is g++'s, also for what is C only: unused libraries are left out.
                _set(LINK, ["-Wl,-z,relro,-z,now", "-Wl,--build-id=sha1", "-Wl,--as-needed", "-Wl,--no-undefined-version"]),
                _set(LINK, ["-Wl,--gc-sections"], mode = "opt"),
            ],
        ),
        _simple("strip_debug_symbols", LINK, ["-Wl,-S"], variable = "strip_debug_symbols"),
        _simple("shared_flag", _SHARED, ["-shared"]),
        _each("linkstamp_paths", LINK, ["%{linkstamp_paths}"]),
        _simple("output_execpath_flags", LINK, ["-o", "%{output_execpath}"], variable = "output_execpath"),
        _each(
            "runtime_library_search_directories",
            LINK,
            ["-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/%{runtime_library_search_directories}"],
        ),
        _each("library_search_directories", LINK, ["-L%{library_search_directories}"]),
        _simple("archiver_flags", ARCHIVE, ["rcsD", "%{output_execpath}"], variable = "output_execpath"),
        _libraries_to_link(),
        _simple("force_pic_flags", [ACTION_NAMES.cpp_link_executable], ["-pie"], variable = "force_pic"),
        _each("user_link_flags", LINK, ["%{user_link_flags}"]),
        # For images without libstdc++6.
        feature(
            name = "static_cpp_runtime",
            flag_sets = [_set(LINK, ["-static-libstdc++", "-static-libgcc"])],
        ),
        feature(
            name = "fully_static_link",
            flag_sets = [_set([ACTION_NAMES.cpp_link_executable], ["-static"])],
        ),
        feature(
            name = "generate_linkmap",
            flag_sets = [flag_set(
                actions = [ACTION_NAMES.cpp_link_executable],
                flag_groups = [flag_group(expand_if_available = "output_execpath", flags = ["-Wl,-Map=%{output_execpath}.map"])],
            )],
        ),
        _simple("linker_param_file", LINK + ARCHIVE, ["@%{linker_param_file}"], variable = "linker_param_file"),
    ]

def _libraries_to_link():
    name = "libraries_to_link"

    def of_type(kind, flags, **kwargs):
        return flag_group(
            expand_if_equal = variable_with_value(name = name + ".type", value = kind),
            flags = flags,
            **kwargs
        )

    objects = [
        of_type("object_file", ["%{libraries_to_link.name}"]),
        of_type("object_file_group", ["%{libraries_to_link.object_files}"], iterate_over = name + ".object_files"),
    ]
    return feature(
        name = name,
        enabled = True,
        flag_sets = [
            flag_set(
                actions = LINK,
                flag_groups = [flag_group(
                    iterate_over = name,
                    expand_if_available = name,
                    flag_groups = [
                        flag_group(expand_if_true = name + ".is_whole_archive", flags = ["-Wl,-whole-archive"]),
                    ] + objects + [
                        of_type("interface_library", ["%{libraries_to_link.name}"]),
                        of_type("static_library", ["%{libraries_to_link.name}"]),
                        of_type("dynamic_library", ["-l%{libraries_to_link.name}"]),
                        of_type("versioned_dynamic_library", ["-l:%{libraries_to_link.name}"]),
                        flag_group(expand_if_true = name + ".is_whole_archive", flags = ["-Wl,-no-whole-archive"]),
                    ],
                )],
            ),
            flag_set(
                actions = ARCHIVE,
                flag_groups = [flag_group(
                    iterate_over = name,
                    expand_if_available = name,
                    flag_groups = objects,
                )],
            ),
        ],
    )

def _set(actions, flags, mode = None):
    return flag_set(
        actions = actions,
        flag_groups = [flag_group(flags = flags)] if flags else [],
        with_features = [with_feature_set(features = [mode])] if mode else [],
    )

def _simple(name, actions, flags, variable = None):
    return feature(
        name = name,
        enabled = True,
        flag_sets = [flag_set(
            actions = actions,
            flag_groups = [flag_group(expand_if_available = variable, flags = flags)],
        )],
    )

def _each(variable, actions, flags):
    return feature(
        name = variable,
        enabled = True,
        flag_sets = [flag_set(actions = actions, flag_groups = [_group(variable, flags)])],
    )

def _group(variable, flags):
    return flag_group(expand_if_available = variable, iterate_over = variable, flags = flags)

def _system(folders):
    return [word for folder in folders for word in ["-isystem", folder]]
