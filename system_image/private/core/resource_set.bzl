"""What actions tell Bazel of the resources that they take: functions for `resource_set` of `ctx.actions.run`."""

def one_compressor_resource_set(_os, _inputs):
    """One processor, and a compressor of 95 MiB on it.

    Args:
      _os: the operating system.
      _inputs: the number of inputs.

    Returns:
      A dict for `resource_set`; memory in MiB.
    """
    return {"cpu": 1, "memory": 128}

def two_cpu_resource_set(_os, _inputs):
    """Two processors, and 95 MiB for a compressor on each: for actions that compress, unpack or compile.

    Args:
      _os: the operating system.
      _inputs: the number of inputs.

    Returns:
      A dict for `resource_set`; memory in MiB.
    """
    return {"cpu": 2, "memory": 300}
