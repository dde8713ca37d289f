"""KernelInfo: a kernel."""

KernelInfo = provider(
    doc = "A kernel.",
    fields = {
        "architecture": "string: `amd64` or `arm64`.",
        "image": "File: what a boot loader starts.",
        "modules": "File: a folder with usr/lib/modules/RELEASE, modules.dep and its like among it.",
    },
)
