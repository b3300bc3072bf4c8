"""One customer: who they are, with the source of every value, and everything that happened, in one timeline (R-090)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

import butfor.profiles.timeline as timeline
from butfor.app.workspace import Workspace
from butfor.catalog import balance
from butfor.channels.consent import Consent, consents
from butfor.identity import PEOPLE_MAP
from butfor.identity.changes import former_ids
from butfor.identity.judgements import judgements_of
from butfor.identity.read import stage_ids
from butfor.ingest import all_tables
from butfor.model import BadInput
from butfor.plan.kinds import Campaign, Source, Term

CHANNELS = ("email", "phone")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a person: its source's own key, and what points it holds."""

    account_id: str
    source: str
    account_key: str
    points: int = 0


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A value of the golden record, where it comes from, and what other sources say."""

    term: str
    value: str
    source: str
    seen_at: datetime
    others: dict[str, str] = {}


class Identified(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier of one of the person's accounts."""

    account_id: str
    source: str
    term: str
    value: str
    verified: bool


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in a person's timeline: when, what, on which account or by whom, and its details."""

    at: datetime
    kind: str
    what: str
    source: str
    account_id: str | None = None
    details: dict[str, Any] = {}


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A person with accounts, golden record, traits, audiences, consents, and the timeline, newest first."""

    person_id: str
    accounts: list[Account]
    record: list[Known]
    identifiers: list[Identified]
    traits: dict[str, Any]
    audiences: list[str]
    consents: list[Consent]
    timeline: list[Happened]


def find_people(ws: Workspace, text: str) -> list[dict[str, Any]]:
    """Return the accounts, with their people, that carry an e-mail, phone, card or account key."""
    ws.lake.ensure(*all_tables(ws.plan), PEOPLE_MAP)
    found = ws.lake.fetch(timeline.accounts_known_by(text.strip())).to_pylist()
    lower = text.strip().lower()
    return found or list(ws.lake.fetch(timeline.accounts_known_by(lower)).to_pylist())


def customer(ws: Workspace, name: str) -> Customer:
    """Return a customer by person id, account id, ``source:key``, e-mail or any other identifier.

    Raises BadInput when nobody, or more than one person, is known by that name.
    """
    accounts = _accounts(ws, name)
    ids = [a["account_id"] for a in accounts]
    person = accounts[0]["person_id"] or ids[0]
    stage_ids(ws.lake, "staged_some", ids)
    names = [t.id for t in ws.plan.all(Term) if t.what == "attribute"]
    values = ws.lake.fetch(timeline.attributes_of(names)).to_pylist()
    identifiers = list(_identifiers(ws))
    agreed = _consents(ws, identifiers)
    happened = [
        *_events(ws),
        *_points(ws, ids),
        *_contacts(ws, person),
        *_said(ws, identifiers),
        *_merges(ws, person, ids),
    ]
    return Customer(
        person_id=person,
        accounts=[
            Account(
                account_id=a["account_id"], source=a["source"], account_key=a["account_key"],
                points=balance(ws.hub, a["account_id"]).balance,
            )
            for a in accounts
        ],
        record=golden_record(ws, values),
        identifiers=identifiers,
        traits=_traits(ws, person),
        audiences=_audiences(ws, person),
        consents=agreed,
        timeline=sorted(happened, key=lambda h: (h.at, h.kind, h.what), reverse=True),
    )  # fmt: skip


def person_of(ws: Workspace, name: str) -> str:
    """Return the id of the person known by a person id, account id, ``source:key``, e-mail or other identifier.

    Raises BadInput when nobody, or more than one person, is known by that name.
    """
    first = _accounts(ws, name)[0]
    return str(first["person_id"] or first["account_id"])


def golden_record(ws: Workspace, values: list[dict[str, Any]]) -> list[Known]:
    """Return the surviving value of each attribute: of the first source in the term's ``sources``, else the newest.

    ``values`` are the delivered rows, newest first.
    """
    out = []
    for term in ws.plan.all(Term):
        rows = [r for r in values if r.get(term.id) is not None] if term.what == "attribute" else []
        if not rows:
            continue
        best = min(
            rows,
            key=lambda r: (
                term.sources.index(r["source"]) if r["source"] in term.sources else len(term.sources)
            ),
        )
        others: dict[str, str] = {}
        for r in rows:
            if r[term.id] != best[term.id]:
                others.setdefault(r["source"], r[term.id])
        out.append(
            Known(
                term=term.id,
                value=best[term.id],
                source=best["source"],
                seen_at=best["seen_at"],
                others=others,
            )
        )
    return out


def _accounts(ws: Workspace, name: str) -> list[dict[str, Any]]:
    ws.lake.ensure(*all_tables(ws.plan), PEOPLE_MAP)
    source, _, key = name.partition(":")
    rows = ws.lake.fetch(timeline.accounts_of_person([name])).to_pylist()
    # An id may be a person's and that of an account which is somebody else's since a split: the person is meant.
    rows = [r for r in rows if r["person_id"] == name] or rows
    if not rows and key and ws.plan.find(Source, source):
        rows = [r for r in find_people(ws, key) if r["source"] == source]
    rows = rows or find_people(ws, name)
    people = sorted({r["person_id"] or r["account_id"] for r in rows})
    if len(people) == 1:
        found = ws.lake.fetch(timeline.accounts_of_person(people)).to_pylist()
        return [r for r in found if (r["person_id"] or r["account_id"]) == people[0]]
    if not people:
        raise BadInput(
            "customer", value=name, rule="somebody is known by this id, source:key, e-mail, phone or card",
            next_step="check the value; butfor customer find TEXT searches all of them",
        )  # fmt: skip
    raise BadInput(
        "customer", value=name, rule=f"one person is meant; {len(people)} are known by this",
        next_step="name one: " + ", ".join(people[:5]),
    )  # fmt: skip


def _identifiers(ws: Workspace) -> Iterator[Identified]:
    for r in ws.lake.fetch(timeline.identifiers_of()).to_pylist():
        yield Identified(
            account_id=r["account_id"],
            source=r["source"],
            term=r["term"],
            value=r["val"],
            verified=bool(r["sure"]),
        )


def _events(ws: Workspace) -> Iterator[Happened]:
    have = ws.lake.tables()
    for term in ws.plan.all(Term):
        table = f"ev_{term.id}"
        if term.what != "event" or table not in have:
            continue
        rows = ws.lake.fetch(timeline.events_of(table, list(term.properties))).to_pylist()
        products = _products(ws, term, table) if rows and term.products else {}
        for r in rows:
            details = {p: r[p] for p in term.properties if r[p] is not None}
            if r["part"] == 0 and r["event_id"] in products:
                details["products"] = products[r["event_id"]]
            yield Happened(
                at=r["occurred_at"],
                kind="event",
                what=term.label,
                source=r["source"],
                account_id=r["account_id"],
                details=details,
            )


def _products(ws: Workspace, term: Term, table: str) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for r in ws.lake.fetch(
        timeline.products_of(table, f"{table}__products", list(term.products))
    ).to_pylist():
        line = {p: r[p] for p in term.products if r[p] is not None} | {"paid": r["amount"]}
        out.setdefault(r["event_id"], []).append(line)
    return out


def _points(ws: Workspace, ids: list[str]) -> Iterator[Happened]:
    for account in ids:
        for r in ws.hub.rows("points", account_id=account):
            details = {"points": r["amount"], "reference": r["reference"]}
            yield Happened(
                at=r["occurred_at"],
                kind="points",
                what=f"points: {r['kind']}",
                source=r["who"],
                account_id=account,
                details=details,
            )
        for r in ws.hub.rows("refusal", account_id=account):
            details = {"points": r["amount"], "why": r["why"]}
            yield Happened(
                at=r["made_at"],
                kind="refusal",
                what=f"{r['what']} refused",
                source=r["who"],
                account_id=account,
                details=details,
            )


def _contacts(ws: Workspace, person: str) -> Iterator[Happened]:
    for each in sorted(former_ids(ws.hub, person)):
        for r in ws.hub.rows("contact", person_id=each):
            campaign = ws.plan.find(Campaign, r["campaign"])
            details = {
                k: r[k]
                for k in ("reason", "variant", "would_get", "arm", "address", "due_at")
                if r[k] is not None
            }
            what = f"{r['outcome']}: {campaign.label if campaign else r['campaign']}"
            yield Happened(at=r["made_at"], kind="contact", what=what, source=r["channel"], details=details)


def _said(ws: Workspace, identifiers: list[Identified]) -> Iterator[Happened]:
    for channel, address in sorted({(i.term, i.value) for i in identifiers if i.term in CHANNELS}):
        for r in ws.hub.rows("consent", channel=channel, address=address):
            details = {"address": address, "stated": r["stated"]}
            yield Happened(
                at=r["occurred_at"], kind="consent", what=f"{channel}: {r['verdict']}", source=r["source"],
                account_id=r["account_id"], details=details,
            )  # fmt: skip


def _consents(ws: Workspace, identifiers: list[Identified]) -> list[Consent]:
    out: list[Consent] = []
    for channel in CHANNELS:
        found = consents(ws.hub, channel, {i.value for i in identifiers if i.term == channel})
        out += [found[a] for a in sorted(found)]
    return out


def _merges(ws: Workspace, person: str, ids: list[str]) -> Iterator[Happened]:
    for side in ("person_id", "other_id"):
        for r in ws.hub.rows("person_change", **{side: person}):
            details = {
                "change": r["id"],
                "cause": r["cause"],
                "with": r["other_id" if side == "person_id" else "person_id"],
            }
            details["accounts"] = msgspec.json.decode(r["accounts"])
            yield Happened(
                at=r["made_at"], kind="identity", what=r["kind"], source="identity", details=details
            )
    for j in judgements_of(ws.hub, ids):
        details = {
            "judgement": j.id, "with": [j.left_account, j.right_account], "why": j.evidence, "rule": j.rule,
        }  # fmt: skip
        yield Happened(at=j.made_at, kind="judgement", what=j.verdict, source=j.who, details=details)


def _traits(ws: Workspace, person: str) -> dict[str, Any]:
    if "traits" not in ws.lake.tables():
        return {}
    rows = ws.lake.fetch(timeline.traits_of(person)).to_pylist()
    return (
        {k: v for k, v in rows[0].items() if v is not None and k not in ("person_id", "recheck_at")}
        if rows
        else {}
    )


def _audiences(ws: Workspace, person: str) -> list[str]:
    if "membership" not in ws.lake.tables():
        return []
    return list(ws.lake.fetch(timeline.audiences_of(person))["audience"].to_pylist())
