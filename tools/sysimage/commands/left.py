"""What is left for the guest: kinds of work that an image must not, or need not, have done at build time."""

from collections.abc import Mapping

LEFT: Mapping[str, str] = {
    "keys": "keys and secrets are the machine's own: in an image, all guests would share them",
    "secrets": "random numbers are placeholders, the same in all images: draw secrets of them in the guest",
    "database": "a database's files are made where they are used, with that machine's keys and sizes",
    "initramfs": "an initramfs is an image of its own, which the rule stage1 makes",
    "boot loader": "the image is started by a loader that measures it, not by one of its own",
    "byte code": "Python compiles what it imports; byte code holds times of files, and saves time alone",
    "cache": "a cache that saves time alone, and that its program does without or makes anew",
    "compiled data": "compiled from what packages ship by their own programs, which run in the guest",
    "machine": "what depends on the machine that runs the image is found out there",
    "questions": "nobody answers a config script in Perl; its questions keep the answers that they come with",
    "service": "no service runs while an image is built; those that are enabled start in the guest",
    "kernel modules": "dkms builds modules for a kernel that runs; kernel_module builds them for the image's",
    "kernel": "settings of a running kernel are the guest's",
}
"""By name, why it is left. What a build left is printed in a line a kind."""
