"""Base images in registries, for --//system_image/settings:bases=pinned. `bazel run //system_image:pin` writes this file."""

PINS = {}
