"""What the stages that build on a flat image have in common."""

FLAT_BASE = attr.label(
    doc = "The flat base, from `flatten`.",
    mandatory = True,
    allow_single_file = [".tar"],
)
