"""Stage rootfs: what the user adds is laid over a package set, and with `install` makes a root filesystem of it."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:build.bzl", "BUILD_ATTRS", "build_environment")
load("//system_image/private/core:content.bzl", "content_attributes")
load("//system_image/private/core:manifest.bzl", "CONTENT_ATTRS", "content_manifest", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION", "tool_attr")
load("//system_image/providers:debian_packages_info.bzl", "DebianPackagesInfo")
load("//system_image/providers:rootfs_info.bzl", "RootfsInfo")
load(":install.bzl", "INSTALL_ATTRS", "install")

def _rootfs_impl(ctx):
    packages = ctx.attr.packages[DebianPackagesInfo]
    base = ctx.attr.base[RootfsInfo] if ctx.attr.base else None
    own = _fields(ctx)
    fields, inputs, policies = own.fields, depset(own.inputs), depset(own.policies)
    if base:
        fields = _extended(base, fields)
        inputs = depset(transitive = [base.inputs, inputs])
        policies = depset(transitive = [base.policies, policies])
    installed = install(ctx, packages, fields, policies.to_list())
    of_packages = dict(
        installed.rest,
        architecture = packages.architecture,
        installed = installed.tar.path,
        owners = installed.owners.path,
    )
    needed = depset([installed.tar, installed.owners], transitive = [inputs])
    made = _make(ctx, of_packages, needed, ctx.label.name + ("_whole" if base else ""))
    whole = made.tar
    if base:
        # Of the two, Bazel makes what is asked for.
        fields_of_layer = dict(of_packages, base = base.whole.path)
        made = _make(ctx, fields_of_layer, depset([base.whole], transitive = [needed]), ctx.label.name)
    return [
        DefaultInfo(files = depset([made.tar])),
        OutputGroupInfo(
            effects = depset([installed.effects]),
            mtree = depset([made.mtree]),
            whole = depset([whole]),
        ),
        RootfsInfo(
            fields = fields,
            inputs = inputs,
            packages = packages,
            policies = policies,
            whole = whole,
        ),
    ]

def _fields(ctx):
    fields, inputs = content_manifest(ctx)
    paths = [item["path"] for item in fields["files"]]
    for path in ctx.attr.owners:
        if path not in paths:
            fail("owners: {} is not among the paths of this target's files".format(repr(path)))
    fields = dict(
        fields,
        base_packages = [],
        base_services = [],
        base_users = [],
        debconf = ctx.attr.debconf,
        default_target = ctx.attr.default_target,
        dpkg_database = ctx.attr.dpkg_database,
        exclude = ctx.attr.exclude,
        exclude_from = [file.path for file in ctx.files.exclude_from],
        files = [dict(item, owner = ctx.attr.owners.get(item["path"], "")) for item in fields["files"]],
        hostname = ctx.attr.hostname,
        include = ctx.attr.include,
        kernel_modules = ctx.attr.kernel_modules,
        ledger = [file.path for file in ctx.files.ledger],
        users = ctx.attr.users,
    )
    return struct(fields = fields, inputs = inputs, policies = ctx.files.ledger + ctx.files.exclude_from)

def _extended(base, own):
    """The fields of a root filesystem that extends another one: the base's too, and its own first."""
    paths = {item["path"]: True for item in own["files"] + own["symlinks"] + own["directories"]}
    fields = dict(
        own,
        base_packages = [
            {"name": package.package, "sha256": package.sha256}
            for package in base.packages.packages
        ],
        debconf = dict(base.fields["debconf"], **own["debconf"]),
        base_users = base.fields["base_users"] + base.fields["users"],
        base_services = base.fields["base_services"] + [base.fields["services"]],
    )
    for name in ("directories", "files", "symlinks"):
        fields[name] = [item for item in base.fields[name] if item["path"] not in paths] + own[name]
    for name in ("exclude", "exclude_from", "include", "kernel_modules", "ledger"):
        fields[name] = base.fields[name] + [value for value in own[name] if value not in base.fields[name]]
    for name in ("default_target", "dpkg_database", "hostname"):
        fields[name] = own[name] or base.fields[name]
    return fields

