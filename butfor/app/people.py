"""People of a workspace: judge pairs of accounts, follow live observations, carry what changed into traits and audiences."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from sqlglot import exp

import butfor.audiences as audiences
import butfor.ingest as ingest
import butfor.profiles as profiles
from butfor.app.members import compute_touched, day_of, kept_clock, touched_ids
from butfor.app.workspace import Workspace
from butfor.audiences.membership import due
from butfor.campaigns.cooling import hold_pending, release_pending
from butfor.catalog import Posted, balance, earn
from butfor.identity import PEOPLE_MAP
from butfor.identity.facts import Rules, rules_of
from butfor.identity.judgements import DIFFERENT, SAME, WITHDRAWN, judgement, judgement_row
from butfor.identity.live import LOCK, Observation, Observed, judge_again, observe
from butfor.identity.read import stage_ids
from butfor.identity.sync import (
    account_count,
    attributes_of_accounts,
    fill_hub,
    map_of_people,
    observations,
    publish_moves,
)
from butfor.ingest import Drained
from butfor.model import BadInput
from butfor.store import SOME_TIME, Query, Table, named, select


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What a judgement changed: its number in the ledger, and the people touched, who were recomputed at once."""

    judgement: int
    verdict: str
    people: list[str]
    merged: int
    split: int


@named("app.touched_rows")
def touched_rows(columns: list[str]) -> exp.Expression:
    """The recomputed traits."""
    return select("touched_traits", columns)


def refresh(ws: Workspace, people: Iterable[str]) -> int:
    """Recompute the traits and audiences of some people, and of nobody else; return how many people they are now."""
    ids = sorted(people)
    if not ids or "traits" not in ws.lake.tables():
        return 0
    lake, table = ws.lake, profiles.trait_table(ws.plan)
    stage_ids(lake, "touched_people", ids, "person_id")
    with lake.transaction():
        rows = lake.fetch(map_of_people("touched_people"))
        lake.stage("touched_map", rows, like=PEOPLE_MAP)
        as_of = ws.as_of()
        dialect = "spark" if lake.engine == "spark" else "duckdb"
        events, fresh, copied, stages = _touched_queries(ws, as_of)
        for name, query in events:
            lake.scratch(name, query)
        lake.scratch(Table("touched_traits", table.columns), fresh.moved(as_of, dialect))
        n = lake.replace(table, "person_id", touched_ids(), copied)
        compute_touched(ws.hub, lake, stages, as_of, dialect)
    return n


def look_again(ws: Workspace) -> int:
    """Recompute the people whose membership may have changed because time has passed; return how many they are."""
    if audiences.RECHECK.name not in ws.lake.tables():
        return 0
    return refresh(ws, map(str, ws.lake.fetch(due(ws.as_of()))["person_id"].to_pylist()))


Touched = tuple[list[tuple[Table, Query]], Query, Query, list[tuple[audiences.Stage, Query]]]


def _touched_queries(ws: Workspace, as_of: datetime) -> Touched:
    """Return the queries of touched events, traits, their copy and the flags of audiences; they are built once for a plan and day."""
    if ws.kept.get("day") != day_of(ws.plan, as_of):
        clock, columns = kept_clock(ws.plan, as_of), list(profiles.trait_table(ws.plan).columns)
        fresh = profiles.touched(ws.trait_query(SOME_TIME, joined=True, clock=clock))
        ws.lake.ensure(audiences.MEMBERSHIP, audiences.PAST, audiences.RECHECK)
        compiled = audiences.compile_audiences(ws.plan, clock)
        stages = [
            (s, profiles.touched(audiences.flags(ws.plan, s, clock, "touched_traits")))
            for s in compiled.stages
        ]
        read = sorted({t for q in (fresh, *(q for _, q in stages)) for t in profiles.tables_read(q)})
        tables = {t.name: t for t in ingest.all_tables(ws.plan)}
        events = [(Table(profiles.TOUCHED + t, tables[t].columns), profiles.touched_events(t)) for t in read]
        ws.kept = {
            "day": day_of(ws.plan, as_of),
            "plan": ws.plan,
            "touched": (events, fresh, touched_rows(columns), stages),
        }
    found: Touched = ws.kept["touched"]
    return found


