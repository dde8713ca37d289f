"""Mutates inputs of all readers: each gives success or a ToolError, within 10 seconds and 256 MiB.

    tools/bazel run //tests/fuzz -- --count 500000

An input for which that does not hold is kept in a folder; move it to tests/fuzz/kept/READER.NAME, with what
mends it, so that fuzz_test tries it from then on.
"""

import argparse
import hashlib
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.fuzz.mutate import mutate
from tests.fuzz.readers import READERS
from tests.testing.progress import told
from tools.sysimage.core.errors import ToolError

SECONDS, BYTES = 10, 256 << 20


class TimeIsUpError(BaseException):
    """An input took longer than it may. No ordinary exception, so that no reader takes it for one."""


def main(argv: Sequence[str]) -> int:
    """Tries inputs; returns 1 if any is read in a way that it must not be."""
    parser = argparse.ArgumentParser(
        prog="fuzz", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="inputs, of all readers together")
    parser.add_argument("--seed", type=int, default=0, help="of chance; the same gives the same inputs")
    parser.add_argument("--reader", action="append", choices=sorted(READERS), help="only this one")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()), help="where failures go")
    options = parser.parse_args(argv)
    names = options.reader or sorted(READERS)
    found = 0
    with limits():
        for name in names:
            start = time.monotonic()
            count = -(-options.count // len(names))
            failures = dict[str, bytes]()
            refused = 0
            for number in told(range(count), count, name):
                data = made(name, options.seed, number)
                problem = attempt(name, data)
                refused += problem == "refused"
                if problem and problem != "refused":
                    failures.setdefault(problem, data)
            for problem, data in failures.items():
                path = options.keep / f"{name}.{hashlib.sha256(data).hexdigest()[:12]}"
                path.write_bytes(data)
                print(f"{name}: {problem}: {path}")
            found += len(failures)
            print(f"{name}: {count} inputs, {refused} refused, {time.monotonic() - start:.0f} s", flush=True)
    return 1 if found else 0


def made(name: str, seed: int, number: int) -> bytes:
    """The mutated input of this number."""
    chance = random.Random(f"{name} {seed} {number}")
    seeds = READERS[name].seeds
    return mutate(chance.choice(seeds), seeds, chance)


@contextmanager
def limits() -> Iterator[None]:
    """Limits memory within the context, beyond what is taken already."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def attempt(name: str, data: bytes) -> str:
    """ "" if the reader takes the input, "refused" if it refuses it, else what happened and where."""
    before = signal.signal(signal.SIGALRM, _alarm)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("error")
            READERS[name].read(data, Path(folder))
    except ToolError as error:
        return "refused" if str(error).strip() else "a ToolError without words"
    except TimeIsUpError:
        return f"more than {SECONDS} s"
    except MemoryError:
        return f"more than {BYTES >> 20} MiB"
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return f"{type(error).__name__} at {place}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return ""


def _alarm(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise TimeIsUpError


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
