"""Signals whose handler raises, a few in each call that is split among threads; then an exit."""

import random
import signal
import sys
from time import monotonic, sleep
from types import FrameType

from aa_ref.backends.numba.crew import run_pieces

interrupts = late = unasked = lost = 0
busy: set[int] = set()
rng = random.Random(5)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise, but only where `run_pieces` is at work, so that nothing here is interrupted."""
    global interrupts
    while frame is not None:
        if frame.f_code is run_pieces.__code__:
            interrupts += 1
            raise (KeyboardInterrupt, TimeoutError)[interrupts % 2]
        frame = frame.f_back


def work(piece: int, worker: int) -> None:
    if worker:
        busy.add(piece)
        sleep(0.0005)
        busy.discard(piece)


signal.signal(signal.SIGALRM, interrupt)
end = monotonic() + float(sys.argv[1])
while monotonic() < end:
    before = interrupts
    signal.setitimer(signal.ITIMER_REAL, rng.uniform(5e-6, 5e-4), rng.uniform(5e-5, 5e-4))
    try:
        run_pieces(work, 6, 3)
        raised = False
    except (KeyboardInterrupt, TimeoutError):
        raised = True
    late += bool(busy)
    signal.setitimer(signal.ITIMER_REAL, 0)
    lost += interrupts > before and not raised
    unasked += raised and interrupts == before
print(late, lost, unasked)
print(interrupts > 100)
