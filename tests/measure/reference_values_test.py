"""Stage reference_values: a verifier that can not read its values turns every guest away, or none."""

import base64
import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.testing.programs import argv
from tools.sysimage.core.errors import ToolError
from tools.sysimage.measure import reference_values
from tools.sysimage.measure.reference_forms import FORMS

WITH, ALONE, MRTD, RTMR1, RTMR2 = (name * 96 for name in "12345")
KERNEL, SETUP, INITRD, IMAGE = (name * 64 for name in "6789")
CMDLINE = 'console=ttyS0 a="b c" back\\slash'
MEASURED: dict[str, Any] = {
    "format": "rules_system_image measurements 1",
    "inputs": {
        "kernel": {"size": 7, "sha256": "aa", "sha384": "bb"},
        "cmdline": {"text": CMDLINE, "sha256": "cc"},
    },
    "sev_snp": {
        "launch_digests": [
            {"kernel_hashes": False, "value": ALONE, "of": []},
            {"kernel_hashes": True, "value": WITH, "of": []},
            {"kernel_hashes": True, "value": WITH, "of": []},
        ]
    },
    "tdx": {
        "mrtd": {"value": MRTD, "of": []},
        "boots": {"direct": {"rtmr1": {"value": RTMR1}, "rtmr2": {"value": RTMR2}, "events": []}},
    },
    "tpm": {
        "boots": {
            "direct": {
                "pcrs": {
                    str(number): {"sha256": f"{number:064x}", "sha384": f"{number:096x}"}
                    for number in (4, 5, 7, 9, 11, 12)
                }
            }
        }
    },
    "oak": {
        "kernel_image": {"value": KERNEL},
        "kernel_setup_data": {"value": SETUP},
        "kernel_cmd_line": {"value": CMDLINE},
        "init_ram_fs": {"value": INITRD},
        "system_image": {"value": IMAGE},
    },
}


def _make(folder: Path, measured: dict[str, Any], *forms: str) -> list[bytes]:
    (folder / "measured.json").write_text(json.dumps(measured))
    words = [word for form in forms for word in ("--form", f"{form}={folder / form}")]
    assert reference_values.main(["--measurements", str(folder / "measured.json"), *words]) == 0
    return [(folder / form).read_bytes() for form in forms]


def _without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in MEASURED.items() if name not in names}


def _protoc(option: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    schema = Path(os.environ["SCHEMA"])
    command = [*argv(Path(os.environ["PROTOC"])), f"--proto_path={schema.parent}"]
    command += [f"--{option}=oak.attestation.v1.ReferenceValues", schema.name]
    return subprocess.run(command, input=data, capture_output=True, check=False)


def test_protoc_reads_oak_s_reference_values_and_finds_each_digest(tmp_path: Path) -> None:
    [text] = _make(tmp_path, MEASURED, "oak")
    encoded = _protoc("encode", text)
    assert encoded.returncode == 0, encoded.stderr
    for digest in (WITH, MRTD, KERNEL, SETUP, INITRD, IMAGE):
        assert bytes.fromhex(digest) in encoded.stdout
    assert CMDLINE.encode() in encoded.stdout
    assert bytes.fromhex(ALONE) not in encoded.stdout
    again = _protoc("encode", _protoc("decode", encoded.stdout).stdout)
    assert again.stdout == encoded.stdout


def test_protoc_refuses_a_field_that_is_not_oak_s() -> None:
    assert _protoc("encode", b"oak_containers { kernel_layer { cmdline: 'x' } }").returncode != 0


def test_oak_accepts_no_platform_version_and_no_debugging_unasked(tmp_path: Path) -> None:
    [text] = _make(tmp_path, MEASURED, "oak")
    fields = [line for line in text.decode().splitlines() if not line.startswith("#")]
    for name in ("minimum", "milan", "tee_tcb_svn", "allow_debug", "insecure"):
        assert not [line for line in fields if name in line]


def test_oak_s_form_of_measurements_without_its_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"no layers of Oak, .*leave it out of `forms`"):
        _make(tmp_path, _without("oak"), "oak")
    assert not (tmp_path / "oak").exists()


def test_trustee_s_sample_extractor_finds_the_names_of_its_default_policy(tmp_path: Path) -> None:
    [text] = _make(tmp_path, MEASURED, "trustee")
    message = json.loads(text)
    assert (message["version"], message["type"]) == ("0.1.0", "sample")
    assert json.loads(base64.b64decode(message["payload"], validate=True)) == {
        "snp_launch_measurement": [WITH],
        "mr_td": [MRTD],
        "rtmr_1": [RTMR1],
        "rtmr_2": [RTMR2],
        "tpm_pcr11": [f"{11:064x}"],
    }


