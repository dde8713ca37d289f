"""The providers that the rules pass to each other, and to rules of your own that build on them."""

load("//system_image/providers:compressed_base_info.bzl", _CompressedBaseInfo = "CompressedBaseInfo")
load("//system_image/providers:cut_base_info.bzl", _CutBaseInfo = "CutBaseInfo")
load("//system_image/providers:debian_package_info.bzl", _DebianPackageInfo = "DebianPackageInfo")
load("//system_image/providers:debian_packages_info.bzl", _DebianPackagesInfo = "DebianPackagesInfo")
load("//system_image/providers:disk_info.bzl", _DiskInfo = "DiskInfo")
load("//system_image/providers:firmware_info.bzl", _FirmwareInfo = "FirmwareInfo")
load("//system_image/providers:kernel_info.bzl", _KernelInfo = "KernelInfo")
load("//system_image/providers:locked_program_info.bzl", _LockedProgramInfo = "LockedProgramInfo")
load("//system_image/providers:measurements_info.bzl", _MeasurementsInfo = "MeasurementsInfo")
load("//system_image/providers:rootfs_info.bzl", _RootfsInfo = "RootfsInfo")
load("//system_image/providers:sysroot_info.bzl", _SysrootInfo = "SysrootInfo")
load("//system_image/providers:system_image_info.bzl", _SystemImageInfo = "SystemImageInfo")
load("//system_image/providers:verity_info.bzl", _VerityInfo = "VerityInfo")

DebianPackageInfo = _DebianPackageInfo
DebianPackagesInfo = _DebianPackagesInfo
LockedProgramInfo = _LockedProgramInfo
RootfsInfo = _RootfsInfo
CompressedBaseInfo = _CompressedBaseInfo
CutBaseInfo = _CutBaseInfo
SystemImageInfo = _SystemImageInfo
SysrootInfo = _SysrootInfo
KernelInfo = _KernelInfo
FirmwareInfo = _FirmwareInfo
MeasurementsInfo = _MeasurementsInfo
VerityInfo = _VerityInfo
DiskInfo = _DiskInfo
