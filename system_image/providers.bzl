"""What the rules tell each other, and rules of yours that build on them."""

load("//system_image/private:emit.bzl", _SystemImageInfo = "SystemImageInfo")
load("//system_image/private:packages.bzl", _DebianPackageInfo = "DebianPackageInfo", _DebianPackagesInfo = "DebianPackagesInfo")

DebianPackageInfo = _DebianPackageInfo
DebianPackagesInfo = _DebianPackagesInfo
SystemImageInfo = _SystemImageInfo