def test_a_register_that_nothing_extends_is_no_reference_value(tmp_path: Path) -> None:
    zero = {"boots": {"direct": {"pcrs": {"11": {"sha256": "0" * 64, "sha384": "0" * 96}}}}}
    [text] = _make(tmp_path, _without("tpm", "tdx") | {"tpm": zero}, "trustee")
    assert list(json.loads(base64.b64decode(json.loads(text)["payload"]))) == ["snp_launch_measurement"]


def test_launches_without_hashes_count_where_there_are_no_others(tmp_path: Path) -> None:
    alone = {"launch_digests": [{"kernel_hashes": False, "value": ALONE}]}
    [text] = _make(tmp_path, _without("sev_snp") | {"sev_snp": alone}, "trustee")
    payload = json.loads(base64.b64decode(json.loads(text)["payload"]))
    assert payload["snp_launch_measurement"] == [ALONE]


def test_the_in_toto_statement_has_what_its_specification_requires(tmp_path: Path) -> None:
    [text] = _make(tmp_path, MEASURED, "in-toto")
    statement = json.loads(text)
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": "kernel", "digest": {"sha256": "aa", "sha384": "bb"}}]
    assert statement["predicate"]["cmdline"] == CMDLINE
    assert statement["predicate"]["tdx"]["mrtd"]["value"] == MRTD


class Cbor:
    """A reader of deterministic CBOR (RFC 8949), which refuses what is written longer than it has to be."""

    def __init__(self, data: bytes) -> None:
        self.stream = io.BytesIO(data)

    def read(self) -> Any:
        [first] = self.stream.read(1)
        major, number = first >> 5, first & 31
        if number >= 24:
            size = 1 << number - 24
            number = int.from_bytes(self.stream.read(size), "big")
            assert number >= (24 if size == 1 else 1 << 4 * size)
        if major == 0:
            return number
        if major in (2, 3):
            content = self.stream.read(number)
            assert len(content) == number
            return content if major == 2 else content.decode()
        if major == 4:
            return [self.read() for _ in range(number)]
        if major == 5:
            pairs = [(self.read(), self.read()) for _ in range(number)]
            assert [key for key, _ in pairs] == sorted({key for key, _ in pairs})
            return dict(pairs)
        assert major == 6
        return ("tag", number, self.read())


def _extracted(data: bytes) -> dict[str, list[tuple[int, str]]]:
    """What Trustee's CoRIM extractor finds: vendor/model/name/digests → digests."""
    reader = Cbor(data)
    tag, number, corim = reader.read()
    assert (tag, number, reader.stream.read()) == ("tag", 501, b"")
    assert isinstance(corim[0], str)
    found = {}
    for tag, number, content in corim[1]:
        assert (tag, number) == ("tag", 506)
        comid = Cbor(content).read()
        assert set(comid) == {1, 4}
        assert isinstance(comid[1][0], str)
        for environment, claims in comid[4][0]:
            for claim in claims:
                name = "/".join([environment[0][1], environment[0][2], claim[0], "digests"])
                found[name] = [(algorithm, value.hex()) for algorithm, value in claim[1][2]]
    return found


def test_a_corim_is_extracted_as_trustee_does(tmp_path: Path) -> None:
    [data] = _make(tmp_path, MEASURED, "corim")
    found = _extracted(data)
    base = "rules_system_image"
    assert found[f"{base}/sev-snp/launch-digest/digests"] == [(7, WITH)]
    assert found[f"{base}/tdx/mrtd/digests"] == [(7, MRTD)]
    assert found[f"{base}/tdx/rtmr1/digests"] == [(7, RTMR1)]
    assert found[f"{base}/tdx/rtmr2/digests"] == [(7, RTMR2)]
    assert found[f"{base}/tpm/pcr11/digests"] == [(1, f"{11:064x}"), (7, f"{11:096x}")]
    assert len(found) == 10


def test_a_corim_of_no_technology_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"corim: the measurements have no technology"):
        _make(tmp_path, _without("sev_snp", "tdx", "tpm"), "corim")


def test_the_bytes_are_the_same_twice_and_all_files_are_there_or_none(tmp_path: Path) -> None:
    assert _make(tmp_path, MEASURED, *FORMS) == _make(tmp_path, MEASURED, *FORMS)
    for form in FORMS:
        (tmp_path / form).unlink()
    with pytest.raises(ToolError, match=r"forms: sgx is not one of oak, trustee, in-toto, corim"):
        _make(tmp_path, MEASURED, "oak", "sgx")
    assert not (tmp_path / "oak").exists()
