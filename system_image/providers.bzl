"""What the rules tell each other, and rules of yours that build on them."""

load("//system_image/private:compress.bzl", _CompressedBaseInfo = "CompressedBaseInfo")
load("//system_image/private:emit.bzl", _SystemImageInfo = "SystemImageInfo")
load("//system_image/private:kernel.bzl", _KernelInfo = "KernelInfo")
load("//system_image/private:packages.bzl", _DebianPackageInfo = "DebianPackageInfo", _DebianPackagesInfo = "DebianPackagesInfo")
load("//system_image/private:program.bzl", _LockedProgramInfo = "LockedProgramInfo")
load("//system_image/private:rootfs.bzl", _RootfsInfo = "RootfsInfo")
load("//system_image/private:sysroot.bzl", _SysrootInfo = "SysrootInfo")

DebianPackageInfo = _DebianPackageInfo
DebianPackagesInfo = _DebianPackagesInfo
LockedProgramInfo = _LockedProgramInfo
RootfsInfo = _RootfsInfo
CompressedBaseInfo = _CompressedBaseInfo
SystemImageInfo = _SystemImageInfo
SysrootInfo = _SysrootInfo
KernelInfo = _KernelInfo
