"""The worker of a server: drains the inbox into the lake, over and over, and says how it is."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable

import msgspec

from butfor.ingest import Drain, Drained

PAUSE = 0.1
TEND_EVERY = 5.0
MUCH = 5_000
LONGEST_WAIT = 30.0


class WorkerState(msgspec.Struct, kw_only=True):
    """What the worker has done since it began, and the error that it is held up by."""

    events: int = 0
    quarantined: int = 0
    batches: int = 0
    seconds: float = 0.0
    trouble: str | None = None
    failures: int = 0


class Worker:
    """One thread that owns the lake while it drains; who else wants it waits for the lock.

    ``after_drain`` is called in it with each batch once that is in the lake; after a kill, or an error of its own, with
    the same batch again. So it has to be repeatable, and an error that stays holds up the drain, as ``/health`` says.
    ``tend`` is called every few seconds: what is true may change because time has passed.
    """

    def __init__(
        self,
        drain: Drain,
        after_drain: Callable[[Drained], None] | None = None,
        lake: threading.RLock | None = None,
        tend: Callable[[], object] | None = None,
    ) -> None:
        self._tend, self._tended = tend, 0.0
        self._drain, self._after, self._lake = drain, after_drain, lake or threading.RLock()
        self._stop = threading.Event()
        self.state = WorkerState()
        self._thread = threading.Thread(target=self._run, name="butfor-worker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch at hand and stop."""
        self._stop.set()
        self._thread.join(timeout=60)

    def _run(self) -> None:
        _step_back()
        wait = 0.0
        while not self._stop.wait(wait):
            began = time.perf_counter()
            try:
                with self._lake:
                    done = self._drain.step(after=self._after)
                    self._look()
                self.state.trouble = None
                # Where much waits there is no time to wait for more.
                wait = 0.0 if done and done.events + done.quarantined >= MUCH else PAUSE
                if done:
                    self._count(done, time.perf_counter() - began)
            except Exception as error:
                # The inbox keeps everything; the same batch is tried again, later and later.
                self.state.trouble = f"{type(error).__name__}: {error}"
                self.state.failures += 1
                wait = min(LONGEST_WAIT, max(0.5, wait * 2))

    def _look(self) -> None:
        """Let what changes by itself be looked at, every few seconds."""
        if self._tend and time.monotonic() - self._tended >= TEND_EVERY:
            self._tend()
            self._tended = time.monotonic()

    def _count(self, done: Drained, seconds: float) -> None:
        s = self.state
        s.events, s.quarantined = s.events + done.events, s.quarantined + done.quarantined
        s.batches, s.seconds = s.batches + 1, s.seconds + seconds


def _step_back() -> None:
    """Let the thread that answers calls go first: what waits in the inbox is safe, who waits for an answer is not."""
    # Linux gives each thread a priority of its own; elsewhere this would slow the whole process.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
