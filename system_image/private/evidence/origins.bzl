"""Who put what into an image: collected along its targets, from the image down to package sets."""

load("//system_image/providers:image_origins_info.bzl", "ImageOriginsInfo")
load("//system_image/providers:rootfs_info.bzl", "RootfsInfo")

# Of flatten and of rootfs, of an oci_image, of emit, of an oci_image_index, of what lays files into an image.
_ATTRIBUTES = ["base", "image", "images", "overlay", "srcs", "tars"]

# Rules of which each makes one tar of the pipeline.
_STAGES = ["_inject", "_rootfs", "cdi", "flatten", "module_layer"]

def _origins_impl(target, ctx):
    bases = []
    effects = []
    labels = {}
    layers = []
    packages = {}
    stages = {}
    for name in _ATTRIBUTES:
        # A path that two of them lay is the one's that comes last.
        for below in _targets(getattr(ctx.rule.attr, name, None)):
            if ImageOriginsInfo in below:
                origins = below[ImageOriginsInfo]
                bases += [base for base in origins.bases if base not in bases]
                effects += [file for file in origins.effects if file not in effects]
                labels.update(origins.labels)
                layers += [layer for layer in origins.layers if layer not in layers]
                packages.update(origins.packages)
                stages.update(origins.stages)
    srcs = getattr(ctx.rule.attr, "srcs", None)
    if type(srcs) == "dict":
        for source, paths in srcs.items():
            label = source.label
            if ImageOriginsInfo in source and source[ImageOriginsInfo].program:
                label = source[ImageOriginsInfo].program
            labels.update({path: _shown(label) for path in json.decode(paths)})
            files = source[DefaultInfo].files.to_list()
            if len(files) == 1 and not files[0].is_directory:
                stages[_shown(label)] = files[0]
    for layer in _targets(getattr(ctx.rule.attr, "tars", None)):
        files = layer[DefaultInfo].files.to_list()
        if RootfsInfo not in layer and len(files) == 1 and files[0].extension == "tar":
            layers.append(struct(label = _shown(layer.label), tar = files[0]))
            stages[_shown(layer.label)] = files[0]
    if ctx.rule.kind == "flatten":
        layout = ctx.rule.attr.image[DefaultInfo].files.to_list()[0]
        bases.append(struct(label = _shown(ctx.rule.attr.image.label), layout = layout))
    if RootfsInfo in target:
        own = target[RootfsInfo].packages
        packages[own.set] = own
        effects += target[OutputGroupInfo].effects.to_list()
    outputs = target[DefaultInfo].files.to_list()
    if ctx.rule.kind in _STAGES and len(outputs) == 1:
        stages[_shown(target.label)] = outputs[0]
    program = getattr(ctx.rule.attr, "program", None) if ctx.rule.kind == "guest_program" else None
    return [ImageOriginsInfo(
        bases = bases,
        effects = effects,
        labels = labels,
        layers = layers,
        packages = packages,
        program = program[0].label if program else None,
        stages = stages,
    )]

def _targets(value):
    if type(value) == "Target":
        return [value]
    if type(value) == "list":
        return [item for item in value if type(item) == "Target"]
    return value.keys() if type(value) == "dict" else []

def _shown(label):
    return str(label).removeprefix("@@") if str(label).startswith("@@//") else str(label)

origins_aspect = aspect(
    implementation = _origins_impl,
    doc = "Collects ImageOriginsInfo.",
    attr_aspects = _ATTRIBUTES,
    provides = [ImageOriginsInfo],
)

def sets_of(origins):
    """The package sets of an image, without those that another of them has whole.

    Args:
      origins: an ImageOriginsInfo.

    Returns:
      A list of DebianPackagesInfo.
    """
    sets = []
    for info in origins.packages.values():
        names = {package.package: True for package in info.packages}
        sets.append((len(names), info, names))
    found = []
    seen = {}
    for _, info, names in reversed(sorted(sets, key = lambda item: item[0])):
        if [name for name in names if name not in seen]:
            found.append(info)
            seen.update(names)
    return found
