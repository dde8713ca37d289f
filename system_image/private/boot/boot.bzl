"""Stage boot: a system image in a virtual machine, to look at or to test."""

load("//system_image/private/core:architecture.bzl", "ARCHITECTURES", "by_architecture")
load("//system_image/private/core:arguments.bzl", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "attributes_of_parts", "exec_program")
load("//system_image/private/core:manifest.bzl", "write_manifest")
load("//system_image/private/core:tool.bzl", "EXECUTION")
load("//system_image/private/kernel:stage1.bzl", _stage1 = "stage1")
load("//system_image/providers:disk_info.bzl", "DiskInfo")
load("//system_image/providers:firmware_info.bzl", "FirmwareInfo")
load("//system_image/providers:kernel_info.bzl", "KernelInfo")
load("//system_image/providers:locked_program_info.bzl", "LockedProgramInfo")
load("//system_image/providers:system_image_info.bzl", "SystemImageInfo")
load("//toolchains:guest.bzl", "GUEST_PLATFORM")

_KERNEL = Label("//system_image:kernel")
_PLATFORMS = "//command_line_option:platforms"

_guest_transition = transition(
    implementation = lambda settings, attr: {_PLATFORMS: [attr.platform] if attr.platform else settings[_PLATFORMS]},
    inputs = [_PLATFORMS],
    outputs = [_PLATFORMS],
)

# What starts a machine that has a disk.
_STARTS = ["disk", "uki", "kernel"]

def _booted(ctx):
    """What is booted, as fields of the manifest whose values are Files."""
    if ctx.attr.disk:
        disk = ctx.attr.disk[0][DiskInfo]
        return {
            "digest": None,
            "firmware": ctx.attr.firmware[0][FirmwareInfo].image,
            "image": disk.raw,
            "initramfs": None,
            "kernel": disk.uki,
        }
    image = ctx.attr.image[0][SystemImageInfo]
    return {
        "digest": image.digest,
        "firmware": None,
        "image": image.image,
        "initramfs": ctx.files.stage1[0],
        "kernel": ctx.attr.kernel[0][KernelInfo].image,
    }

def _machine_impl(ctx):
    booted = _booted(ctx)
    qemu = ctx.attr.qemu[LockedProgramInfo]
    bundle = ctx.files.bundle[0] if ctx.files.bundle else None
    virtiofsd = ctx.attr.virtiofsd[LockedProgramInfo].folder if ctx.attr.virtiofsd else None
    manifest = write_manifest(ctx, {
        name: file.short_path if file else None
        for name, file in booted.items()
    } | {
        "architecture": ctx.attr.kernel[0][KernelInfo].architecture,
        "bundle": bundle.short_path if bundle else None,
        "busybox": ctx.file.busybox.short_path,
        "cmdline": ctx.attr.cmdline,
        "cpus": ctx.attr.cpus,
        "host": qemu.architecture,
        "memory": ctx.attr.memory,
        "name": str((ctx.attr.disk or ctx.attr.image)[0].label).removeprefix("@@"),
        "plain": ctx.attr.ignore_ownership,
        "qemu": qemu.folder.short_path,
        "start": ctx.attr.start if ctx.attr.disk else "",
        "virtiofsd": virtiofsd.short_path if virtiofsd else None,
        "wanted": json.decode(ctx.attr.wanted),
    }, target = False)
    files = [manifest, qemu.folder, bundle, ctx.file.busybox, virtiofsd] + booted.values()
    return [DefaultInfo(
        files = depset([manifest]),
        runfiles = ctx.runfiles([file for file in files if file]),
    )]

