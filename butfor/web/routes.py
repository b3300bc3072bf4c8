"""What all parts of the API share: keys, one lake used by one thread at a time, texts that every store can hold, answers in four parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.router import Router

from butfor.app import Workspace
from butfor.app.keys import API
from butfor.model import ButforError, Refused, StoreError
from butfor.web.door import write_key_of
from butfor.web.keys import KeyRing

# Texts that every store can hold; ones that say something; and ones that a column of 40, 80, 120 or 320 letters holds too.
_ANY, _SOME = r"^[^\x00]*$", r"^[^\x00]*[^\s\x00][^\x00]*$"
Text = Annotated[str, msgspec.Meta(pattern=_ANY)]
Filled = Annotated[str, msgspec.Meta(min_length=1, pattern=_SOME)]
Who = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=_SOME)]
Channel = Annotated[str, msgspec.Meta(max_length=40, pattern=_ANY)]
From = Annotated[str, msgspec.Meta(max_length=80, pattern=_ANY)]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=320, pattern=_SOME)]


class Asked(msgspec.Struct, kw_only=True):
    """What a call brings; its texts are such as every store can hold."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if isinstance(value := getattr(self, name), str) and not storable(value):
                raise ValueError(f"{name} holds a character that no store can hold (NUL or half of a pair)")


class Why(Asked, kw_only=True):
    """Who decides, and why."""

    why: Filled
    who: Who


class Problem(msgspec.Struct):
    """Why nothing was done, and what to do."""

    error: str
    thing: str
    value: Any
    rule: str
    next: str


# What a call names by its path or body, and may not be there.
_NAMED = ("customer", "account", "review", "judgement", "change", "audience", "term", "recipe")
_STATUS = {StoreError: 503, Refused: 409}
_ANSWERS = {
    400: "something is wrong with what was given", 404: "no such path, or nobody and nothing known by that name", 401: "no API key, an unknown one or a revoked one",
    409: "refused by a rule that protects people or data", 503: "a store refuses: repeat later",
}  # fmt: skip


class Routes:
    """Routes over one workspace whose lake is used by one thread at a time."""

    tag = ""

    def __init__(self, ws: Workspace, keys: KeyRing, lock: RLock) -> None:
        self.ws, self.keys, self.lock = ws, keys, lock

    def __deepcopy__(self, memo: dict[int, Any]) -> Routes:
        # Litestar copies guards with all that they are bound to; there is one workspace.
        return self

    def router(self) -> Router:
        """Return the routes under ``/v1``."""
        return Router(
            path="/v1", guards=[self._guard], route_handlers=self.handlers(),
            exception_handlers={ButforError: _problem, HTTPException: unfit}, security=[{"apiKey": []}], tags=[self.tag],
        )  # fmt: skip

    def handlers(self) -> Sequence[HTTPRouteHandler]:
        """Return the routes."""
        raise NotImplementedError

    def _guard(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        headers = {k.lower(): v for k, v in connection.scope["headers"]}
        if self.keys.source(write_key_of(headers)) != API:
            raise NotAuthorizedException("the API needs a key of its own: butfor key add api")
        if not all(storable(str(value)) for value in connection.path_params.values()):
            raise NotFoundException("nobody and nothing has a name with NUL or half of a pair in it")

    def locked(self, act: Callable[[], Any]) -> Any:
        """Do something with the lake to oneself."""
        with self.lock:
            return act()


def storable(text: str) -> bool:
    """Say whether every store can hold a text: UTF-8 has no lone surrogates, and PostgreSQL no NUL."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def small(number: int) -> int:
    """Return a number that every hub can hold; anything larger is nobody's."""
    return number if abs(number) < 2**31 else -1


def responses() -> dict[int, ResponseSpec]:
    """Return what every call may answer beside its result."""
    # A path that no route has is answered by the framework, in a form of its own.
    return {
        code: ResponseSpec(
            dict[str, Any] if code == 404 else Problem, description=text, generate_examples=False
        )
        for code, text in _ANSWERS.items()
    }


def unfit(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """Answer what does not fit the described form in the same four parts."""
    said = {
        "error": type(error).__name__, "thing": "request", "value": None, "rule": str(error.detail),
        "next": "see /schema for the form of each call",
    }  # fmt: skip
    return Response(said, status_code=error.status_code, headers=error.headers)


def _problem(_: Request[Any, Any, Any], error: ButforError) -> Response[dict[str, Any]]:
    unknown = 404 if error.thing in _NAMED else 400
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), unknown)
    return Response(error.to_dict(), status_code=status)
