"""Group commit: requests that wait while the disk syncs are kept together in the next transaction."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from butfor.model import ButforError
from butfor.store import Inbox, Request

# What may wait for the disk; more is answered with 429, so that memory does not fill up.
MOST_REQUESTS = 5_000
MOST_BYTES = 128 * 1024 * 1024
# Large groups make large transactions, which is felt as delay.
GROUP = 256

_Waiting = tuple[Request, "asyncio.Future[None]"]


class Commits:
    """One thread that writes; any coroutine of one event loop submits and waits for its own commit."""

    def __init__(self, inbox: Inbox, loop: asyncio.AbstractEventLoop) -> None:
        self._inbox, self._loop = inbox, loop
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._some = threading.Condition()
        self._open = True
        self.trouble: str | None = None
        self.events = 0
        self._thread = threading.Thread(target=self._run, name="butfor-commits", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Say whether so much waits that nothing more should be taken."""
        return len(self._waiting) >= MOST_REQUESTS or self._bytes >= MOST_BYTES

    def submit(self, request: Request) -> asyncio.Future[None]:
        """Hand over a request; the future is done when it is on the disk, or has the error that kept it from there."""
        future: asyncio.Future[None] = self._loop.create_future()
        with self._some:
            self._waiting.append((request, future))
            self._bytes += len(request.body)
            if len(self._waiting) == 1:
                self._some.notify()
        return future

    def close(self) -> None:
        """Write what waits and stop."""
        with self._some:
            self._open = False
            self._some.notify()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while group := self._next():
            error = self._keep([request for request, _ in group])
            self._loop.call_soon_threadsafe(_answer, [future for _, future in group], error)

    def _next(self) -> list[_Waiting]:
        with self._some:
            while self._open and not self._waiting:
                self._some.wait()
            group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            self._bytes -= sum(len(request.body) for request, _ in group)
            return group

    def _keep(self, requests: Sequence[Request]) -> ButforError | None:
        try:
            self.events += self._inbox.append(requests)
            self.trouble = None
        except ButforError as error:
            self.trouble = str(error)
            return error
        except Exception as error:
            # Whatever it is, those who wait are told, and the next group gets its chance.
            self.trouble = f"{type(error).__name__}: {error}"
            return ButforError("the inbox could not be written", value=self.trouble, rule="", next_step="")
        return None


def _answer(futures: list[asyncio.Future[None]], error: ButforError | None) -> None:
    for future in futures:
        # A caller that hung up has cancelled its own.
        if not future.done():
            future.set_result(None) if error is None else future.set_exception(error)