_machine = rule(
    implementation = _machine_impl,
    exec_compatible_with = EXECUTION,
    doc = "A machine, and what it boots: a manifest for vm.py and check.py, whose runfiles have it all.",
    attrs = {
        "bundle": attr.label(
            doc = "A container bundle, as a tar.",
            allow_single_file = [".tar"],
            cfg = _guest_transition,
        ),
        "busybox": attr.label(
            doc = "A static busybox, for the guest.",
            default = Label("//system_image/tools:guest_busybox"),
            allow_single_file = True,
            cfg = _guest_transition,
        ),
        "cmdline": attr.string_list(doc = "Further words for the kernel's command line."),
        "cpus": attr.int(doc = "Processors.", default = 2),
        "disk": attr.label(
            doc = "The measured disk, in place of an image.",
            cfg = _guest_transition,
            providers = [DiskInfo],
        ),
        "firmware": attr.label(
            doc = "The firmware that starts a disk.",
            cfg = _guest_transition,
            providers = [FirmwareInfo],
        ),
        "ignore_ownership": attr.bool(doc = "Whether stage1 unpacks as loaders do that ignore owners and special bits."),
        "image": attr.label(
            doc = "The system image.",
            cfg = _guest_transition,
            providers = [SystemImageInfo],
        ),
        "kernel": attr.label(
            doc = "The kernel.",
            mandatory = True,
            cfg = _guest_transition,
            providers = [KernelInfo],
        ),
        "memory": attr.int(doc = "Memory in MiB.", default = 1024),
        "platform": attr.string(doc = "Label of the guest's platform; \"\" is the one that is built for."),
        "qemu": attr.label(
            doc = "The QEMU that has machines of the guest's architecture.",
            mandatory = True,
            cfg = "exec",
            providers = [LockedProgramInfo],
        ),
        "stage1": attr.label(
            doc = "The first-stage loader, of an image.",
            allow_single_file = [".cpio"],
            cfg = _guest_transition,
        ),
        "start": attr.string(doc = "What starts a machine with a disk.", default = _STARTS[0], values = _STARTS),
        "virtiofsd": attr.label(
            doc = "What serves folders of the host to the guest.",
            cfg = "exec",
            providers = [LockedProgramInfo],
        ),
        "wanted": attr.string(doc = "What a test expects, in JSON.", default = "{}"),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)

_vm = exec_program(
    Label("//tools/sysimage/boot:vm"),
    doc = "See the macro `system_image_vm`.",
)

_boot_test = exec_program(
    Label("//tools/sysimage/boot:check"),
    doc = "See the macro `boot_test`.",
    test = True,
)

def _make_machine(name, architecture, image, disk, firmware, start, kernel, stage1, common, **kwargs):
    """Declares `NAME_machine` and, of a kernel of one's own, its stage1; returns the machine's name."""
    if bool(image) == bool(disk):
        fail("{}: give one of image and disk".format(name))
    if disk:
        for attribute, value in {"ignore_ownership": kwargs.get("ignore_ownership"), "kernel": kernel, "stage1": stage1}.items():
            if value:
                fail("{}: a disk has its {} in its UKI; leave the attribute out".format(name, attribute))
    elif firmware or start:
        fail("{}: firmware and start are for disks; leave them out".format(name))
    if architecture and architecture not in ARCHITECTURES:
        fail("architecture: {} is not one of {}".format(repr(architecture), ", ".join(ARCHITECTURES)))
    parts = dict(common, tags = ["manual"])
    if kernel and not stage1:
        stage1 = name + "_stage1"
        _stage1(
            name = stage1,
            kernel = kernel,
            **parts
        )
    qemu = str(Label("//system_image/tools:qemu")) + "_"
    own = str(Label("//system_image:firmware")) + "_"
    _machine(
        name = name + "_machine",
        disk = disk,
        firmware = (firmware or (own + architecture if architecture else by_architecture(own + "{name}"))) if disk else None,
        image = image,
        kernel = kernel or _KERNEL,
        platform = GUEST_PLATFORM[ARCHITECTURES[architecture].constraint] if architecture else "",
        qemu = qemu + architecture if architecture else by_architecture(qemu + "{name}"),
        stage1 = None if disk else stage1 or Label("//system_image:stage1"),
        start = start or _STARTS[0],
        **dict(parts, **kwargs)
    )
    return name + "_machine"

# What a machine is made of, as both macros take it.
_MACHINE = [
    "architecture",
    "bundle",
    "disk",
    "firmware",
    "image",
    "kernel",
    "stage1",
    "start",
]

def system_image_vm(
        *,
        name,
        image = None,
        disk = None,
        firmware = None,
        start = None,
        kernel = None,
        stage1 = None,
        bundle = None,
        memory = 1024,
        cpus = 2,
        ignore_ownership = False,
        cmdline = [],
        architecture = "",
        **kwargs):
    """Makes a virtual machine: `bazel run NAME` boots the image and ends with the orchestrator's status.

    QEMU comes from the lock. It uses hardware virtualisation where that works, and emulates the guest elsewhere. The
    console is the terminal. Options come after `--`: `--debug` gives a root shell on the console, and the machine stays
    on; `--bundle FILE.tar` delivers a container bundle; `--share FOLDER` delivers the bundle in a folder.

    Args:
      name: name of the target.
      image: label of a `system_image`.
      disk: in place of an image, label of a `disk_image`. The units by which the machine reports, and the options
        above, are added to its initramfs and command line. The UKI that is started therefore differs from the one that
        is measured; the file system is the same.
      firmware: label of the `firmware` that starts a disk; without it, the lock's OVMF or AAVMF.
      start: "disk": firmware starts the UKI on the disk; "uki": QEMU gives the UKI to firmware (-kernel); "kernel": QEMU starts the
        UKI's kernel, with initramfs and command line, as a host does that measures these. Without it, "disk".
      kernel: label of a `kernel`; without it, this module's. A disk has its kernel in the UKI.
      stage1: label of a `stage1` for this kernel; without it, one is made, or this module's taken.
      bundle: label of the container bundle to deliver, such as an `app_bundle`.
      memory: memory of the machine, in MiB. It has to hold the image's tarball and its unpacked files together.
      cpus: number of processors.
      ignore_ownership: whether stage1 unpacks the image as some loaders do: it ignores owners, and the setuid, setgid and
        sticky bits.
      cmdline: list of further words for the kernel's command line; with a disk, only if `start = "kernel"`.
      architecture: "amd64" or "arm64", to build the image for another architecture than the build's target.
      **kwargs: attributes that every rule has.
    """
    check_arguments(
        "system_image_vm",
        name,
        kwargs,
        lists = {"cmdline": cmdline},
        numbers = {"cpus": cpus, "memory": memory},
        switches = {"ignore_ownership": ignore_ownership},
        others = _MACHINE,
    )
    common = attributes_of_parts(kwargs)
    machine = _make_machine(
        name,
        architecture,
        image,
        disk,
        firmware,
        start,
        kernel,
        stage1,
        common,
        bundle = bundle,
        cmdline = cmdline,
        cpus = cpus,
        memory = memory,
        ignore_ownership = ignore_ownership,
        virtiofsd = Label("//system_image/tools:virtiofsd"),
    )
    _vm(
        name = name,
        args = ["--vm", "$(rootpath {})".format(machine)],
        data = [machine],
        **kwargs
    )

def boot_test(
        *,
        name,
        image = None,
        expect = [],
        commands = [],
        eventually = {},
        status = None,
        ready_timeout = 0,
        disk = None,
        firmware = None,
        start = None,
        kernel = None,
        stage1 = None,
        bundle = None,
        memory = 1024,
        cpus = 2,
        ignore_ownership = False,
        cmdline = [],
        architecture = "",
        size = "medium",
        tags = [],
        **kwargs):
    """Proves that an image boots: the orchestrator says that it is ready, systemd is `running`, no unit has failed.

    It needs no root, no network and no hardware virtualisation. On failure it says why in one line, and shows the
    failed units, the ends of the journal and of the console.

    An orchestrator that keeps running passes as soon as it is ready and all that is expected holds; the machine is then
    switched off. `eventually` waits for what happens only later:

        boot_test(
            name = "server_test",
            eventually = {"curl --fail --silent http://localhost:8080/health": 30},
            image = ":server",
            ready_timeout = 60,
        )

    Args:
      name: name of the target.
      image: label of a `system_image`.
      expect: list of regular expressions; each must match a line of the console or of a command's output.
      commands: list of commands for the guest's shell, run as root once systemd is `running`; each has to succeed. The
        shell is the image's /bin/sh. In an image that has none it is busybox's, which comes with the machine; the
        image's own programs go before busybox's.
      eventually: dict from such a command to the seconds within which it has to succeed; until then it is tried again.
        The commands are run one after the other, before `commands`; the time of each begins with its first try.
      status: the status with which the orchestrator has to end; the machine then has to power off by itself. Without
        it, the orchestrator may keep running.
      ready_timeout: the seconds that the orchestrator may take from its start until it says that it is ready. Without
        it, that is the test's whole time.
      disk: as in `system_image_vm`, and so are the following.
      firmware: see there.
      start: see there.
      kernel: see there.
      stage1: see there.
      bundle: see there.
      memory: see there.
      cpus: see there.
      ignore_ownership: see there.
      cmdline: see there.
      architecture: see there.
      size: as every test has it. A boot that takes longer than its time is ended shortly before, and shown.
      tags: as every test has them. The tag `cpu:N` is added, so that Bazel reserves the machine's processors.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "boot_test",
        name,
        kwargs,
        dicts = {"eventually": eventually},
        lists = {"cmdline": cmdline, "commands": commands, "expect": expect, "tags": tags},
        numbers = {"cpus": cpus, "memory": memory, "ready_timeout": ready_timeout, "status": status},
        switches = {"ignore_ownership": ignore_ownership},
        others = _MACHINE,
    )
    common = attributes_of_parts(kwargs)
    machine = _make_machine(
        name,
        architecture,
        image,
        disk,
        firmware,
        start,
        kernel,
        stage1,
        dict(common, testonly = True),
        bundle = bundle,
        cmdline = cmdline,
        cpus = cpus,
        memory = memory,
        ignore_ownership = ignore_ownership,
        wanted = json.encode({
            "commands": commands,
            # A list, since the order counts.
            "eventually": [{"command": command, "seconds": seconds} for command, seconds in eventually.items()],
            "expect": expect,
            "ready_timeout": ready_timeout,
            "status": status,
        }),
    )
    _boot_test(
        name = name,
        size = size,
        args = ["--vm", "$(rootpath {})".format(machine)],
        data = [machine],
        tags = tags + ["cpu:{}".format(cpus)],
        **kwargs
    )
