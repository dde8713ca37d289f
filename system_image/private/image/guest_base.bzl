"""The macro that makes a base image for guests of a package set."""

load("@rules_oci//oci:defs.bzl", "oci_image")
load("//system_image/private/core:architecture.bzl", "by_architecture")
load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "attributes_of_parts")
load("//system_image/private/kernel:module_layer.bzl", "module_layer")
load("//system_image/private/rootfs:rootfs.bzl", "ROOTFS_ARGUMENTS", "rootfs")

_FILES = [
    "etc/.updated",
    "etc/hostname",
    "etc/hosts",
    "etc/systemd/journald.conf.d/10-guest.conf",
    "etc/systemd/journald.conf.d/20-memory.conf",
    "etc/systemd/network/10-mac.link",
    "etc/systemd/network/enx42000a00020f.network",
    "etc/systemd/network/enx620000020015.network",
    "etc/systemd/system/modprobe@.service.d/10-guest.conf",
    "etc/systemd/system/orchestrator.service",
    "etc/systemd/system/systemd-network-generator.service.d/10-guest.conf",
    "etc/systemd/system/systemd-remount-fs.service.d/10-guest.conf",
    "etc/systemd/system/systemd-tmpfiles-setup-dev.service.d/10-guest.conf",
    "etc/systemd/system/systemd-tmpfiles-setup.service.d/10-guest.conf",
    "etc/systemd/system/systemd-udev-trigger.service.d/10-guest.conf",
    "var/.updated",
]

# Path in the image → label.
_GUEST_FILES = {path: Label("//system_image:files/" + path) for path in _FILES}

# Policies for `exclude_from`: what no guest opens, and what one in production has no use for.
_GUEST_POLICY = Label("//system_image:guest.toml")
_LEAN_POLICY = Label("//system_image:lean.toml")

def guest_base(
        *,
        name,
        packages = MANDATORY,
        lean = False,
        kernel_packages = Label("@debian//:kernel"),
        kernel_modules = [],
        layers = [],
        files = {},
        replace = [],
        hostname = "",
        enable = [],
        default_target = "multi-user.target",
        exclude_from = [],
        dpkg_database = "",
        **kwargs):
    """Makes your own base for `system_image`: an OCI image of a package set, with what every guest needs.

    The package set must have systemd, systemd-sysv and udev; dbus, unless the base is lean; and runc or crun, if the
    orchestrator runs containers. The macro adds:

    - the unit orchestrator.service, enabled: it starts /usr/bin/orchestrator, and powers the machine off when that
      ends;
    - networkd's configuration, which takes the address that the interface's MAC spells;
    - a journal in memory, in files of 1 MiB, whose errors the console shows;
    - the names in /etc/hosts, in place of those that netbase writes.

    No console has a login: a debugging shell comes with the machine, from `system_image_vm`.

    A boot starts only what a guest needs. udev looks only at devices that a rule or a driver asks for. One systemd-tmpfiles
    makes what tmpfiles.d names, below /dev, too; another one is started first only if kmod lists nodes of modules.
    Nothing changes from boot to boot: /etc/.updated and /var/.updated say that caches and accounts are current. A layer
    of `layers` with libraries outside of the loader's own folders must therefore bring its /etc/ld.so.cache along.

    Files that no guest opens are left out, by `@rules_system_image//system_image:guest.toml`. A path in `files`
    overrides the macro's file of that path.

    `NAME_rootfs` is the root filesystem, which another `rootfs` can extend. `NAME_modules.tar` is the layer of
    `kernel_modules`, if there are any.

    Args:
      name: name of the target, an `oci_image`.
      packages: label of a package set, such as `@debian//:vanilla`.
      lean: whether it is for production. Once all scripts have run, `:lean.toml` removes shells, package managers,
        logins, setuid programs and what asks for D-Bus. Programs that stay keep their libraries.
      kernel_packages: label of a package set with one kernel; its modules are used.
      kernel_modules: list of modules of the kernel to load at boot, such as "nf_tables". The modules that they depend
        on come along. Loading them needs neither kmod nor a shell; a program that makes the kernel load others needs
        kmod.
      layers: list of labels of further layers, such as a `kernel_module`'s `NAME_layer`.
      files: as in `rootfs`.
      replace: as in `rootfs`.
      hostname: as in `rootfs`; "guest", if not given.
      enable: as in `rootfs`; orchestrator.service and systemd-networkd.service are enabled too.
      default_target: as in `rootfs`.
      exclude_from: as in `rootfs`, beside ours.
      dpkg_database: as in `rootfs`; "status" for a lean one.
      **kwargs: further arguments of `rootfs`.
    """
    check_arguments(
        "guest_base",
        name,
        kwargs,
        mandatory = {"packages": packages},
        dicts = {argument: kwargs.get(argument) for argument in ROOTFS_ARGUMENTS.dicts} | {"files": files},
        lists = {argument: kwargs.get(argument) for argument in ROOTFS_ARGUMENTS.lists} | {
            "enable": enable,
            "exclude_from": exclude_from,
            "kernel_modules": kernel_modules,
            "layers": layers,
            "replace": replace,
        },
        switches = {"lean": lean},
        others = ROOTFS_ARGUMENTS.others + ["default_target", "dpkg_database", "hostname", "kernel_packages"],
    )
    own = {path: label for path, label in _GUEST_FILES.items() if path != "etc/hostname" or not hostname}
    rootfs(
        name = name + "_rootfs",
        default_target = default_target,
        dpkg_database = dpkg_database or ("status" if lean else ""),
        enable = ["orchestrator.service", "systemd-networkd.service"] + enable,
        exclude_from = [_GUEST_POLICY] + ([_LEAN_POLICY] if lean else []) + exclude_from,
        files = own | files,
        hostname = hostname,
        kernel_modules = kernel_modules,
        packages = packages,
        # netbase's script makes one.
        replace = ["etc/hosts"] + replace,
        **kwargs
    )
    common = dict(attributes_of_parts(kwargs), tags = kwargs.get("tags", []))
    modules = []
    if kernel_modules:
        module_layer(
            name = name + "_modules",
            with_modules = kernel_modules,
            packages = kernel_packages,
            **common
        )
        modules = [name + "_modules"]
    oci_image(
        name = name,
        architecture = by_architecture("{name}"),
        os = "linux",
        tars = [name + "_rootfs"] + modules + layers,
        **common
    )
