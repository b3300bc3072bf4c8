"""The API of people: one customer, judgements and reviews, points, consent, audiences. Its key is one of source ``api``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from threading import RLock
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.router import Router

from butfor.app import Workspace
from butfor.app.customer import customer
from butfor.app.keys import API
from butfor.app.people import Decided, account_of, credit, decide_review, judge_pair, undo, withdraw
from butfor.catalog import Balance, Posted, balance, redeem
from butfor.channels.consent import Statement, consents, say
from butfor.model import ButforError, Refused, StoreError
from butfor.web.door import write_key_of
from butfor.web.keys import KeyRing

# A text that says something, and one that a column of 40, 80, 120 or 320 letters holds too.
Filled = Annotated[str, msgspec.Meta(min_length=1, pattern=r"\S")]
Who = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=r"\S")]
Channel = Annotated[str, msgspec.Meta(max_length=40)]
From = Annotated[str, msgspec.Meta(max_length=80)]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=320, pattern=r"\S")]


class Asked(msgspec.Struct, kw_only=True):
    """What a call brings; its texts are such as every store can hold."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if isinstance(value := getattr(self, name), str) and not storable(value):
                raise ValueError(f"{name} holds a character that no store can hold (NUL or half of a pair)")


class Judge(Asked, kw_only=True):
    """Two accounts, by id or as source:key, and whether they are the ``same`` or ``different`` people."""

    left: str
    right: str
    verdict: Literal["same", "different"]
    why: Filled
    who: Who


class Why(Asked, kw_only=True):
    """Who decides, and why."""

    why: Filled
    who: Who


class DecideReview(Why, kw_only=True):
    """Whether the pair of a review is one person."""

    same: bool


class Move(Asked, kw_only=True):
    """Points, and the receipt or entry that gives or takes them; the same reference counts once."""

    points: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    reference: str
    who: Who


class Redeem(Move, kw_only=True):
    """The identifier that the customer showed, such as term ``loyalty_card`` and its value."""

    term: str
    value: str


class Said(Asked, kw_only=True):
    """Somebody said yes (``given``) or no (``withdrawn``) to messages on a channel at an address."""

    channel: Channel
    address: Address
    verdict: Literal["given", "withdrawn"]
    source: From
    occurred_at: datetime | None = None


class Problem(msgspec.Struct):
    """Why nothing was done, and what to do."""

    error: str
    thing: str
    value: Any
    rule: str
    next: str


# What a call names by its path or body, and may not be there.
_NAMED = ("customer", "account", "review", "judgement", "change")
_STATUS = {StoreError: 503, Refused: 409}
_ANSWERS = {
    400: "something is wrong with what was given", 404: "no such path, or nobody and nothing known by that name", 401: "no API key, an unknown one or a revoked one",
    409: "refused by a rule that protects people or data", 503: "a store refuses: repeat later",
}  # fmt: skip


