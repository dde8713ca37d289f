"""The architectures of guests and hosts: every fact in which they differ, in one table.

The table of the tools is tools/sysimage/core/architecture.py.
"""

# By Debian's name, which is OCI's too.
ARCHITECTURES = {
    "amd64": struct(
        bazel_cpu = "k8",
        constraint = Label("@platforms//cpu:x86_64"),
        cpu = "x86_64",
        loader = "ld-linux-x86-64.so.2",
        triplet = "x86_64-linux-gnu",
    ),
    "arm64": struct(
        bazel_cpu = "aarch64",
        constraint = Label("@platforms//cpu:aarch64"),
        cpu = "aarch64",
        loader = "ld-linux-aarch64.so.1",
        triplet = "aarch64-linux-gnu",
    ),
}

# What a rule that calls `target_architecture` has among its attributes.
ARCHITECTURE_ATTRS = {
    "_" + name: attr.label(default = facts.constraint)
    for name, facts in ARCHITECTURES.items()
}

def target_architecture(ctx):
    """The architecture that a target is configured for.

    Args:
      ctx: the context of a rule with ARCHITECTURE_ATTRS.

    Returns:
      A string, a key of ARCHITECTURES.
    """
    for name in ARCHITECTURES:
        if ctx.target_platform_has_constraint(getattr(ctx.attr, "_" + name)[platform_common.ConstraintValueInfo]):
            return name
    fail("{}: the target platform is none of {}; give one with --platforms".format(
        ctx.label,
        ", ".join([facts.cpu for facts in ARCHITECTURES.values()]),
    ))

def by_architecture(pattern):
    """What differs by the architecture of the target platform.

    Args:
      pattern: string in which `{name}` and `{cpu}` stand for the architecture's; `{other}` and `{other_cpu}` for the one
        that it is not, for which a host of this architecture cross-compiles.

    Returns:
      A `select`.
    """
    names = ARCHITECTURES.keys()
    return select({
        ARCHITECTURES[name].constraint: pattern.format(
            cpu = ARCHITECTURES[name].cpu,
            name = name,
            other = other,
            other_cpu = ARCHITECTURES[other].cpu,
        )
        for name, other in zip(names, reversed(names))
    })
