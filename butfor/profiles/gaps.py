"""How long customers leave between purchases, and the "inactive" threshold this suggests (R-191)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlglot import exp

from butfor.store import named, sql


class GapCurve(msgspec.Struct, frozen=True, kw_only=True):
    """The share of gaps between purchases that end within each number of days, and what follows from it.

    ``days[i]`` days hold ``share[i]`` of all gaps; ``p90`` and ``p95`` are the suggested thresholds in days.
    """

    gaps: int
    people: int
    days: list[int]
    share: list[float]
    median: int
    p90: int
    p95: int

    def sentence(self) -> str:
        """Return the suggestion in words."""
        return (
            f"9 in 10 next purchases come within {self.p90} days and 19 in 20 within {self.p95}; "
            f"call a customer inactive after {self.p90} days (or {self.p95} to be careful)."
        )


@named("profiles.gap_counts")
def gap_counts(purchases: str, as_of: datetime) -> exp.Expression:
    """How many gaps between a person's purchases on different days last each number of days."""
    built = sql(
        """
        WITH bought AS (
          SELECT DISTINCT p.person_id, CAST(e.occurred_at AS DATE) AS bought_on
          FROM _purchases AS e JOIN people_map AS p ON p.account_id = e.account_id
          WHERE e.part = 0 AND e.occurred_at <= :as_of
        ), gap AS (
          SELECT person_id, date_diff('day', lag(bought_on) OVER (PARTITION BY person_id ORDER BY bought_on), bought_on) AS days
          FROM bought
        )
        SELECT days, count(*) AS n, count(DISTINCT person_id) AS people FROM gap WHERE days IS NOT NULL GROUP BY days ORDER BY days
        """,
        tables={"_purchases": purchases},
        as_of=as_of,
    )
    assert isinstance(built, exp.Select)
    return built


def suggest_threshold(counts: Sequence[tuple[int, int]], people: int = 0) -> GapCurve | None:
    """Return the curve and thresholds from (days, gaps) by rising days; None without a single gap.

    >>> suggest_threshold([(10, 90), (40, 5), (60, 5)]).p90
    10
    """
    total = sum(n for _, n in counts)
    if total == 0:
        return None
    days, share, so_far = [], [], 0
    for day, n in counts:
        so_far += n
        days.append(day)
        share.append(so_far / total)
    at = {q: next(d for d, s in zip(days, share, strict=True) if s >= q - 1e-12) for q in (0.5, 0.9, 0.95)}
    return GapCurve(
        gaps=total, people=people, days=days, share=share, median=at[0.5], p90=at[0.9], p95=at[0.95]
    )