class People:
    """The routes, over one workspace whose lake is used by one thread at a time."""

    def __init__(self, ws: Workspace, keys: KeyRing, lock: RLock) -> None:
        self.ws, self.keys, self.lock = ws, keys, lock

    def __deepcopy__(self, memo: dict[int, Any]) -> People:
        # Litestar copies guards with all that they are bound to; there is one workspace.
        return self

    def router(self) -> Router:
        """Return the routes under ``/v1``."""
        return Router(
            path="/v1", guards=[self._guard], route_handlers=self._handlers(),
            exception_handlers={ButforError: _problem, HTTPException: unfit}, security=[{"apiKey": []}], tags=["people"],
        )  # fmt: skip

    def _guard(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        headers = {k.lower(): v for k, v in connection.scope["headers"]}
        if self.keys.source(write_key_of(headers)) != API:
            raise NotAuthorizedException("the API needs a key of its own: butfor key add api")
        if not all(storable(str(value)) for value in connection.path_params.values()):
            raise NotFoundException("nobody and nothing has a name with NUL or half of a pair in it")

    def _locked(self, act: Callable[[], Any]) -> Any:
        with self.lock:
            return act()

    def _handlers(self) -> list[HTTPRouteHandler]:
        return [*self._about_people(), *self._about_points()]

    def _about_people(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self._locked

        @get("/customers/{name:str}", sync_to_thread=True, responses=_responses())
        def one_customer(name: str) -> dict[str, Any]:
            """Everything that is known of a customer, by person id, account id, source:key, e-mail, phone or card."""
            return dict(msgspec.to_builtins(locked(lambda: customer(ws, name)), enc_hook=str))

        @get("/reviews", sync_to_thread=True, responses=_responses())
        def reviews() -> list[dict[str, Any]]:
            """Pairs that wait for somebody to decide."""
            return [r for r in ws.hub.rows("review") if r["status"] == "open"]

        @post("/reviews/{number:int}", status_code=200, sync_to_thread=True, responses=_responses())
        def review(number: int, data: DecideReview) -> Decided:
            """Decide a pair of the review queue."""
            return locked(lambda: decide_review(ws, _small(number), data.same, data.why, data.who))  # type: ignore[no-any-return]

        @post("/judgements", status_code=200, sync_to_thread=True, responses=_responses())
        def judgement(data: Judge) -> Decided:
            """Say that two accounts are one person, or never are; points stay on their accounts."""
            return locked(lambda: judge_pair(ws, data.left, data.right, data.verdict, data.why, data.who))  # type: ignore[no-any-return]

        @post(
            "/judgements/{number:int}/withdrawal",
            status_code=200,
            sync_to_thread=True,
            responses=_responses(),
        )
        def withdrawal(number: int, data: Why) -> Decided:
            """Take a judgement back, as if it had never been made."""
            return locked(lambda: withdraw(ws, _small(number), data.why, data.who))  # type: ignore[no-any-return]

        @post("/merges/{number:int}/undo", status_code=200, sync_to_thread=True, responses=_responses())
        def undo_merge(number: int, data: Why) -> Decided:
            """Take a merge back, whatever caused it."""
            return locked(lambda: undo(ws, _small(number), data.why, data.who))  # type: ignore[no-any-return]

        @get("/merges", sync_to_thread=True, responses=_responses())
        def merges() -> list[dict[str, Any]]:
            """Merges and splits, newest first."""
            return ws.hub.rows("person_change")[::-1][:500]

        @get("/audiences", sync_to_thread=True, responses=_responses())
        def audiences() -> list[dict[str, Any]]:
            """How many people each audience holds, and their net spend."""
            return [dict(msgspec.to_builtins(a)) for a in locked(ws.audiences)]

        return [one_customer, reviews, review, judgement, withdrawal, undo_merge, merges, audiences]

    def _about_points(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self._locked

        @get("/points/{account:str}", sync_to_thread=True, responses=_responses())
        def held(account: str) -> Balance:
            """What an account holds."""
            return balance(ws.hub, locked(lambda: account_of(ws, account)))

        @post("/points/{account:str}/earn", status_code=200, sync_to_thread=True, responses=_responses())
        def earned(account: str, data: Move) -> Posted:
            """Credit points to an account, once per reference."""
            return locked(lambda: credit(ws, account, _small(data.points), data.reference, who=data.who))  # type: ignore[no-any-return]

        @post("/points/{account:str}/redeem", status_code=200, sync_to_thread=True, responses=_responses())
        def redeemed(account: str, data: Redeem) -> Posted:
            """Redeem points with an identifier that is verified for the account itself, once per reference."""
            number, shown = locked(lambda: account_of(ws, account)), (data.term, data.value)
            return redeem(
                ws.hub,
                number,
                _small(data.points),
                data.reference,
                identifier=shown,
                now=ws.now,
                who=data.who,
            )

        @get("/consents/{channel:str}/{address:str}", sync_to_thread=True, responses=_responses())
        def consent(channel: str, address: str) -> dict[str, Any] | None:
            """Whether an address may be written to; null when nobody said anything of it."""
            found = consents(ws.hub, channel, [address]).get(address)
            return dict(msgspec.to_builtins(found)) if found else None

        @post("/consents", status_code=200, sync_to_thread=True, responses=_responses())
        def say_consent(data: Said) -> dict[str, Any]:
            """Write down a yes or a no; a no holds for every account with the address."""
            when = data.occurred_at or ws.now
            at = when.astimezone(UTC).replace(tzinfo=None) if when.tzinfo else when
            said = Statement(
                channel=data.channel,
                address=data.address,
                verdict=data.verdict,
                occurred_at=at,
                source=data.source,
            )
            say(ws.hub, [said], ws.now)
            return dict(msgspec.to_builtins(consents(ws.hub, data.channel, [data.address])[data.address]))

        return [held, earned, redeemed, consent, say_consent]


def storable(text: str) -> bool:
    """Say whether every store can hold a text: UTF-8 has no lone surrogates, and PostgreSQL no NUL."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _small(number: int) -> int:
    """Return a number that every hub can hold; anything larger is nobody's."""
    return number if abs(number) < 2**31 else -1


def _responses() -> dict[int, ResponseSpec]:
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