def _make(ctx, fields, inputs, name):
    """Declares the action that makes a tree, or a layer if the fields have a base; returns its outputs."""
    manifest = write_manifest(ctx, fields, name)
    tar = ctx.actions.declare_file(name + ".tar")
    mtree = ctx.actions.declare_file(name + ".mtree")
    args = ctx.actions.args()
    args.add("--manifest", manifest)
    args.add("--output", tar)
    args.add("--mtree", mtree)
    ctx.actions.run(
        env = build_environment(ctx),
        executable = ctx.executable._rootfs,
        arguments = [args],
        inputs = depset([manifest], transitive = [inputs]),
        outputs = [tar, mtree],
        mnemonic = "SystemImageRootfs",
        progress_message = "Making the root filesystem %{label}",
        toolchain = None,
    )
    return struct(mtree = mtree, tar = tar)

_rootfs = rule(
    implementation = _rootfs_impl,
    exec_compatible_with = EXECUTION,
    doc = "See the macro `rootfs`.",
    provides = [RootfsInfo],
    attrs = dict(
        BUILD_ATTRS | CONTENT_ATTRS | INSTALL_ATTRS,
        base = attr.label(
            doc = "Another `rootfs`, for what it does not have alone.",
            providers = [RootfsInfo],
        ),
        debconf = attr.string_dict(doc = "Answers to debconf's questions, \"package/question\" → answer."),
        default_target = attr.string(doc = "The unit that `default.target` leads to; \"\" leaves it alone."),
        dpkg_database = attr.string(
            doc = "What is left of /var/lib/dpkg: all, the file `status` alone, or nothing; \"\" is the base's, or all.",
            values = ["", "full", "status", "none"],
        ),
        exclude = attr.string_list(doc = "Patterns of paths to leave out."),
        exclude_from = attr.label_list(
            doc = "Policies: what of its packages the image has no use for.",
            allow_files = [".toml"],
        ),
        hostname = attr.string(doc = "What /etc/hostname says; \"\" leaves it alone."),
        include = attr.string_list(doc = "Patterns of paths to keep although `exclude` names them."),
        kernel_modules = attr.string_list(doc = "Modules of the kernel to load at boot."),
        ledger = attr.label_list(
            doc = "Ledgers of one's own, beside the one that comes with the rules.",
            allow_files = [".toml"],
        ),
        owners = attr.string_dict(doc = "Path → \"user:group\", for files that are not root's."),
        packages = attr.label(
            doc = "The package set, such as `@debian//:vanilla`.",
            mandatory = True,
            providers = [DebianPackagesInfo],
        ),
        users = attr.string_list(doc = "Users and groups to make, as lines of sysusers.d(5)."),
        _rootfs = tool_attr(Label("//tools/sysimage/rootfs")),
    ),
)

# The arguments of `rootfs` beside those that are checked by guest_base itself, by what they have to be.
ROOTFS_ARGUMENTS = struct(
    dicts = ["debconf", "directories", "modes", "owners", "symlinks"],
    lists = ["disable", "exclude", "include", "ledger", "mask", "unmask", "users"],
    others = ["base"],
)

