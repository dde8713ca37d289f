"""An end for patterns of Perl, which Python matches: some would take longer than any count shows."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tools.sysimage.commands.call import Call

_SECONDS = 4  # of the processor; such a command takes milliseconds


class _TooLongError(Exception):
    pass


def _end(_signal: int, _frame: object) -> None:
    raise _TooLongError


@contextmanager
def in_time(call: Call) -> Iterator[None]:
    """Ends the script in one line if what is done takes too long."""
    if threading.current_thread() is not threading.main_thread():
        yield  # which gets no signals
        return
    before = signal.signal(signal.SIGVTALRM, _end)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    except _TooLongError:
        call.refuse(
            f"{call.name}: the pattern takes more than {_SECONDS} s, which is beyond what a script may"
        )
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