def touch(ws: Workspace, accounts: Iterable[str]) -> Observed:
    """Follow what the lake has learnt of some accounts: who they are, then the traits and audiences of those people."""
    rules = rules_of(ws.plan)
    return _observed(ws, rules, observations(ws.lake, rules, accounts))


def _observed(ws: Workspace, rules: Rules, shown: Iterable[Observation]) -> Observed:
    seen = observe(ws.hub, rules, shown, ws.now)
    moved = publish_moves(ws.hub, ws.lake)
    refresh(ws, seen.people | moved)
    if seen.merged or seen.split:
        cool(ws, moved)
    return seen


def follow(ws: Workspace, drained: Drained) -> None:
    """Follow what a micro-batch of live events brought; doing it again changes nothing."""
    rules = rules_of(ws.plan)
    shown = [Observation(**row) for row in drained.observations.to_pylist()]
    rest = drained.accounts if drained.proved else drained.accounts - {o.account_id for o in shown}
    told = attributes_of_accounts(ws.lake, rules, shown)
    more = observations(ws.lake, rules, rest) if rest else ()
    _observed(ws, rules, [*shown, *told, *more])


def cool(ws: Workspace, people: Iterable[str]) -> None:
    """Hold what waits to be sent to people merged lately, and let go what was held for people who are apart again."""
    release_pending(ws.hub, ws.plan, set(people), ws.now)
    hold_pending(ws.hub, ws.plan, ws.now)


def open_live(ws: Workspace) -> int:
    """Make the hub ready for live calls: where it lacks accounts, a recount and then all of them; return how many it holds."""
    ws.lake.ensure(*ingest.all_tables(ws.plan))
    have = ws.hub.count("account")
    if have == int(ws.lake.fetch(account_count())["n"][0].as_py()) and "traits" in ws.lake.tables():
        return have
    ws.run()
    return fill_hub(ws.hub, ws.lake, rules_of(ws.plan), ws.now)


def judge_pair(
    ws: Workspace, left: str, right: str, verdict: str, why: str, who: str | None = None
) -> Decided:
    """Say that two accounts are one person (``same``) or never are (``different``), and recompute who they are.

    Points stay on their accounts whatever is said. Raises BadInput for unknown accounts or no reason.
    """
    if verdict not in (SAME, DIFFERENT):
        raise BadInput(
            "verdict",
            value=verdict,
            rule="accounts are the same or different",
            next_step=f"say {SAME} or {DIFFERENT}",
        )
    _need_why(why)
    open_live(ws)
    one, other = account_of(ws, left), account_of(ws, right)
    row = judgement_row(one, other, verdict, who or getpass.getuser(), "by hand", why, ws.now)
    return _decide(ws, [row])


def withdraw(ws: Workspace, number: int, why: str, who: str | None = None) -> Decided:
    """Take a judgement back; people, traits and audiences are as if it had never been said."""
    _need_why(why)
    old = judgement(ws.hub, number)
    name = who or getpass.getuser()
    row = judgement_row(old.left_account, old.right_account, WITHDRAWN, name, "by hand", why, ws.now, old.id)
    done = _decide(ws, [row])
    for pair in ws.hub.rows("review", left_account=row["left_account"], right_account=row["right_account"]):
        ws.hub.update("review", {"status": "open", "decided_at": None, "decided_by": None}, id=pair["id"])
    return done


