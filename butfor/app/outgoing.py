"""Who of an audience may leave over a channel, at which address; and who may not, by reason."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from sqlglot import exp

import butfor.audiences as audiences
from butfor.app.members import clock_of
from butfor.app.retarget import bought_since_seen
from butfor.app.workspace import Workspace
from butfor.audiences.membership import size_history
from butfor.campaigns.launch import candidates
from butfor.channels.consent import GIVEN, WITHDRAWN, consents
from butfor.model import BadInput, Refused
from butfor.plan import did_you_mean
from butfor.plan.kinds import Audience, Term
from butfor.store import column, named, select


class Way(msgspec.Struct, frozen=True):
    """A channel: the identifiers it reaches people at, best first, what their column is called, and what keeps people back.

    A ``message`` is kept from who unsubscribed or waits for an answer; what ``bounces`` counts for e-mail. Who has no such
    identifier is known by the ``own_id``, the person's id, where the channel can use it.
    """

    terms: tuple[str, ...]
    header: str
    message: bool = True
    bounces: bool = False
    own_id: bool = False


CHANNELS = {
    "list": Way((), "", message=False),
    "email": Way(("email",), "email", bounces=True),
    "sms": Way(("phone",), "phone"),
    "push": Way(("push_token", "device_id"), "device"),
    "promotion": Way(("loyalty_card",), "card", message=False, own_id=True),
}
MESSAGES, ADS = "messages", "ads"
PURPOSES = (MESSAGES, ADS)


class Reached(msgspec.Struct, frozen=True):
    """The address of each person who may be exported, and how many may not, by reason."""

    addresses: dict[str, str | None]
    left_out: dict[str, int]


@named("app.export_columns")
def export_columns(columns: list[str]) -> exp.Expression:
    """What is known of everybody in some traits and attributes."""
    return select("traits", ["person_id", *columns]).order_by(column("person_id"))


def need_audience(ws: Workspace, name: str) -> list[str]:
    """Return the audiences that a name stands for, a grid being its cells: everybody who bought and has one.

    Raises BadInput when there is none or it was never computed; Refused or BadDefinition when its rule may not be used.
    """
    ws.need_run()
    known = audiences.audience_names(ws.plan)
    cells = [n for n in known if n.startswith(f"{name}.") and not n.endswith(".no_purchase")]
    names = [name] if name in known else cells
    if not names:
        grids = [a.id for a in ws.plan.all(Audience) if a.rfm]
        raise BadInput(
            "audience", value=name, rule="an audience is defined in audiences/", next_step=did_you_mean(name, [*known, *grids])
        )  # fmt: skip
    for error in audiences.compile_audiences(
        ws.plan, clock_of(ws.plan, ws.computed_as_of()), names
    ).broken.values():
        raise error
    if not all(ws.lake.fetch(size_history(n)).num_rows for n in names):
        raise BadInput(
            "audience", value=name, rule="who is in it was computed", next_step=f"butfor -C {ws.folder} run"
        )
    return names


def membership(ws: Workspace, names: Sequence[str]) -> list[str]:
    """Return the ids of the people of some audiences, sorted, each once."""
    return sorted({p for n in names for p in ws.lake.fetch(audiences.members(n))["person_id"].to_pylist()})


def membership_hash(people: Sequence[str]) -> str:
    """Return the SHA-256 of sorted person ids, one per line: the same list has the same hash on every channel."""
    return hashlib.sha256("\n".join(people).encode()).hexdigest()


def need_channel(ws: Workspace, channel: str, purpose: str) -> Way:
    """Return a channel; raise BadInput when there is none of that name, or the plan has no identifier for it."""
    if channel not in CHANNELS:
        raise BadInput("channel", value=channel, rule="a channel has addresses", next_step=f"one of {', '.join(CHANNELS)}")  # fmt: skip
    if purpose not in PURPOSES:
        raise BadInput("purpose", value=purpose, rule="it says what the list is for", next_step=f"one of {', '.join(PURPOSES)}")  # fmt: skip
    way = CHANNELS[channel]
    if way.terms and not _terms(ws, way) and not way.own_id:
        raise BadInput(
            f"channel {channel}", value="no identifier", rule=f"people are reached at {' or '.join(way.terms)}",
            next_step=f"add a term {way.terms[0]} with what: identifier, and a source that delivers it",
        )  # fmt: skip
    if purpose == ADS and channel not in ("email", "sms"):
        raise BadInput(
            f"channel {channel}", value=ADS, rule="ad platforms know people by e-mail or phone", next_step="--channel email"
        )  # fmt: skip
    return way


def need_columns(ws: Workspace, columns: Sequence[str]) -> None:
    """Raise BadInput for a column that is not known of people, Refused for one whose use is denied (R-193).

    What leaves can be shown and chosen by elsewhere, so both uses must be permitted.
    """
    known = [t.id for t in ws.plan.all(Term) if t.what in ("attribute", "trait")]
    for name in columns:
        if name not in known:
            raise BadInput("column", value=name, rule="a trait or an attribute of people", next_step=did_you_mean(name, known))  # fmt: skip
        term = ws.plan.get(Term, name)
        said = {"target": term.uses.target, "content": term.uses.content} if term.uses else {"uses": "deny"}
        denied = [f"{use}: {value}" for use, value in said.items() if value == "deny"]
        if denied:
            raise Refused(
                f"exporting {name}", value=", ".join(denied),
                rule=f"{term.label} leaves only where it may both choose people and be shown to them (R-193)",
                next_step=f"leave it out, or have its owner ({term.owner or 'nobody named'}) allow it",
            )  # fmt: skip


def reach(ws: Workspace, names: Sequence[str], people: Sequence[str], channel: str, purpose: str) -> Reached:
    """Return the address of each member who may be exported over a channel, and count those who may not."""
    way = need_channel(ws, channel, purpose)
    if not way.terms:
        return Reached(dict.fromkeys(people), {})
    rows = _candidates(ws, names, way)
    verdicts = {n: _said(ws, n, rows) for n in {channel, *way.terms, *([ADS] if purpose == ADS else [])}}
    since = bought_since_seen(ws, names) if purpose == ADS else {}
    addresses: dict[str, str | None] = {}
    reasons: Counter[str] = Counter()
    for person in people:
        row = rows[person]
        why = _why_not(row, way, purpose, {n: v.get(row["address"]) for n, v in verdicts.items()})
        why = why or since.get(person)
        if why:
            reasons[why] += 1
        else:
            address = row["address"] or person
            addresses[person] = hashed(address) if purpose == ADS else address
    return Reached(addresses, dict(sorted(reasons.items())))


def hashed(address: str) -> str:
    """Return the SHA-256 of an address in lower case without blanks around it, as ad platforms match people."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def _terms(ws: Workspace, way: Way) -> list[str]:
    return [t for t in way.terms if ws.plan.find(Term, t) is not None]


