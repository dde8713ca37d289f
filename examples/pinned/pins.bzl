"""Base images in registries, for --@rules_system_image//system_image/settings:bases=pinned. `bazel run //:pin` writes this file."""

PINS = {}
