"""What is not on the hot path: health and the OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Litestar, get
from litestar.openapi import OpenAPIConfig

if TYPE_CHECKING:
    from butfor.web.serve import Application


class Pages:
    """The Litestar application behind the door."""

    def __init__(self, application: Application) -> None:
        @get("/health", sync_to_thread=True)
        def health() -> dict[str, Any]:
            """Say whether events are taken and drained, what waits and what is held up."""
            waiting, since = application.inbox.waiting()
            state, commits = application.worker.state, application.commits
            trouble = [t for t in (commits.trouble if commits else None, state.trouble) if t]
            return {
                "status": "trouble" if trouble else "ok", "trouble": trouble, "accepted": commits.events if commits else 0,
                "waiting": waiting, "oldest": since, "drained": state.events, "quarantined": state.quarantined,
                "batches": state.batches, "drain_seconds": round(state.seconds, 3),
            }  # fmt: skip

        self._app = Litestar([health], openapi_config=OpenAPIConfig(title="butfor", version="1"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request that is no call of the tracking API."""
        await self._app(scope, receive, send)