def undo(ws: Workspace, change: int, why: str, who: str | None = None) -> Decided:
    """Take a merge back, whatever caused it: the accounts that were joined are judged never to be one person."""
    _need_why(why)
    row = ws.hub.first("person_change", id=change)
    if row is None or row["kind"] != "merge":
        raise BadInput(
            "change",
            value=change,
            rule="it is a merge of the identity ledger",
            next_step="butfor identity log lists them",
        )
    moved = set(msgspec.json.decode(row["accounts"], type=list[str]))
    stayed = [
        r["account_id"]
        for r in ws.hub.rows("account", person_id=row["person_id"])
        if r["account_id"] not in moved
    ]
    pairs = [(m, s) for m in sorted(moved) for s in stayed]
    if not pairs:
        raise BadInput(
            "change",
            value=change,
            rule="a merge that still stands can be undone",
            next_step="butfor identity log shows what came after",
        )
    rule = f"undo of change {change}"
    rows = [judgement_row(m, s, DIFFERENT, who or getpass.getuser(), rule, why, ws.now) for m, s in pairs]
    return _decide(ws, rows)


def decide_review(ws: Workspace, number: int, same: bool, why: str, who: str | None = None) -> Decided:
    """Decide a pair of the review queue."""
    row = ws.hub.first("review", id=number)
    if row is None or row["status"] != "open":
        raise BadInput(
            "review",
            value=number,
            rule="it is an open review",
            next_step="butfor review list shows those that are open",
        )
    done = judge_pair(ws, row["left_account"], row["right_account"], SAME if same else DIFFERENT, why, who)
    status = "approved" if same else "refused"
    ws.hub.update(
        "review", {"status": status, "decided_at": ws.now, "decided_by": who or getpass.getuser()}, id=number
    )
    return done


def account_of(ws: Workspace, name: str) -> str:
    """Return the id of an account given by its id or as ``source:key``; raise BadInput when nothing was seen of it."""
    row = _account_row(ws, name)
    if row is None:
        # It may have come by a file that the hub has not seen.
        open_live(ws)
        row = _account_row(ws, name)
    if row is None:
        raise BadInput(
            "account", value=name, rule="an account is known by its id or as source:key, and something was seen of it",
            next_step="butfor customer find shows the accounts of a person",
        )  # fmt: skip
    return str(row["account_id"])


def _account_row(ws: Workspace, name: str) -> dict[str, Any] | None:
    source, _, key = name.partition(":")
    known = {"source": source, "account_key": key} if key else {"account_id": name}
    return ws.hub.first("account", **known)


def credit(
    ws: Workspace, account: str, points: int, reference: str, *, who: str, kind: str = "earn"
) -> Posted:
    """Credit an account; with its first points it is judged again, for they keep apart what equal names had joined."""
    number = account_of(ws, account)
    done = earn(ws.hub, number, points, reference, now=ws.now, who=who, kind=kind)
    if balance(ws.hub, number).earned == done.points:
        with ws.hub.session() as session:
            moves = judge_again(session, rules_of(ws.plan), {number}, ws.now, f"points {done.entry}")
        carry(ws, moves.people)
    return done


def carry(ws: Workspace, people: Iterable[str]) -> set[str]:
    """Carry people who changed in the hub into map, traits, audiences and waiting messages; return all who were touched."""
    found = publish_moves(ws.hub, ws.lake) | set(people)
    refresh(ws, found)
    cool(ws, found)
    return found


def _decide(ws: Workspace, rows: list[dict[str, Any]]) -> Decided:
    """Write judgements down and carry them out, all or nothing; the last of them is named."""
    accounts = {r[side] for r in rows for side in ("left_account", "right_account")}
    with ws.hub.session() as session:
        session.lock(LOCK)
        session.append("judgement", rows)
        last = session.rows_in("judgement", "left_account", [rows[-1]["left_account"]], ["id"])
        number = max(n for (n,) in last)
        moves = judge_again(session, rules_of(ws.plan), accounts, ws.now, f"judgement {number}")
        now = {p for (p,) in session.rows_in("account", "account_id", accounts, ["person_id"]) if p}
    people = carry(ws, moves.people | now)
    return Decided(
        judgement=number, verdict=rows[-1]["verdict"], people=sorted(people), merged=moves.merged, split=moves.split,
    )  # fmt: skip


def _need_why(why: str) -> None:
    if not why.strip():
        raise BadInput(
            "judgement", value="no reason", rule="a judgement says why", next_step="give why in one sentence"
        )
