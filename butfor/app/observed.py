"""The plan's observed status: of each term, what really comes in (R-197)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import msgspec

import butfor.ingest as ingest
from butfor.app.workspace import Workspace
from butfor.ingest.observed import attribute_volumes, refusals, shares, unplanned_names, volumes
from butfor.plan.kinds import Source, Term

DAYS = 30


class TermStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one term: usable events (or values), those of the last 30 days, refused ones with reasons,
    the share of events with each property, and names in them that the plan does not know."""

    term: str
    what: str
    valid: int = 0
    invalid: int = 0
    last_seen: datetime | None = None
    volume_30d: int = 0
    shares: dict[str, float] = {}
    reasons: dict[str, int] = {}
    unplanned: dict[str, int] = {}


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """The status of every term, and the event names that came in without being planned."""

    terms: list[TermStatus]
    unexpected: dict[str, int]
    unplanned_columns: dict[str, int]


def observed(ws: Workspace) -> Observed:
    """Return what was seen of every event and attribute of the plan until now."""
    ws.lake.ensure(*ingest.all_tables(ws.plan))
    since = ws.now - timedelta(days=DAYS)
    terms = [t for t in ws.plan.all(Term) if t.what in ("event", "attribute")]
    rows = ws.lake.fetch(refusals()).to_pylist()
    reasons, unexpected, columns = _refused(ws, rows)
    names: dict[str, Counter[str]] = {}
    for r in ws.lake.fetch(unplanned_names()).to_pylist():
        names.setdefault(r["term"], Counter())[r["property"]] += int(r["n"])
    found = []
    for what, query in (("event", volumes), ("attribute", attribute_volumes)):
        mine = [t for t in terms if t.what == what]
        seen = {r["term"]: r for r in ws.lake.fetch(query(mine, since)).to_pylist()} if mine else {}
        for t in mine:
            r, refused = seen[t.id], reasons.get(t.id, Counter())
            status = TermStatus(
                term=t.id, what=what, valid=r["valid"], invalid=sum(refused.values()), last_seen=r["last_seen"],
                volume_30d=int(r["recent"] or 0), reasons=dict(refused.most_common()), unplanned=dict(names.get(t.id, {})),
                shares=_shares(ws, t, r["valid"]) if what == "event" and r["valid"] else {},
            )  # fmt: skip
            found.append(status)
    return Observed(
        terms=found, unexpected=dict(unexpected.most_common()), unplanned_columns=dict(columns.most_common())
    )


def _shares(ws: Workspace, term: Term, events: int) -> dict[str, float]:
    if not term.properties:
        return {}
    return {r["property"]: r["filled"] / events for r in ws.lake.fetch(shares(term)).to_pylist()}


def _refused(
    ws: Workspace, rows: list[dict[str, object]]
) -> tuple[dict[str, Counter[str]], Counter[str], Counter[str]]:
    """Sort what is in quarantine: reasons per term, unexpected event names, unplanned columns of files."""
    reasons: dict[str, Counter[str]] = {}
    unexpected, columns = Counter[str](), Counter[str]()
    for r in rows:
        n, reason, field = int(str(r["n"])), str(r["reason"]), str(r["field"])
        source = ws.plan.find(Source, str(r["source"]))
        term = str(r["term"] or "") or (source.event if source else None) or ""
        if reason in ("unexpected event", "unknown event"):
            unexpected[str(r["term"]) or f"{r['source']}: {field}"] += n
        elif reason == "unplanned attribute":
            columns[f"{r['source']}: {field}"] += n
        else:
            reasons.setdefault(_of(ws, term, field), Counter())[reason] += n
    return reasons, unexpected, columns


def _of(ws: Workspace, term: str, field: str) -> str:
    """Return the attribute that a refused call about a person broke on, else the event term."""
    name = field.removeprefix("traits.")
    about = next((t.id for t in ws.plan.all(Term) if t.what == "attribute" and t.system == name), None)
    return about or term if field.startswith("traits.") else term
