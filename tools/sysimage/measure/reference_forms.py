"""Measurements as verifiers read them: each form is a function of what the stage measurements has written.

Under SEV-SNP, a launch without the kernel's hashes says nothing of the kernel. So where there are launches
with them, no form has one without.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.sysimage.core.errors import ToolError

type Measurements = Mapping[str, Any]

_SHA256, _SHA384 = 1, 7  # IANA, "Named Information Hash Algorithm Registry"
_VENDOR = "rules_system_image"

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "system-image:reference-values/v1"
"""The type of the in-toto predicate. There is none of in-toto's for reference values."""


def launch_digests(measured: Measurements) -> list[str]:
    """The launch digests of SEV-SNP to expect, each once."""
    found = measured.get("sev_snp", {}).get("launch_digests", ())
    with_kernel = any(one["kernel_hashes"] for one in found)
    return list(dict.fromkeys(one["value"] for one in found if one["kernel_hashes"] is with_kernel))


def _boots(measured: Measurements, technology: str) -> Iterator[Mapping[str, Any]]:
    yield from measured.get(technology, {}).get("boots", {}).values()


def _rtmr(measured: Measurements, number: int) -> list[str]:
    return list(dict.fromkeys(boot[f"rtmr{number}"]["value"] for boot in _boots(measured, "tdx")))


def _pcr(measured: Measurements, number: int, bank: str) -> list[str]:
    return list(dict.fromkeys(boot["pcrs"][str(number)][bank] for boot in _boots(measured, "tpm")))


def oak(measured: Measurements) -> bytes:
    """ReferenceValues of Oak, as textproto (project-oak/oak, proto/attestation/reference_value.proto).

    What the image does not determine is skipped where it depends on the machine, and left out where it is a
    decision of who verifies; what is left out fails there. Raises ToolError if Oak's layers were not
    measured.
    """
    layers = measured.get("oak")
    if not layers:
        raise ToolError(
            "oak: the measurements have no layers of Oak, as those of a disk or a UKI; "
            "leave it out of `forms`, or give `measurements` a kernel and oak = True"
        )
    lines = [
        "# proto-file: proto/attestation/reference_value.proto",
        "# proto-message: oak.attestation.v1.ReferenceValues",
        "# Add the versions of the platform that you accept: milan, genoa, turin, tee_tcb_svn.",
    ]
    root: dict[str, Any] = {}
    if digests := launch_digests(measured):
        root["amd_sev"] = {"stage0": _oak_digests("sha2_384", *digests)}
    if "tdx" in measured:
        root["intel_tdx"] = {"stage0": _oak_digests("sha2_384", measured["tdx"]["mrtd"]["value"])}
    kernel = {
        "image": _oak_digests("sha2_256", layers["kernel_image"]["value"])["digests"],
        "setup_data": _oak_digests("sha2_256", layers["kernel_setup_data"]["value"])["digests"],
    }
    skip: dict[str, Any] = {"skip": {}}
    initramfs = layers.get("init_ram_fs")
    image = layers.get("system_image")
    layer = {
        "kernel": {"digests": kernel},
        "kernel_cmd_line_text": {"string_literals": {"value": layers["kernel_cmd_line"]["value"]}},
        "init_ram_fs": _oak_digests("sha2_256", initramfs["value"]) if initramfs else skip,
        "memory_map": skip,
        "acpi": skip,
    }
    system = {"system_image": _oak_digests("sha2_256", image["value"]) if image else skip}
    container = {"binary": skip, "configuration": skip}
    message = {
        "oak_containers": {
            "root_layer": root,
            "kernel_layer": layer,
            "system_layer": system,
            "container_layer": container,
        }
    }
    return "\n".join([*lines, *_textproto(message, ""), ""]).encode()


def _oak_digests(algorithm: str, *digests: str) -> dict[str, Any]:
    return {"digests": {"digests": [{algorithm: bytes.fromhex(digest)} for digest in digests]}}


def _textproto(message: Mapping[str, Any], indent: str) -> Iterator[str]:
    """A message in the text format of protocol buffers ("Text Format Language Specification")."""
    for name, value in message.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                yield f"{indent}{name} {{"
                yield from _textproto(item, indent + "  ")
                yield f"{indent}}}"
            elif isinstance(item, bytes):
                yield f'{indent}{name}: "{"".join(f"\\x{byte:02x}" for byte in item)}"'
            else:
                escaped = str(item).replace("\\", "\\\\").replace('"', '\\"')
                yield f'{indent}{name}: "{escaped}"'


