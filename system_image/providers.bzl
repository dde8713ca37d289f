"""What the rules tell each other, and rules of yours that build on them."""

load("//system_image/private/image:compress.bzl", _CompressedBaseInfo = "CompressedBaseInfo")
load("//system_image/private/image:emit.bzl", _SystemImageInfo = "SystemImageInfo")
load("//system_image/private/kernel:kernel.bzl", _KernelInfo = "KernelInfo")
load("//system_image/private/lock:packages.bzl", _DebianPackageInfo = "DebianPackageInfo", _DebianPackagesInfo = "DebianPackagesInfo")
load("//system_image/private/toolchain:program.bzl", _LockedProgramInfo = "LockedProgramInfo")
load("//system_image/private/rootfs:rootfs.bzl", _RootfsInfo = "RootfsInfo")
load("//system_image/private/toolchain:sysroot.bzl", _SysrootInfo = "SysrootInfo")

DebianPackageInfo = _DebianPackageInfo
DebianPackagesInfo = _DebianPackagesInfo
LockedProgramInfo = _LockedProgramInfo
RootfsInfo = _RootfsInfo
CompressedBaseInfo = _CompressedBaseInfo
SystemImageInfo = _SystemImageInfo
SysrootInfo = _SysrootInfo
KernelInfo = _KernelInfo
