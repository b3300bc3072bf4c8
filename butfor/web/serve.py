"""Run the server of a workspace: one process, an event loop for calls, a thread that commits, a thread that drains."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import uvicorn

from butfor.app import Workspace
from butfor.app.live import live_drain
from butfor.app.worker import Worker
from butfor.ingest import Drained
from butfor.store import Inbox
from butfor.web.api import Health, pages
from butfor.web.audiences import Audiences
from butfor.web.commits import Commits
from butfor.web.door import Door, Receive, Scope, Send
from butfor.web.exports import Exports
from butfor.web.keys import KeyRing
from butfor.web.people import People

# How often keys are read again; a revoked key works that much longer at most.
KEYS_EVERY = 0.5
# Threads that want the interpreter wait this long for it at most; the default of 5 ms would be felt in every answer.
SWITCH = 0.0001


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server listens, for whom."""

    url: str
    sources: list[str]


class Application:
    """The ASGI application of one workspace."""

    def __init__(
        self,
        ws: Workspace,
        after_drain: Callable[[Drained], None] | None = None,
        tend: Callable[[], object] | None = None,
    ) -> None:
        self.ws, self.inbox, self.keys = ws, Inbox(ws.hub), KeyRing(ws.hub)
        lake = threading.RLock()
        self.worker = Worker(live_drain(ws, self.inbox), after_drain, lake, tend)
        routes = [kind(ws, self.keys, lake) for kind in (People, Audiences, Exports)]
        self.pages: Any = pages(self, *(r.router() for r in routes))
        self.commits: Commits | None = None
        self._door: Door | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route calls of the tracking API past everything else."""
        if scope["type"] == "http":
            door = self._door
            if door and (kind := door.kind(scope["path"])):
                await door(kind, scope, receive, send)
                return
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        await self.pages(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.open()
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.to_thread(self.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    def open(self) -> None:
        """Begin to take calls, in the running event loop."""
        loop = asyncio.get_running_loop()
        self.commits = Commits(self.inbox, loop)
        self._door = Door(self.keys, self.commits, lambda: datetime.now(UTC).replace(tzinfo=None))
        self._reading = loop.create_task(self._read_keys())
        self.worker.start()

    def close(self) -> None:
        """Write what waits, finish the batch at hand, and stop."""
        if self.commits:
            self.commits.close()
        self.worker.stop()
        self.inbox.close()

    def health(self) -> Health:
        """Return how it is: anything but ``ok`` says that calls are refused or wait."""
        waiting, since = self.inbox.waiting()
        state, commits = self.worker.state, self.commits
        trouble = [t for t in (commits.trouble if commits else "not open yet", state.trouble) if t]
        return Health(
            status="trouble" if trouble else "ok", trouble=trouble, accepted=commits.events if commits else 0,
            waiting=waiting, oldest=since, drained=state.events, quarantined=state.quarantined, batches=state.batches,
            drain_seconds=round(state.seconds, 3),
        )  # fmt: skip

    async def _read_keys(self) -> None:
        while True:
            await asyncio.sleep(KEYS_EVERY)
            # A hub that cannot be read now keeps the keys as they were.
            with contextlib.suppress(Exception):
                await asyncio.to_thread(self.keys.read)


def serve(
    ws: Workspace, host: str, port: int, *, ready: Callable[[Served], None] | None = None,
    after_drain: Callable[[Drained], None] | None = None, tend: Callable[[], object] | None = None,
) -> None:  # fmt: skip
    """Serve a workspace until it is told to stop (SIGINT, SIGTERM)."""
    sys.setswitchinterval(SWITCH)
    application = Application(ws, after_drain, tend)
    config = uvicorn.Config(
        application, host=host, port=port, log_level="warning", access_log=False, server_header=False, proxy_headers=False, date_header=False,
        http="httptools", timeout_keep_alive=75, backlog=2048, lifespan="on",
    )  # fmt: skip
    server = _Server(
        config,
        lambda url: ready(Served(url=url, sources=sorted(application.keys.sources))) if ready else None,
    )
    server.run()


class _Server(uvicorn.Server):
    """Says when it listens, with the port that it got."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in order when told to; uvicorn's own would kill the process before the workspace is closed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        old = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._ready(f"http://{host}:{port}")
