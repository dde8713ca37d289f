"""The macros for images with NVIDIA GPUs: a root filesystem with the driver, a system image with an attestation."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/image:system_image.bzl", "SYSTEM_IMAGE_ARGUMENTS", "system_image")
load("//system_image/private/kernel:kernel_module.bzl", "kernel_module")
load("//system_image/private/rootfs:rootfs.bzl", "rootfs")

_ATTESTATION = "usr/libexec/nvidia-attestation"
_UNITS = "etc/systemd/system/"
_FILES = [
    "etc/modprobe.d/10-nvidia.conf",
    "etc/modules-load.d/nvidia.conf",
    _UNITS + "nvidia-cdi.service",
    _UNITS + "nvidia-confidential.service",
    _UNITS + "nvidia-devices.service",
    _UNITS + "nvidia-persistenced.service.d/10-guest.conf",
    _UNITS + "orchestrator.service.d/10-nvidia.conf",
    _ATTESTATION,
    "usr/libexec/nvidia-cdi",
    "usr/libexec/nvidia-confidential",
    "usr/libexec/nvidia-devices",
]

# By the family of GPUs whose own processor runs it.
_FIRMWARE = {
    "ga10x": "usr/lib/firmware/nvidia/*/gsp_ga10x.bin",  # Ampere's GA10x, Ada, and Hopper: H100, H200
    "tu10x": "usr/lib/firmware/nvidia/*/gsp_tu10x.bin",  # Turing, and GA100: A100
}

# Modules of the kernel of which the driver's encrypted channel to a GPU in confidential mode is made.
NVIDIA_CRYPTO = [
    "aesni-intel",
    "crypto_simd",
    "cryptd",
    "ecdh_generic",
    "ecdsa_generic",
    "gcm",
    "ghash-generic",
]

def nvidia_modules(
        *,
        name,
        modules = ["nvidia", "nvidia-uvm"],
        packages = Label("@debian//:nvidia_source"),
        patches = [],
        kernel_headers = Label("@debian//:kernel_headers"),
        **kwargs):
    """Builds the driver's open kernel modules: `kernel_module`, for the source that Debian packages.

    Args:
      name: name of the target. The layer with the modules is `NAME_layer`.
      modules: list of names of modules. nvidia-modeset and nvidia-drm need a kernel with DRM.
      packages: label of the package set with the source, of the version of the libraries.
      patches: list of labels of patches beyond those that this module's kernel needs.
      kernel_headers: label of the package set with the kernel and its headers.
      **kwargs: further arguments of `kernel_module`.
    """
    kernel_module(
        name = name,
        firmware = ["nvidia/*/gsp_{}.bin".format(family) for family in _FIRMWARE],
        folder = "usr/src/nvidia-current-open-*",
        kernel_headers = kernel_headers,
        licenses = ["Dual MIT/GPL"],
        make_variables = {
            # As the source's own Makefile has them.
            "ARCH": "x86_64",
            "NV_KERNEL_MODULES": " ".join(modules),
            "NV_KERNEL_OUTPUT": "$(CURDIR)",
            "NV_KERNEL_SOURCES": "$(srctree)",
            "NV_SPECTRE_V2": "0",
        },
        modules = modules,
        packages = packages,
        patches = [
            Label("//system_image/nvidia:patches/not-the-host.patch"),
            Label("//system_image/nvidia:patches/pci-resize-resource.patch"),
        ] + patches,
        with_modules = NVIDIA_CRYPTO,
        **kwargs
    )

def nvidia_rootfs(
        *,
        name,
        nvvm = False,
        firmware_families = ["ga10x"],
        base = Label("//system_image:rootfs_vanilla"),
        packages = None,
        exclude = [],
        files = {},
        modes = {},
        enable = [],
        **kwargs):
    """Makes a root filesystem with what programs of CUDA need, as a layer over another one.

    The kernel modules and the specification for containers are layers of their own.

    Args:
      name: name of the target.
      nvvm: whether libnvidia-nvvm is in it: 87 MB, for programs that compile NVVM code when they run.
      firmware_families: list of families of GPUs whose firmware is in it: "ga10x" is for H100 and H200 too, "tu10x" for A100 too.
      base: label of the `rootfs` that it extends, whose packages are in `packages`.
      packages: label of a package set, if not this module's.
      exclude: as in `rootfs`.
      files: as in `rootfs`.
      modes: as in `rootfs`.
      enable: as in `rootfs`.
      **kwargs: further attributes of `rootfs`.
    """
    for family in firmware_families:
        if family not in _FIRMWARE:
            fail("firmware_families: there is none for {}, only for {}".format(repr(family), ", ".join(_FIRMWARE)))
    rootfs(
        name = name,
        base = base,
        enable = enable + [
            "nvidia-cdi.service",
            "nvidia-confidential.service",
            "nvidia-devices.service",
        ],
        exclude = exclude + [
            "usr/lib/nvidia/current/*.1.gz",  # manual pages
        ] + [path for family, path in _FIRMWARE.items() if family not in firmware_families],
        files = {path: Label("//system_image/nvidia:files/" + path) for path in _FILES} | files,
        modes = {path: "0755" for path in _FILES if path.startswith("usr/libexec/")} | modes,
        packages = packages or Label("@debian//:nvidia_nvvm" if nvvm else "@debian//:nvidia"),
        **kwargs
    )

def nvidia_system_image(*, name, base = Label("//system_image:base_nvidia"), attestation = None, binaries = {}, replace = [], slots = 96, **kwargs):
    """Makes a system image for a machine with GPUs: `system_image`, with an attestation of the GPU.

    A GPU in confidential mode takes no work until it is told that it is trusted. At boot, once the driver is there,
    the attestation is started, as root and without arguments; if it ends with status 0, the GPU is set ready. Without
    an attestation, a GPU in confidential mode stays closed, and the unit nvidia-confidential says so.

    Args:
      name: name of the target.
      base: label of an OCI image with the driver.
      attestation: label of a program that ends with status 0 if the GPU can be trusted. It is built for the guest.
      binaries: as in `system_image`.
      replace: as in `system_image`.
      slots: as in `system_image`, where fewer are enough.
      **kwargs: further arguments of `system_image`.
    """
    check_arguments(
        "nvidia_system_image",
        name,
        kwargs,
        mandatory = {"orchestrator": kwargs.get("orchestrator", MANDATORY)},
        dicts = {"binaries": binaries},
        lists = {"replace": replace},
        others = SYSTEM_IMAGE_ARGUMENTS + ["attestation"],
    )
    own = {_ATTESTATION: attestation} if attestation else {}
    system_image(
        name = name,
        base = base,
        binaries = binaries | own,
        replace = replace + own.keys(),
        slots = slots,
        **kwargs
    )
