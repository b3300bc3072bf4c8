"""The API of audiences and lifecycle terms: look at them, ask what a change would do, change them, take it back."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get, post, put
from litestar.handlers import HTTPRouteHandler

from butfor.app.audience_page import AudiencePage, audience_of, audience_page
from butfor.app.consequences import Consequences, change, consequences, undo_change
from butfor.app.outgoing import membership_hash
from butfor.audiences import parse_rule, rule_sentence, rule_text
from butfor.model import BadInput
from butfor.plan.kinds import Audience, Rfm, Rule, Term
from butfor.plan.kinds import to_builtins as plain
from butfor.web.routes import Asked, Filled, Routes, Text, Who, Why, responses


class Wanted(Asked, kw_only=True):
    """A changed audience: its rule in one line or as a tree, or its grid; what is left out stays as it is."""

    text: Text | None = None
    rule: dict[str, Any] | None = None
    rfm: dict[str, Any] | None = None
    label: Text | None = None


class Set(Wanted, kw_only=True):
    """A changed audience, who changes it and why; ``accept`` says that it may empty or flood it."""

    why: Filled
    who: Who
    accept: bool = False


class WantedTerm(Asked, kw_only=True):
    """The changed logic of a lifecycle term: a list of value, when and means; the first case that holds wins."""

    logic: list[dict[str, Any]]


class SetTerm(WantedTerm, kw_only=True):
    """Changed logic, who changes it and why."""

    why: Filled
    who: Who


class Line(Asked, kw_only=True):
    """A rule in one line."""

    text: Text


class Audiences(Routes):
    """The routes about audiences."""

    tag = "audiences"

    def handlers(self) -> list[HTTPRouteHandler]:
        """Return the routes."""
        return [*self._reading(), *self._changing(), *self._terms()]

    def _reading(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self.locked

        @get("/audiences", sync_to_thread=True, responses=responses())
        def audiences() -> list[dict[str, Any]]:
            """How many people each audience holds, and their net spend."""
            return [dict(msgspec.to_builtins(a)) for a in locked(ws.audiences)]

        @get("/audiences/{name:str}", sync_to_thread=True, responses=responses())
        def one_audience(name: str) -> AudiencePage:
            """An audience in words: people, value, reach per channel, overlap, size over time, what uses it."""
            return locked(lambda: audience_page(ws, name))  # type: ignore[no-any-return]

        @get("/audiences/{name:str}/members", sync_to_thread=True, responses=responses())
        def members(name: str) -> dict[str, Any]:
            """The people of an audience, and the hash over them that every export of the same members has."""
            locked(lambda: audience_of(ws, name))
            ids = [str(p) for p in locked(lambda: ws.members(name))["person_id"].to_pylist()]
            return {
                "audience": name,
                "people": len(ids),
                "hash": membership_hash(ids),
                "members": ids,
            }

        @post("/rules", status_code=200, sync_to_thread=True, responses=responses())
        def read_rule(data: Line) -> dict[str, Any]:
            """Read a rule in one line: its tree, its text as we would write it, and a sentence."""
            rule = parse_rule(ws.plan, data.text)
            return {
                "rule": msgspec.to_builtins(rule),
                "text": rule_text(rule),
                "sentence": rule_sentence(ws.plan, rule),
            }

        return [audiences, one_audience, members, read_rule]

    def _changing(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self.locked

        @post("/audiences/{name:str}/diff", status_code=200, sync_to_thread=True, responses=responses())
        def diff(name: str, data: Wanted) -> Consequences:
            """Say who would enter and leave, how much money moves, and what is touched; nothing is written."""
            return locked(lambda: consequences(ws, self._wanted(name, data)))  # type: ignore[no-any-return]

        @put("/audiences/{name:str}", sync_to_thread=True, responses=responses())
        def set_audience(name: str, data: Set) -> Consequences:
            """Make or change an audience and recompute who is in it."""

            def act() -> Consequences:
                return change(ws, self._wanted(name, data, data.why), data.why, data.who, accept=data.accept)

            return locked(act)  # type: ignore[no-any-return]

        @post("/audiences/{name:str}/undo", status_code=200, sync_to_thread=True, responses=responses())
        def undo(name: str, data: Why) -> Consequences:
            """Put an audience back as it was before its last change."""
            return locked(lambda: undo_change(ws, "audience", name, data.why, data.who))  # type: ignore[no-any-return]

        return [diff, set_audience, undo]

    def _terms(self) -> list[HTTPRouteHandler]:
        ws, locked = self.ws, self.locked

        @post("/terms/{name:str}/diff", status_code=200, sync_to_thread=True, responses=responses())
        def term_diff(name: str, data: WantedTerm) -> Consequences:
            """Say who would move if the logic of a lifecycle term changed; nothing is written."""
            return locked(lambda: consequences(ws, self._term(name, data)))  # type: ignore[no-any-return]

        @put("/terms/{name:str}", sync_to_thread=True, responses=responses())
        def set_term(name: str, data: SetTerm) -> Consequences:
            """Change the logic of a lifecycle term and recompute who is where."""
            return locked(lambda: change(ws, self._term(name, data), data.why, data.who))  # type: ignore[no-any-return]

        @post("/terms/{name:str}/undo", status_code=200, sync_to_thread=True, responses=responses())
        def undo_term(name: str, data: Why) -> Consequences:
            """Put a lifecycle term back as it was before its last change."""
            return locked(lambda: undo_change(ws, "term", name, data.why, data.who))  # type: ignore[no-any-return]

        return [term_diff, set_term, undo_term]

    def _wanted(self, name: str, data: Wanted, why: str = "") -> Audience:
        plan = self.ws.plan
        if sum(x is not None for x in (data.text, data.rule, data.rfm)) != 1:
            raise BadInput(
                f"change of {name}", value=None, rule="a change is a text, a rule or a grid, one of them", next_step='give text: "orders >= 2"'
            )  # fmt: skip
        old = plan.find(Audience, name)
        rule = (
            parse_rule(plan, data.text)
            if data.text is not None
            else _read(data.rule, Rule)
            if data.rule is not None
            else None
        )
        made = old or Audience(id=name, label=name.replace("_", " ").capitalize())
        return msgspec.structs.replace(
            made, rule=rule, rfm=_read(data.rfm, Rfm) if data.rfm is not None else None, label=data.label or made.label, why=why or made.why,
        )  # fmt: skip

    def _term(self, name: str, data: WantedTerm) -> Term:
        return _read(plain(self.ws.plan.get(Term, name)) | {"logic": data.logic}, Term)  # type: ignore[no-any-return]


def _read(data: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"definition of a {kind.__name__.lower()}", value=str(error)[:200], rule="every field has a name and a type (butfor schema prints them)",
            next_step="correct the field",
        ) from error  # fmt: skip
