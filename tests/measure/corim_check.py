#!/usr/bin/env python3
"""Asks a validator of CDDL whether a CoRIM is one, by the grammar of its draft.

    tests/measure/corim_check.py CORIM CDDL

CORIM is what `reference_values` makes, NAME.corim.cbor; CDDL the folder cddl of a checkout of
ietf-rats-wg/draft-ietf-rats-corim. The validator is PyPI's cddl-verifier, which has to be installed for the Python that
runs this. It has to refuse the CoRIM after each of a few changes, too.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The draft takes this from draft-ietf-rats-eat-measured-component.
_DIGEST = "digest = [alg: (int / text), val: bytes]\n"

# What is changed → bytes of CBOR, and what stands for them then.
_CHANGES = {
    "another tag around the whole": (b"\xd9\x01\xf5", b"\xd9\x01\xf6"),
    "another tag around the CoMID": (b"\xd9\x01\xfa", b"\xd9\x01\xfb"),
    "no name of the CoRIM": (b"\xa2\x00\x72", b"\xa2\x09\x72"),
    "no identity of the CoMID": (b"\xa2\x01\xa1\x00\x70", b"\xa2\x09\xa1\x00\x70"),
    "a digest that is text": (b"\x82\x07\x58\x30", b"\x82\x07\x78\x30"),
    "an algorithm that is a simple value": (b"\x82\x07\x58", b"\x82\xf6\x58"),
    "a measurement without a value": (b"\x01\xa1\x02", b"\x05\xa1\x02"),
}


def main(arguments: list[str]) -> int:
    """Prints what the validator says; returns 1 if it refuses the CoRIM, or takes a changed one."""
    corim, grammar = Path(arguments[0]).read_bytes(), Path(arguments[1])
    with tempfile.TemporaryDirectory() as folder:
        schema = write_schema(grammar, Path(folder))
        refused = verify(schema, corim)
        print(f"{arguments[0]}: {refused or 'is a CoRIM'}")
        taken = []
        for what, (old, new) in _CHANGES.items():
            assert old in corim, what
            if not verify(schema, corim.replace(old, new, 1)):
                taken.append(what)
        print(f"{len(_CHANGES) - len(taken)} of {len(_CHANGES)} changes are refused", *taken)
    return 1 if refused or taken else 0


def write_schema(grammar: Path, folder: Path) -> Path:
    """The grammar in one file: the draft's fragments, in the order of its makefile."""
    fragments = re.findall(
        r"^(?:CORIM|COMID)_FRAGS [:+]= (\S+\.cddl)", (grammar / "corim-frags.mk").read_text("utf-8"), re.M
    )
    text = "\n".join((grammar / name).read_text("utf-8") for name in dict.fromkeys(fragments))
    (folder / "corim.cddl").write_text(text, "utf-8")
    (folder / "measured-component.cddl").write_text(_DIGEST, "utf-8")
    return folder / "corim.cddl"


def verify(schema: Path, corim: bytes) -> str:
    """Why the validator refuses it; nothing if it does not."""
    file = schema.with_name("corim.cbor")
    file.write_bytes(corim)
    options = ["--type", "tagged-unsigned-corim-map", "--strict-modules", "--require-deterministic"]
    done = subprocess.run(
        [sys.executable, "-m", "cddl_verifier", *options, "--output", "/dev/null", schema, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return (done.stderr.strip().splitlines() or ["it says nothing"])[-1] if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