def rootfs(
        *,
        name,
        packages = MANDATORY,
        base = None,
        files = {},
        modes = {},
        directories = {},
        owners = {},
        symlinks = {},
        replace = [],
        users = [],
        enable = [],
        disable = [],
        mask = [],
        unmask = [],
        default_target = "",
        debconf = {},
        hostname = "",
        kernel_modules = [],
        exclude = [],
        exclude_from = [],
        include = [],
        dpkg_database = "",
        ledger = [],
        **kwargs):
    """Makes a root filesystem, `NAME.tar`, as Debian's own installation of the packages would leave it.

    No shell runs the packages' scripts: they are interpreted, over a tree in memory.

    Output groups: `mtree` is a manifest of the tree; `effects` lists what scripts changed and what is left for the
    guest; `whole` is the whole tree of a `rootfs` that has a `base`.

    Args:
      name: name of the target.
      packages: label of a package set, such as `@debian//:vanilla`.
      base: label of another `rootfs` that this one extends. This one's set must have its packages, and its attributes
        hold here too. `NAME.tar` is then the difference alone, a layer over the base's (`oci_image(base = …, tars =
        [NAME])`).
      files: dict, path in the image → label of the file that goes there. A path that exists already is an error, unless
        `replace` names it.
      modes: dict, path → octal mode such as "0600". The default is 0755 for a program and 0644 for any other file.
      directories: dict, path → "MODE USER:GROUP" of a directory to make, such as `{"var/lib/app": "0750 app:app"}`.
        Either may be left out; the defaults are 0755 and root:root. A directory that exists already keeps its mode and
        owner, unless `replace` names it.
      owners: dict, path → "user:group", by name. The default is root:root.
      symlinks: dict, path → target.
      replace: list of paths of `files`, `symlinks` and `directories` that may replace what exists already: a package's
        file, what a script made, an empty directory, or a directory's mode and owner.
      users: list of lines of sysusers.d(5), such as `u app 800 "The application" /var/lib/app`. A name or
        number that is taken is an error. A line without a number gets the highest one that is free.
      enable: list of units to enable.
      disable: list of units to disable.
      mask: list of units to mask.
      unmask: list of units to unmask, such as those that the base masks. These four lists override the base's. Two of
        them that contradict each other are an error.
      default_target: the unit to boot into, such as "multi-user.target".
      debconf: dict, question such as "postfix/main_mailer_type" → answer, as `debconf-set-selections` has them. A
        question that no package asks is an error. So is an answer to a question of type password: a password in the
        repository is no secret.
      hostname: the content of /etc/hostname.
      kernel_modules: list of modules of the kernel to load at boot, such as "virtio_net".
      exclude: list of patterns of paths to leave out: `*` matches within a name, `**` across names. A
        pattern that matches nothing is an error.
      exclude_from: list of labels of policies: TOML files that list what the image can do without, each entry with a
        reason. `paths` names files. `packages` names packages whose files go once all scripts have run. With `bits`,
        such as "6000", the files of `paths` stay and lose these mode bits. What an entry names may be missing. There
        are `@rules_system_image//system_image:guest.toml`, for every guest, and `:lean.toml`, for a guest without
        shell, package manager and setuid programs. The output group `effects` says how many bytes each entry saves.
      include: list of patterns of paths to keep although `exclude` or `exclude_from` names them.
      dpkg_database: "full" lets dpkg know every file; "status" keeps the list of packages alone, which vulnerability
        scanners read; "none" keeps nothing. The default is the base's; without a base, "full".
      ledger: list of labels of TOML files that state the effects of maintainer scripts which can't be interpreted. The
        build prints the entries to add; `bazel run @HUB//:ledger -- --set NAME` drafts them all.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "rootfs",
        name,
        kwargs,
        mandatory = {"packages": packages},
        dicts = {
            "debconf": debconf,
            "directories": directories,
            "files": files,
            "modes": modes,
            "owners": owners,
            "symlinks": symlinks,
        },
        lists = {
            "disable": disable,
            "enable": enable,
            "exclude": exclude,
            "exclude_from": exclude_from,
            "include": include,
            "kernel_modules": kernel_modules,
            "ledger": ledger,
            "mask": mask,
            "replace": replace,
            "unmask": unmask,
            "users": users,
        },
        others = [
            "base",
            "default_target",
            "dpkg_database",
            "hostname",
        ],
    )
    _rootfs(
        name = name,
        base = base,
        debconf = debconf,
        default_target = default_target,
        directories = directories,
        disable = disable,
        dpkg_database = dpkg_database,
        enable = enable,
        exclude = exclude,
        exclude_from = exclude_from,
        hostname = hostname,
        include = include,
        kernel_modules = kernel_modules,
        ledger = ledger,
        mask = mask,
        owners = owners,
        packages = packages,
        unmask = unmask,
        users = users,
        **dict(kwargs, **content_attributes(files, modes, symlinks, replace))
    )
