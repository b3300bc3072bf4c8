"""The hub's half of an erasure: who leaves, what is renamed so that sums stand, and what stays as a mark."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime

from butfor.channels.consent import forgotten
from butfor.identity import Rules
from butfor.identity.leaving import leave
from butfor.identity.moves import Moves
from butfor.store import Session


def forget_in_hub(
    session: Session, rules: Rules, accounts: list[str], people: list[str], values: list[str], pseudonym: str, now: datetime,
) -> tuple[dict[str, int], Moves]:  # fmt: skip
    """Forget accounts and the people they were; return how many rows went, and who changed because of it."""
    before = {t: _count(session, t, accounts) for t in ("account", "identifier", "refusal")}
    session.drop_in("refusal", "account_id", accounts)
    changes = sum(session.drop_in("person_change", side, people) for side in ("person_id", "other_id"))
    moves = leave(session, rules, accounts, people, now)
    for account in accounts:
        _rename_points(session, account, pseudonym)
    for person in people:
        session.update(
            "contact", {"person_id": pseudonym, "address": None, "accounts": None}, person_id=person
        )
    _rename_assignments(session, people, pseudonym)
    removed = {f"hub {t}": n for t, n in before.items()}
    return removed | {"hub person_change": changes, "hub consent": _forget_consent(session, values)}, moves


def _count(session: Session, table: str, accounts: list[str]) -> int:
    return len(session.rows_in(table, "account_id", accounts, ["account_id"]))


def _rename_points(session: Session, account: str, pseudonym: str) -> None:
    """Let the entries stand, so that the ledger still adds up, under the new name."""
    for number, entry in session.rows_in("points", "account_id", [account], ["id", "entry"]):
        for (each,) in session.rows_in("points", "entry", [entry], ["id"]):
            session.update("points", {"entry": f"{pseudonym}/{number}", "reference": ""}, id=each)
        session.update("points", {"account_id": pseudonym}, id=number)


def _rename_assignments(session: Session, people: Collection[str], pseudonym: str) -> None:
    """Keep one assignment per experiment under the new name; of a person with two arms none, for no result counts them."""
    columns = ["experiment", "person_id", "arm"]
    arms: dict[str, dict[str, str]] = {}
    for experiment, person, arm in session.rows_in("assignment", "person_id", people, columns):
        arms.setdefault(experiment, {})[person] = arm
    for experiment, by_person in sorted(arms.items()):
        if len(set(by_person.values())) == 1:
            session.update(
                "assignment", {"person_id": pseudonym}, experiment=experiment, person_id=min(by_person)
            )
    session.drop_in("assignment", "person_id", people)


def _forget_consent(session: Session, values: list[str]) -> int:
    """Keep a no as a mark that no address can be read from, and nothing else."""
    rows = session.rows_in("consent", "address", values, ["id", "channel", "address"])
    for number, channel, address in rows:
        mark = forgotten(address)
        key = hashlib.sha256(f"{channel}{mark}{number}".encode()).hexdigest()
        left = {"address": mark, "account_id": None, "verdict": "withdrawn", "key": key}
        session.update("consent", left, id=number)
    return len(rows)