def _candidates(ws: Workspace, names: Sequence[str], way: Way) -> dict[str, dict[str, Any]]:
    """Return each member with their best address, and what their accounts said no to."""
    found: dict[str, dict[str, Any]] = {}
    refusals = _there(ws, "ev_unsubscribed", way.message)
    bounces = _there(ws, "ev_email_bounced", way.bounces)
    opened, closed = (_there(ws, f"ev_complaint_{w}", way.message) for w in ("opened", "closed"))
    for term in _terms(ws, way) or [way.terms[0]]:
        for name in names:
            query = candidates(name, term, refusals, bounces, opened, closed, ws.as_of())
            for row in ws.lake.fetch(query).to_pylist():
                known = found.setdefault(row["person_id"], row)
                if not known["address"]:
                    found[row["person_id"]] = row
    return found


def _there(ws: Workspace, table: str, wanted: bool) -> list[str]:
    return [table] if wanted and table in ws.lake.tables() else []


def _said(ws: Workspace, channel: str, rows: Mapping[str, dict[str, Any]]) -> dict[str | None, str]:
    """Return what people said of a channel, by address."""
    given = consents(ws.hub, channel, {r["address"] for r in rows.values() if r["address"]})
    return {address: found.verdict for address, found in given.items()}


def _why_not(row: dict[str, Any], way: Way, purpose: str, said: Mapping[str, str | None]) -> str | None:
    checks = (
        (not row["address"] and not way.own_id, f"no {way.header}"),
        (row["refused"] or WITHDRAWN in said.values(), "said no"),
        (row["bounced"], "address bounced"),
        (row["open_case"], "open case"),
        (purpose == ADS and said[ADS] != GIVEN, "no explicit yes to ads"),
    )
    return next((why for held, why in checks if held), None)


def columns_of(ws: Workspace, people: Sequence[str], columns: Sequence[str]) -> pa.Table:
    """Return what is known of some people in their order: one row each, as typed columns."""
    rows = ws.lake.fetch(export_columns(list(columns)))
    places = {p: i for i, p in enumerate(rows["person_id"].to_pylist())}
    taken = pa.array([places[p] for p in people], pa.int64())
    return rows.take(taken).select(list(columns))