def trustee(measured: Measurements) -> bytes:
    """A message for Trustee's RVPS, of its type `sample`, with the names that its default policy asks for.

    confidential-containers/trustee: rvps/src/extractors/sample, attestation-service/src/ear_token.
    """
    pcr11 = _pcr(measured, 11, "sha256")
    values = {
        "snp_launch_measurement": launch_digests(measured),
        "mr_td": [measured["tdx"]["mrtd"]["value"]] if "tdx" in measured else [],
        "rtmr_1": _rtmr(measured, 1),
        "rtmr_2": _rtmr(measured, 2),
        # Zero where no stub of systemd's measures: nothing to recognize an image by.
        "tpm_pcr11": [value for value in pcr11 if value.strip("0")],
    }
    payload = json.dumps({name: found for name, found in values.items() if found}, sort_keys=True)
    message = {"version": "0.1.0", "type": "sample", "payload": base64.b64encode(payload.encode()).decode()}
    return (json.dumps(message, indent=1) + "\n").encode()


def in_toto(measured: Measurements) -> bytes:
    """An unsigned statement of in-toto (in-toto/attestation, spec/v1/statement.md).

    Its subjects are the files that were measured, its predicate the measurements themselves.
    """
    subjects = [
        {"name": name, "digest": {bank: facts[bank] for bank in ("sha256", "sha384") if bank in facts}}
        for name, facts in measured["inputs"].items()
        if "size" in facts
    ]
    predicate = {name: value for name, value in measured.items() if name not in ("inputs", "format")}
    if "cmdline" in measured["inputs"]:
        predicate["cmdline"] = measured["inputs"]["cmdline"]["text"]
    statement = {"_type": STATEMENT, "subject": subjects, "predicateType": PREDICATE, "predicate": predicate}
    return (json.dumps(statement, indent=1) + "\n").encode()


def corim(measured: Measurements) -> bytes:
    """An unsigned CoRIM with one CoMID (draft-ietf-rats-corim: sections 4 and 5), in deterministic CBOR.

    An environment is a technology; its measurements are named by strings.
    """
    environments = {
        "sev-snp": {"launch-digest": [(_SHA384, value) for value in launch_digests(measured)]},
        "tdx": {
            "mrtd": [(_SHA384, measured["tdx"]["mrtd"]["value"])] if "tdx" in measured else [],
            "rtmr1": [(_SHA384, value) for value in _rtmr(measured, 1)],
            "rtmr2": [(_SHA384, value) for value in _rtmr(measured, 2)],
        },
        "tpm": {
            f"pcr{number}": [
                (algorithm, value)
                for bank, algorithm in (("sha256", _SHA256), ("sha384", _SHA384))
                for value in _pcr(measured, number, bank)
            ]
            for number in (4, 5, 7, 9, 11, 12)
        },
    }
    triples = [
        [
            {0: {1: _VENDOR, 2: model}},
            [
                {0: name, 1: {2: [[algorithm, bytes.fromhex(value)] for algorithm, value in digests]}}
                for name, digests in found.items()
                if digests
            ],
        ]
        for model, found in environments.items()
        if any(found.values())
    ]
    if not triples:
        raise ToolError("corim: the measurements have no technology; give `measurements` a firmware")
    comid = {1: {0: "reference-values"}, 4: {0: triples}}
    return _cbor(_Tagged(501, {0: _VENDOR, 1: [_Tagged(506, _cbor(comid))]}))


@dataclass(frozen=True, slots=True)
class _Tagged:
    """A value with a tag of CBOR."""

    tag: int
    content: Any


def _cbor(value: Any) -> bytes:
    """RFC 8949, section 4.2.1: lengths are definite and as short as can be, keys ascend."""
    if isinstance(value, _Tagged):
        return _head(6, value.tag) + _cbor(value.content)
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, Mapping):
        return _head(5, len(value)) + b"".join(_cbor(key) + _cbor(value[key]) for key in sorted(value))
    items: Sequence[Any] = value
    return _head(4, len(items)) + b"".join(map(_cbor, items))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + number.to_bytes(size, "big")


FORMS = {"oak": oak, "trustee": trustee, "in-toto": in_toto, "corim": corim}
"""Name of a form → what makes it."""
