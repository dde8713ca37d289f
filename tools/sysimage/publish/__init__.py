"""Phase publish: images in registries, and the pins of those that are there."""
