"""The worker: drains without being asked, tells of trouble, and goes on when it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from butfor.app.worker import Worker
from butfor.ingest import Drained


class Source:
    """A drain that fails for a while."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def step(self, after: Callable[[Drained], None] | None = None) -> Drained | None:
        if self.failures > 0:
            self.failures -= 1
            raise OSError("the disk is full")
        done = Drained(events=3, quarantined=1, upto=1, accounts={"a"}, observations=pa.table({}))
        if after:
            after(done)
        return done


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_trouble_is_told_and_forgotten_when_it_is_over(tmp_path: Path) -> None:
    source, called = Source(failures=1), threading.Event()
    worker = Worker(source, lambda done: called.set())  # type: ignore[arg-type]
    worker.start()
    wait_for(lambda: worker.state.trouble is not None)
    assert worker.state.trouble == "OSError: the disk is full"
    wait_for(called.is_set)
    wait_for(lambda: worker.state.events >= 3)
    worker.stop()
    assert (worker.state.trouble, worker.state.failures) == (None, 1)
    assert worker.state.quarantined == worker.state.batches
