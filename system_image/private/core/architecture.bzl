"""The architecture of the target platform, by Debian's name."""

_ARCHITECTURES = {"amd64": "@platforms//cpu:x86_64", "arm64": "@platforms//cpu:aarch64"}

# What a rule that calls `target_architecture` has among its attributes.
ARCHITECTURE_ATTRS = {
    "_" + name: attr.label(default = constraint)
    for name, constraint in _ARCHITECTURES.items()
}

def target_architecture(ctx):
    """The architecture that a target is configured for.

    Args:
      ctx: the context of a rule with ARCHITECTURE_ATTRS.

    Returns:
      A string, `amd64` or `arm64`.
    """
    for name in _ARCHITECTURES:
        if ctx.target_platform_has_constraint(getattr(ctx.attr, "_" + name)[platform_common.ConstraintValueInfo]):
            return name
    fail("{}: the target platform is neither x86_64 nor aarch64; give one with --platforms".format(ctx.label))
