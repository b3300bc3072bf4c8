"""Give people what is known of them, and forget them in both stores, with proof (GDPR articles 15, 17 and 20)."""

from __future__ import annotations

import getpass
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

import butfor.profiles.forget as forget
from butfor.app.customer import Customer, customer
from butfor.app.export import EXPORTED
from butfor.app.forget import forget_in_hub
from butfor.app.people import carry
from butfor.app.workspace import DATA, Workspace
from butfor.audiences import MEMBERSHIP, PAST, RECHECK
from butfor.catalog.products import RECOMMENDATION
from butfor.experiments.outcomes import ASSIGNMENT
from butfor.identity import PEOPLE_MAP, rules_of
from butfor.identity.changes import former_ids
from butfor.identity.read import stage_ids
from butfor.ingest.erased import mark_of
from butfor.ingest.tables import (
    ACCOUNT,
    ERASED_MARKS,
    IDENTIFIER,
    QUALITY,
    QUARANTINE,
    attribute_table,
    event_table,
    line_table,
)
from butfor.model import BadInput
from butfor.plan.kinds import Term
from butfor.profiles import prediction_table, trait_table
from butfor.store import Table

# Receipts are kept by commercial and tax law; what else is known of a person is not.
KEPT = ("purchase", "refund")


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased, what is kept by law and where, and what a search of both stores found afterwards."""

    pseudonym: str
    accounts: int
    removed: dict[str, int]
    kept_events: dict[str, int]
    kept_apart: str
    found_after: dict[str, int]


def export_person(ws: Workspace, name: str, path: Path) -> Customer:
    """Write everything that is known of a person to one JSON file; return it."""
    found = customer(ws, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found, enc_hook=str), indent=2))
    return found


def erase_person(
    ws: Workspace, name: str, why: str, who: str | None = None, pseudonym: str | None = None
) -> Erased:
    """Erase a person from lake, hub and outboxes. Receipts stay under a new, random id that leads back to nobody.

    What law wants kept with its name goes to a file apart that nothing reads. Raises BadInput without a reason.
    """
    if not why.strip():
        raise BadInput(
            "erasure",
            value="no reason",
            rule="an erasure says why",
            next_step='such as --why "request of 2026-07-01"',
        )
    known = customer(ws, name)
    accounts = [a.account_id for a in known.accounts]
    people = sorted(former_ids(ws.hub, known.person_id))
    values = sorted({i.value for i in known.identifiers} | {a.account_key for a in known.accounts})
    pseudonym = pseudonym or str(uuid.uuid4())
    apart = _keep_apart(ws, known, pseudonym)
    kept = {t.id: 0 for t in _events(ws) if t.role in KEPT}
    removed = _from_lake(ws, accounts, people, values, pseudonym, kept)
    with ws.hub.session() as session:
        gone, moves = forget_in_hub(session, rules_of(ws.plan), accounts, people, values, pseudonym, ws.now)
    carry(ws, moves.people)
    removed |= gone
    removed["outbox"] = _from_outboxes(ws, values)
    found = _search(ws, accounts, values)
    done = Erased(
        pseudonym=pseudonym, accounts=len(accounts), removed={k: v for k, v in removed.items() if v},
        kept_events={k: v for k, v in kept.items() if v}, kept_apart=apart, found_after=found,
    )  # fmt: skip
    row = {"made_at": ws.now, "who": who or getpass.getuser(), "why": why, "pseudonym": pseudonym}
    ws.hub.append("erasure", [row | {"proof": msgspec.json.encode(done).decode()}])
    return done


def _events(ws: Workspace) -> list[Term]:
    have = ws.lake.tables()
    return [t for t in ws.plan.all(Term) if t.what == "event" and f"ev_{t.id}" in have]


def _keep_apart(ws: Workspace, known: Customer, pseudonym: str) -> str:
    """Write the person's receipts with their name to a file of their own, with the day it may go; return its name."""
    labels = {t.label for t in _events(ws) if t.role in KEPT}
    receipts = [h for h in known.timeline if h.kind == "event" and h.what in labels]
    if not receipts:
        return ""
    until = ws.now + timedelta(days=round(365.25 * ws.plan.workspace.keep_receipts_years))
    names = [k for k in known.record if k.term in ("first_name", "last_name", "city", "country")]
    path = ws.folder / DATA / "kept_by_law" / f"{pseudonym}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {"delete_on": until.date(), "name": names, "receipts": receipts}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(body, enc_hook=str), indent=2))
    return str(path.relative_to(ws.folder))


