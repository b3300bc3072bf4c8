"""What is not on the hot path: health, and the OpenAPI document, which describes the calls of the door too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec
from litestar import Litestar, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.spec import Components, SecurityScheme
from litestar.router import Router

from butfor.ingest.calls import KINDS


class Health(msgspec.Struct, kw_only=True):
    """Whether events are taken and drained: those accepted and drained since the start, those that wait, and troubles."""

    status: str
    trouble: list[str]
    accepted: int
    waiting: int
    oldest: datetime | None
    drained: int
    quarantined: int
    batches: int
    drain_seconds: float


class BatchCall(msgspec.Struct):
    """Calls of any kind together; each names its ``type``. What cannot be used of them goes to quarantine."""

    batch: list[Any]


class Taken(msgspec.Struct):
    """The events are durable."""

    success: bool
    ok: bool


class Problem(msgspec.Struct):
    """Why nothing of the request was kept, and what to do."""

    error: str
    thing: str
    value: Any
    rule: str
    next_step: str
    code: str
    message: str


class Behind(Protocol):
    """What the pages show."""

    def health(self) -> Health:
        """Return how it is."""


_ANSWERS = {
    400: "no JSON object, or no batch", 401: "no write key, an unknown one or a revoked one", 413: "larger than the limits",
    429: "too much waits for the disk: repeat after Retry-After", 503: "the disk refuses: repeat after Retry-After",
}  # fmt: skip


def pages(behind: Behind, *routers: Router) -> Litestar:
    """Return the application behind the door."""

    @get("/health", sync_to_thread=True)
    def health() -> Health:
        """Say whether events are taken and drained, what waits and what is held up."""
        return behind.health()

    config = OpenAPIConfig(
        title="butfor",
        version="1",
        components=Components(
            security_schemes={
                "writeKey": SecurityScheme(type="http", scheme="basic"),
                "apiKey": SecurityScheme(type="http", scheme="basic"),
            }
        ),
    )
    return Litestar(
        [health, *map(_documented, KINDS), _documented("batch"), *routers],
        openapi_config=config,
        logging_config=None,
    )


def _documented(kind: str) -> HTTPRouteHandler:
    """Return a route that stands for one of the door's in the OpenAPI document; the door answers before it."""

    async def one(data: dict[str, Any]) -> Taken:
        raise NotImplementedError

    async def many(data: BatchCall) -> Taken:
        raise NotImplementedError

    made: Callable[..., HTTPRouteHandler] = post(
        f"/v1/{kind}",
        status_code=200,
        operation_id=kind,
        summary=f"Take {'calls of any kind' if kind == 'batch' else 'one ' + kind + ' call'} of Segment's tracking API",
        security=[{"writeKey": []}],
        raises=[],
        responses={
            code: ResponseSpec(Problem, description=text, generate_examples=False)
            for code, text in _ANSWERS.items()
        },
    )
    return made(many if kind == "batch" else one)
