"""The batch lane of identity on a workspace: people who are alike though no number joins them (R-086)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlglot import exp

from butfor.app.people import open_live
from butfor.app.workspace import Workspace
from butfor.identity.facts import pair, rules_of
from butfor.identity.judgements import ALIKE, all_said, judgement_row
from butfor.identity.link import Linked, link_records
from butfor.identity.read import people_map
from butfor.identity.recount import break_circuit, stakes
from butfor.model import BadInput
from butfor.plan.kinds import Term
from butfor.store import column, named, sql

# What a term of the default plan tells the model; a term of the same name in a brand's plan is read alike.
ROLE_OF = {
    "first_name": "given_name", "last_name": "surname", "birth_date": "birth_date", "city": "city", "postcode": "postcode",
    "address": "address", "email": "email", "phone": "phone", "national_id": "national_id",
}  # fmt: skip
RULE = "alike"
MOST_REVIEWS = 1_000
_SEE = "see them with butfor identity link --dry-run; if they are right, repeat with --accept-merges"


class LinkRun(msgspec.Struct, frozen=True, kw_only=True):
    """What the linkage of a workspace found and did; ``dry`` runs did nothing."""

    people: int
    compared: list[str]
    merges: int
    reviews: int
    people_after: int
    expected_precision: float
    examples: list[dict[str, Any]]
    seconds: float
    dry: bool


@named("app.link_records")
def person_records(attributes: Sequence[str], identifiers: Sequence[str]) -> exp.Expression:
    """One record per person: attributes as they survive, and one value of each identifier, verified ones first."""
    base = sql("SELECT CAST(t.person_id AS TEXT) AS record FROM traits AS t ORDER BY t.person_id")
    assert isinstance(base, exp.Select)
    base = base.select(*[exp.cast(column(a, "t"), "TEXT").as_(a, quoted=True) for a in attributes])
    for name in identifiers:
        values = sql(
            """
            SELECT p.person_id, coalesce(min(CASE WHEN coalesce(i.verified, true) THEN i.val END), min(i.val)) AS val
            FROM identifier AS i JOIN people_map AS p ON p.account_id = i.account_id WHERE i.term = :term GROUP BY p.person_id
            """,
            term=name,
        )
        at = f"i_{name}"
        base = base.join(
            exp.Subquery(this=values).as_(at), on=f"{at}.person_id = t.person_id", join_type="left"
        )
        base = base.select(column("val", at).as_(name, quoted=True))
    return base


def link_people(
    ws: Workspace, *, dry: bool = False, accept: bool = False, tell: Callable[[str], None] = lambda _: None
) -> LinkRun:
    """Compare all people, join those who are surely one, and put those who may be into the review queue.

    What it finds are judgements like any other: they can be withdrawn, limits and vetoes stand above them, and people with
    points wait for a review. Raises Refused when an unusual share of the people would be merged, unless ``accept``.
    """
    began = time.perf_counter()
    open_live(ws)
    linked, roles = _linked(ws, tell)
    accounts = _first_accounts(ws)
    joins = _spanning(linked)
    people = len(set(accounts))
    if not dry:
        if not accept:
            break_circuit(ws.plan, len(joins), people, _SEE)
        tell("writing judgements")
        _write(ws, linked, joins, accounts)
        ws.run(accept_merges=True)
    examples = [msgspec.to_builtins(linked.explain_row(at)) for at in joins[:5]]
    return LinkRun(
        people=people, compared=sorted(roles), merges=len(joins), reviews=min(linked.proposals.num_rows, MOST_REVIEWS),
        people_after=len(set(_first_accounts(ws))), expected_precision=linked.lanes.expected_precision, examples=examples,
        seconds=round(time.perf_counter() - began, 1), dry=dry,
    )  # fmt: skip


def _linked(ws: Workspace, tell: Callable[[str], None]) -> tuple[Linked, dict[str, str]]:
    terms = {t.id: t for t in ws.plan.all(Term) if t.id in ROLE_OF}
    attributes = [n for n, t in terms.items() if t.what == "attribute"]
    identifiers = [n for n, t in terms.items() if t.what == "identifier"]
    records = ws.lake.fetch(person_records(attributes, identifiers))
    # A field that hardly anybody has trains nothing.
    roles = {n: ROLE_OF[n] for n in terms if records[n].null_count < 0.98 * records.num_rows}
    if records.num_rows < 2 or len(roles) < 2:
        raise BadInput(
            "people", value=f"{records.num_rows} with {', '.join(sorted(roles)) or 'no field'}",
            rule="people are compared by two or more of " + ", ".join(ROLE_OF),
            next_step="map such columns in a source, load it, and butfor run",
        )  # fmt: skip
    limits = [x.term for x in rules_of(ws.plan).limits if x.term in roles and x.most == 1]
    person = {r["account_id"]: r["person_id"] for r in ws.lake.fetch(people_map()).to_pylist()}
    apart = {(person[a], person[b]) for a, b in all_said(ws.hub).different if a in person and b in person}
    found = link_records(
        records, {role: n for n, role in roles.items()}, key="record", never_differ=limits,
        apart=sorted(p for p in apart if p[0] != p[1]), tell=tell,
    )  # fmt: skip
    return found, roles


def _first_accounts(ws: Workspace) -> dict[str, str]:
    """Return one account of each person."""
    out: dict[str, str] = {}
    for row in ws.lake.fetch(people_map()).to_pylist():
        if row["home"] is not None:
            out.setdefault(row["person_id"], row["account_id"])
    return out


def _spanning(linked: Linked) -> list[int]:
    """Return the rows of the strongest pairs that join each group of people, and no more of them."""
    joined = [i for i, o in enumerate(linked.pairs["outcome"].to_pylist()) if o == "merge"]
    bits, left, right = (linked.pairs[c].to_pylist() for c in ("bits", "a", "b"))
    joined.sort(key=lambda i: (-bits[i], left[i], right[i]))
    root: dict[str, str] = {}

    def top(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = name = root[root[name]]
        return name

    out = []
    for i in joined:
        a, b = top(left[i]), top(right[i])
        if a != b:
            root[a] = b
            out.append(i)
    return out


def _write(ws: Workspace, linked: Linked, joins: list[int], accounts: dict[str, str]) -> None:
    rows = []
    for at in joins:
        why = linked.explain_row(at)
        if why.a in accounts and why.b in accounts:
            evidence = msgspec.json.encode(why).decode()
            rows.append(
                judgement_row(
                    accounts[why.a], accounts[why.b], ALIKE, "butfor identity link", RULE, evidence, ws.now
                )
            )
    ws.hub.append("judgement", rows)
    held, reviews = stakes(ws.hub), []
    for row in linked.proposals.slice(0, MOST_REVIEWS).to_pylist():
        if row["person_a"] not in accounts or row["person_b"] not in accounts:
            continue
        left, right = pair(accounts[row["person_a"]], accounts[row["person_b"]])
        reviews.append(
            {
                "left_account": left, "right_account": right, "why": RULE, "score": row["bits"], "evidence": f"{row['pairs']} pairs alike",
                "at_stake": held.get(left, 0) + held.get(right, 0), "made_at": ws.now, "status": "open",
            }
        )  # fmt: skip
    ws.hub.append("review", reviews, once=True)
