"""Distances on the globe."""

from __future__ import annotations

from sqlglot import exp

from butfor.store import column, literal, sql

# The mean radius of the earth in km (IUGG).
RADIUS = 6371.0088


def kilometres(latitude: float, longitude: float) -> exp.Expression:
    """Return the great-circle distance from a place to a person's ``latitude`` and ``longitude``, by the haversine formula."""
    return sql(
        """
        2 * :radius * asin(least(sqrt(pow(sin(radians(a - :latitude) / 2), 2)
          + cos(radians(:latitude)) * cos(radians(a)) * pow(sin(radians(b - :longitude) / 2), 2)), :one))
        """,
        radius=literal(RADIUS), latitude=literal(float(latitude)), longitude=literal(float(longitude)), one=literal(1.0),
    ).transform(_named)  # fmt: skip


def _named(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Column) and node.name in ("a", "b"):
        return exp.cast(column("latitude" if node.name == "a" else "longitude"), "DOUBLE")
    return node
