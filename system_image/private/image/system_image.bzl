"""The macro that composes flatten, cut, compress, inject and emit."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/evidence:image_facts.bzl", "image_facts")
load("//system_image/private/toolchain:elf_dependencies_test.bzl", "elf_dependencies_test")
load("//toolchains:guest.bzl", "GUEST_TOOLCHAINS", "guest_programs")
load(":compress.bzl", "compress")
load(":cut.bzl", "cut")
load(":emit.bzl", "emit")
load(":flatten.bzl", "flatten")
load(":inject.bzl", "inject")
load(":release.bzl", "image_release")
load(":summary.bzl", "summary")

_ORCHESTRATOR = "usr/bin/orchestrator"
_RELEASE = "usr/lib/system-image-release"

# All arguments of `system_image`, for macros that pass theirs on.
SYSTEM_IMAGE_ARGUMENTS = [
    "base",
    "binaries",
    "compression",
    "directories",
    "disable",
    "enable",
    "files",
    "guest_toolchains",
    "limit",
    "losses",
    "mask",
    "modes",
    "orchestrator",
    "replace",
    "slots",
    "symlinks",
    "unmask",
]

def system_image(
        *,
        name,
        base = MANDATORY,
        orchestrator = MANDATORY,
        binaries = {},
        files = {},
        modes = {},
        directories = {},
        symlinks = {},
        replace = [],
        enable = [],
        disable = [],
        mask = [],
        unmask = [],
        compression = "xz",
        losses = "warn",
        limit = None,
        slots = None,
        guest_toolchains = GUEST_TOOLCHAINS,
        **kwargs):
    """Makes a system image, `NAME.tar.xz`, from a base image and the programs that run in it.

    The programs are built for the guest's platform, with the sysroot's toolchain, whatever the command line says. The
    test `NAME_elf_dependencies_test` proves that the image has the libraries that they need.

    The build checks that the image has what a guest needs to boot: /sbin/init, the unit orchestrator.service, the
    loader of its program, and D-Bus if an enabled unit asks for it.

    `bazel run NAME_summary` says where the image is, how large it is, and its digests.

    The files beside the tarball are its digests, `NAME.tar.xz.sha256` and `.sha384`; a manifest of its content,
    `NAME.mtree`; and `NAME.contents.json`, which has sizes and the package of each path. They are the output groups
    `digest`, `mtree` and `contents`. The image's name is `IMAGE_ID` in its /usr/lib/system-image-release.

    Args:
      name: name of the target.
      base: label of an OCI image: an `oci_image` such as `@rules_system_image//system_image:base_vanilla`,
        or what `oci.pull` gives.
      orchestrator: label of the program that the unit orchestrator.service starts, /usr/bin/orchestrator.
      binaries: dict, path in the image → label of a program.
      files: dict, path in the image → label of a file. A path that the base has is an error.
      modes: dict, path → octal mode such as "0600". The default is 0755 for a program and 0644 for any other file.
      directories: dict, path → "MODE USER:GROUP" of a directory to make, such as `{"var/lib/app": "0750 app:app"}`.
        Either may be left out; the defaults are 0755 and root:root. A directory that exists already keeps its mode and
        owner, unless `replace` names it.
      symlinks: dict, path → target.
      replace: list of paths of `binaries`, `files`, `symlinks` and `directories` that may replace the base's.
      enable: list of units to enable.
      disable: list of units to disable.
      mask: list of units to mask.
      unmask: list of units to unmask.
      compression: "xz", "zstd" or "none"; the target's file is then called .tar.xz, .tar.zst or .tar.
        `--@rules_system_image//system_image/settings:compression=none` overrides it, for fast development builds.
      losses: "warn", "error" or "ignore": what to do if a first-stage loader that knows plain tar alone would lose
        something: extended attributes such as file capabilities; owners; setuid and setgid bits. The build does not
        know which loader unpacks the image, so it warns by default.
      limit: how many MiB the base may unpack to, if it is more than `flatten`'s default.
      slots: how many actions compress the base, if not `cut`'s default. One for each 2 MB of the base is good: a
        changed file then costs little.
      guest_toolchains: list of toolchains, as for --extra_toolchains, that compile the programs. The default is those
        of this module's sysroot.
      **kwargs: attributes that every rule has. The parts of the image, `NAME_flat` and so on, get them too, and
        the tag `manual`.
    """
    check_arguments(
        "system_image",
        name,
        kwargs,
        mandatory = {"base": base, "orchestrator": orchestrator},
        dicts = {"binaries": binaries, "directories": directories, "files": files, "modes": modes, "symlinks": symlinks},
        lists = {"disable": disable, "enable": enable, "guest_toolchains": guest_toolchains, "mask": mask, "replace": replace, "unmask": unmask},
        numbers = {"limit": limit, "slots": slots},
        others = ["compression", "losses"],
    )
    taken = [path for path in [_ORCHESTRATOR, _RELEASE] + files.keys() if path in binaries]
    taken += [path for path in [_ORCHESTRATOR, _RELEASE] if path in files]
    if taken:
        fail("{}: {} is given twice among orchestrator, binaries and files".format(name, taken[0]))
    parts = dict(kwargs, tags = kwargs.get("tags", []) + ["manual"])
    image_release(
        name = name + "_release",
        image = name,
        **parts
    )
    flatten(
        name = name + "_flat",
        image = base,
        limit = limit,
        **parts
    )
    programs = guest_programs(name, {_ORCHESTRATOR: orchestrator} | binaries, guest_toolchains, **parts)
    inject(
        name = name + "_overlay",
        base = name + "_flat",
        directories = directories,
        disable = disable,
        enable = enable,
        files = {_RELEASE: name + "_release"} | programs | files,
        guest = True,
        mask = mask,
        modes = {path: "0755" for path in binaries} | modes,
        replace = replace,
        symlinks = symlinks,
        unmask = unmask,
        **parts
    )
    cut(
        name = name + "_cut",
        base = name + "_flat",
        slots = slots,
        **parts
    )
    compress(
        name = name + "_compressed",
        base = name + "_cut",
        compression = compression,
        **parts
    )
    emit(
        name = name,
        base = name + "_flat",
        compressed = name + "_compressed",
        compression = compression,
        losses = losses,
        overlay = name + "_overlay",
        **kwargs
    )
    summary(
        name = name + "_summary",
        image = name,
        **parts
    )
    image_facts(
        name = name + "_facts",
        image = name,
        **parts
    )
    elf_dependencies_test(
        name = name + "_elf_dependencies_test",
        binaries = programs.values(),
        guest_toolchains = guest_toolchains,
        image = name,
        **kwargs
    )
