"""The test that an image is as a policy wants it."""

load("//system_image/private/core:arguments.bzl", "MANDATORY", "check_arguments")
load("//system_image/private/core:exec_program.bzl", "exec_program")
load(":image_facts.bzl", "facts_of")

_policy_test = exec_program(
    Label("//tools/sysimage/evidence:policy"),
    doc = "See the macro `image_policy_test`.",
    test = True,
)

def image_policy_test(*, name, image = MANDATORY, policy = MANDATORY, size = "small", **kwargs):
    """Proves that an image keeps a policy, which is a reviewed TOML file.

    Each line of the policy is a rule; what no rule names is not checked. A message names the path, its package or
    target, and the line of the policy. The rules are, by section:

    - `[size]`: `max_mib`, `max_compressed_mib`, `max_entries`.
    - `[files]`: `setuid`, `capabilities`, `world_writable`: the paths that may have them, patterns among them. A folder
      with the sticky bit is not world-writable. `[files.forbidden]`: pattern = reason.
    - `[programs]`: `shells`, `package_managers`: false if none may be there.
    - `[units]`: `enabled`: those that may be. `listen`: addresses that sockets may listen to, where another machine could
      reach them, such as "22".
    - `[users]`: `allowed`: those that may be there. `passwords`: those that may have one.
    - `[packages.forbidden]`: pattern of names = reason.
    - `[licences]`: `allowed`: SPDX identifiers; "NOASSERTION" for packages that declare none in machine-readable form.

    Args:
      name: name of the target.
      image: label of the `system_image`.
      policy: label of the policy.
      size: as every test has it.
      **kwargs: attributes that every test has.
    """
    check_arguments(
        "image_policy_test",
        name,
        kwargs,
        mandatory = {"image": image, "policy": policy},
    )
    facts = str(facts_of(image))
    _policy_test(
        name = name,
        size = size,
        args = ["--facts", "$(rootpath {})".format(facts), "--policy", "$(rootpath {})".format(policy)],
        data = [facts, policy],
        **kwargs
    )
