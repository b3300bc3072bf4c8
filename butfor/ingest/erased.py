"""Who was erased does not come back: the lake keeps hashes of their accounts, and rows of these are turned away."""

from __future__ import annotations

import hashlib
import uuid

import msgspec
from sqlglot import exp

from butfor.ingest.stage import Check, Staging
from butfor.store import Lake, Workbench, named, sql

ERASED = "erased"
_SALT = "butfor erased "


@named("ingest.erased")
def marks() -> exp.Expression:
    """The marks of accounts that were erased."""
    return sql("SELECT mark FROM erased ORDER BY mark")


def mark_of(account: str) -> str:
    """Return the mark of an account: it recognises the account and leads back to nobody."""
    return str(uuid.UUID(hashlib.md5(f"{_SALT}{account}".encode(), usedforsecurity=False).hexdigest()))


def stage_marks(lake: Lake, bench: Workbench) -> None:
    """Make ``erased_marks`` of all accounts that were erased."""
    bench.put("erased_marks", lake.fetch(marks()))


def is_erased(account: str) -> str:
    """Return the SQL condition that an account, given as an expression, was erased."""
    mark = f"CAST(md5(concat('{_SALT}', CAST({account} AS VARCHAR))) AS UUID)"
    return f"({account} IS NOT NULL AND {mark} IN (SELECT CAST(mark AS UUID) FROM erased_marks))"


def turn_away(bench: Workbench, staging: Staging) -> Staging:
    """Let the rows of erased accounts in ``staged`` fail a check of their own; return the staging with that check."""
    if not bench.value("SELECT count(*) FROM erased_marks"):
        return staging
    fault = len(staging.checks)
    bench.make(
        "staged",
        f"SELECT * REPLACE (CASE WHEN {is_erased('account_id')} THEN {fault} ELSE fault END AS fault) FROM staged",
    )
    return msgspec.structs.replace(staging, checks=[*staging.checks, Check(ERASED, "", "false")])


def keep_nothing_of(bench: Workbench) -> None:
    """Leave in ``staged_quarantine`` one row per row of an erased account, and nothing of what it said."""
    gone = f"(SELECT row_no FROM staged_quarantine WHERE reason = '{ERASED}')"
    bench.make(
        "staged_quarantine",
        f"SELECT * REPLACE (CASE WHEN reason <> '{ERASED}' THEN raw END AS raw) FROM staged_quarantine "
        f"WHERE reason = '{ERASED}' OR reason LIKE 'unreadable row%' OR row_no NOT IN {gone}",
    )
