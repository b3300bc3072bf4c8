"""The API of people: one customer, judgements and reviews, points, consent. Its key is one of source ``api``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from butfor.app.customer import customer
from butfor.app.members import consented
from butfor.app.people import Decided, account_of, credit, decide_review, judge_pair, undo, withdraw
from butfor.catalog import Balance, Posted, balance, redeem
from butfor.channels.consent import Statement, consents, say
from butfor.web.routes import Address, Asked, Channel, Filled, From, Routes, Text, Who, Why, responses, small


class Judge(Asked, kw_only=True):
    """Two accounts, by id or as source:key, and whether they are the ``same`` or ``different`` people."""

    left: Text
    right: Text
    verdict: Literal["same", "different"]
    why: Filled
    who: Who


class DecideReview(Why, kw_only=True):
    """Whether the pair of a review is one person."""

    same: bool


class Move(Asked, kw_only=True):
    """Points, and the receipt or entry that gives or takes them; the same reference counts once."""

    points: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    reference: Text
    who: Who


class Redeem(Move, kw_only=True):
    """The identifier that the customer showed, such as term ``loyalty_card`` and its value."""

    term: Text
    value: Text


class Said(Asked, kw_only=True):
    """Somebody said yes (``given``) or no (``withdrawn``) to messages on a channel at an address."""

    channel: Channel
    address: Address
    verdict: Literal["given", "withdrawn"]
    source: From
    occurred_at: datetime | None = None


class People(Routes):
    """The routes about people."""

    tag = "people"

    def handlers(self) -> list[HTTPRouteHandler]:
        """Return the routes."""
        return [*self._about_people(), *self._about_points()]

    def _about_people(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self.locked

        @get("/customers/{name:str}", sync_to_thread=True, responses=responses())
        def one_customer(name: str) -> dict[str, Any]:
            """Everything that is known of a customer, by person id, account id, source:key, e-mail, phone or card."""
            return dict(msgspec.to_builtins(locked(lambda: customer(ws, name)), enc_hook=str))

        @get("/reviews", sync_to_thread=True, responses=responses())
        def reviews() -> list[dict[str, Any]]:
            """Pairs that wait for somebody to decide."""
            return [r for r in ws.hub.rows("review") if r["status"] == "open"]

        @post("/reviews/{number:int}", status_code=200, sync_to_thread=True, responses=responses())
        def review(number: int, data: DecideReview) -> Decided:
            """Decide a pair of the review queue."""
            return locked(lambda: decide_review(ws, small(number), data.same, data.why, data.who))  # type: ignore[no-any-return]

        @post("/judgements", status_code=200, sync_to_thread=True, responses=responses())
        def judgement(data: Judge) -> Decided:
            """Say that two accounts are one person, or never are; points stay on their accounts."""
            return locked(lambda: judge_pair(ws, data.left, data.right, data.verdict, data.why, data.who))  # type: ignore[no-any-return]

        @post(
            "/judgements/{number:int}/withdrawal",
            status_code=200,
            sync_to_thread=True,
            responses=responses(),
        )
        def withdrawal(number: int, data: Why) -> Decided:
            """Take a judgement back, as if it had never been made."""
            return locked(lambda: withdraw(ws, small(number), data.why, data.who))  # type: ignore[no-any-return]

        @post("/merges/{number:int}/undo", status_code=200, sync_to_thread=True, responses=responses())
        def undo_merge(number: int, data: Why) -> Decided:
            """Take a merge back, whatever caused it."""
            return locked(lambda: undo(ws, small(number), data.why, data.who))  # type: ignore[no-any-return]

        @get("/merges", sync_to_thread=True, responses=responses())
        def merges() -> list[dict[str, Any]]:
            """Merges and splits, newest first."""
            return ws.hub.rows("person_change")[::-1][:500]

        return [one_customer, reviews, review, judgement, withdrawal, undo_merge, merges]

    def _about_points(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self.locked

        @get("/points/{account:str}", sync_to_thread=True, responses=responses())
        def held(account: str) -> Balance:
            """What an account holds."""
            return balance(ws.hub, locked(lambda: account_of(ws, account)))

        @post("/points/{account:str}/earn", status_code=200, sync_to_thread=True, responses=responses())
        def earned(account: str, data: Move) -> Posted:
            """Credit points to an account, once per reference."""
            return locked(lambda: credit(ws, account, small(data.points), data.reference, who=data.who))  # type: ignore[no-any-return]

        @post("/points/{account:str}/redeem", status_code=200, sync_to_thread=True, responses=responses())
        def redeemed(account: str, data: Redeem) -> Posted:
            """Redeem points with an identifier that is verified for the account itself, once per reference."""
            number, shown = locked(lambda: account_of(ws, account)), (data.term, data.value)
            return redeem(
                ws.hub,
                number,
                small(data.points),
                data.reference,
                identifier=shown,
                now=ws.now,
                who=data.who,
            )

        @get("/consents/{channel:str}/{address:str}", sync_to_thread=True, responses=responses())
        def consent(channel: str, address: str) -> dict[str, Any] | None:
            """Whether an address may be written to; null when nobody said anything of it."""
            found = consents(ws.hub, channel, [address]).get(address)
            return dict(msgspec.to_builtins(found)) if found else None

        @post("/consents", status_code=200, sync_to_thread=True, responses=responses())
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
            locked(lambda: consented(ws.plan, ws.lake, data.address, ws.as_of()))
            return dict(msgspec.to_builtins(consents(ws.hub, data.channel, [data.address])[data.address]))

        return [held, earned, redeemed, consent, say_consent]
