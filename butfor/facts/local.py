"""The hour and weekday at which something happened, by the clock on the wall of the workspace's zone."""

from __future__ import annotations

from sqlglot import exp

from butfor.store import literal, sql


def local_property(name: str, at: exp.Expression, zone: str) -> exp.Expression:
    """Return ``hour`` (0 to 23) or ``weekday`` (1 Monday to 7 Sunday, as ISO 8601 counts) of a time in UTC."""
    local = at.copy() if zone == "UTC" else exp.AtTimeZone(this=_utc(at), zone=literal(zone))
    tree = _HOUR if name == "hour" else _WEEKDAY
    return tree.copy().transform(lambda node: local.copy() if _is_mark(node) else node)


def _utc(at: exp.Expression) -> exp.Expression:
    return exp.AtTimeZone(this=at.copy(), zone=literal("UTC"))


def _is_mark(node: exp.Expression) -> bool:
    return isinstance(node, exp.Column) and node.name == "local_time"


_HOUR = sql("CAST(date_part('hour', local_time) AS BIGINT)")
# Engines number the days of a week differently; days since a Monday are the same everywhere.
_WEEKDAY = sql(
    "CAST((date_diff('day', DATE '1900-01-01', CAST(local_time AS DATE)) % 7 + 7) % 7 + 1 AS BIGINT)"
)