def _from_lake(
    ws: Workspace,
    accounts: list[str],
    people: list[str],
    values: list[str],
    pseudonym: str,
    kept: dict[str, int],
) -> dict[str, int]:
    lake, removed = ws.lake, {}
    stage_ids(lake, "gone_accounts", accounts)
    stage_ids(lake, "gone_people", people, "person_id")
    lake.stage("gone_values", pa.table({"val": pa.array([v for v in values if len(v) > 3], pa.string())}))
    lake.stage("staged_marks", pa.table({"mark": [mark_of(a) for a in accounts]}), like=ERASED_MARKS)
    with lake.transaction():
        lake.insert("erased", forget.marks())
        for term in _events(ws):
            if term.role in KEPT:
                kept[term.id] = _rename(ws, event_table(term), pseudonym)
                continue
            if term.products:
                lines = line_table(term)
                removed[lines.name] = _drop(ws, lines, "event_id", forget.event_ids(f"ev_{term.id}"))
            removed[f"ev_{term.id}"] = _drop(ws, event_table(term), "account_id", forget.accounts())
        for table in (ACCOUNT, IDENTIFIER, QUALITY, attribute_table(ws.plan), PEOPLE_MAP):
            removed[table.name] = _drop(ws, table, "account_id", forget.accounts())
        removed["quarantine"] = _drop(ws, QUARANTINE, "row_id", forget.quarantined_with())
        for table in (trait_table(ws.plan), MEMBERSHIP, PAST, RECHECK, prediction_table(), RECOMMENDATION):
            removed[table.name] = _drop(ws, table, "person_id", forget.people())
        if EXPORTED.name in lake.tables():
            # Whoever got the person in a list must still be told (GDPR article 19), by an id that leads back to nobody.
            lake.replace(EXPORTED, "person_id", forget.people(), forget.without_address(EXPORTED.name))
        if "assignment" in lake.tables():
            lake.replace(
                ASSIGNMENT,
                "person_id",
                forget.people(),
                forget.renamed_people("assignment", list(ASSIGNMENT.columns), pseudonym),
            )
        if any(kept.values()):
            _new_account(ws, pseudonym)
    return removed


def _drop(ws: Workspace, table: Table, key: str, keys: Any) -> int:
    if table.name not in ws.lake.tables():
        return 0
    before = int(ws.lake.fetch(forget.size(table.name))["n"][0].as_py())
    ws.lake.replace(table, key, keys, forget.nothing(table.name, list(table.columns)))
    return before - int(ws.lake.fetch(forget.size(table.name))["n"][0].as_py())


def _rename(ws: Workspace, table: Table, pseudonym: str) -> int:
    query = forget.renamed(table.name, list(table.columns), pseudonym)
    return ws.lake.replace(table, "account_id", forget.accounts(), query)


def _new_account(ws: Workspace, pseudonym: str) -> None:
    """Give the kept receipts an account of nobody, so that sums and readouts stay what they were."""
    one = pa.table(
        {
            "account_id": [pseudonym],
            "source": ["erased"],
            "account_key": [pseudonym],
            "person_id": [pseudonym],
            "home": [pseudonym],
        }
    )
    ws.lake.stage("staged_nobody", one, like=PEOPLE_MAP)
    ws.lake.insert("account", forget.nobody(list(ACCOUNT.columns)))
    ws.lake.insert("people_map", forget.nobody(list(PEOPLE_MAP.columns)))


def _from_outboxes(ws: Workspace, values: list[str]) -> int:
    gone, addresses = 0, set(values)
    for path in sorted((ws.folder / DATA / "outbox").glob("*.jsonl")):
        lines = path.read_bytes().splitlines(keepends=True)
        rest = [x for x in lines if msgspec.json.decode(x).get("address") not in addresses]
        if len(rest) < len(lines):
            gone += len(lines) - len(rest)
            part = path.with_suffix(".part")
            part.write_bytes(b"".join(rest))
            part.replace(path)
    return gone


def _search(ws: Workspace, accounts: list[str], values: list[str]) -> dict[str, int]:
    """Look for the person's accounts and identifiers in every place that could hold them."""
    ws.lake.stage("gone_values", pa.table({"val": pa.array(values, pa.string())}))
    found = {
        t.name: int(ws.lake.fetch(forget.left(t.name))["n"][0].as_py())
        for t in (ACCOUNT, IDENTIFIER, PEOPLE_MAP)
    }
    for term in _events(ws):
        found[f"ev_{term.id}"] = int(ws.lake.fetch(forget.left(f"ev_{term.id}"))["n"][0].as_py())
    found["values"] = int(ws.lake.fetch(forget.values_left())["n"][0].as_py())
    with ws.hub.session() as session:
        for table in ("account", "identifier", "points", "refusal", "consent"):
            found[f"hub {table}"] = len(session.rows_in(table, "account_id", accounts, ["account_id"]))
        found["hub addresses"] = sum(
            len(session.rows_in(t, "address", values, ["id"])) for t in ("contact", "consent")
        )
    return found
