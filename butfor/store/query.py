"""Named queries: written once in DuckDB's dialect, bound to values and tables as expressions, never pasted.

A builder decorated with ``@named("profiles.orders")`` returns a SQLGlot expression; calling it gives a
``Query``. The registry lets the conformance suite see that each named query ran on every engine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ParamSpec, cast

import msgspec
import sqlglot
from sqlglot import exp

P = ParamSpec("P")

# A time that no data have; queries that are kept are built for it.
SOME_TIME = datetime(1, 2, 3, 4, 5, 6, 7)

REGISTRY: dict[str, Callable[..., Query]] = {}


class Query(msgspec.Struct, frozen=True):
    """A named SQL expression; ``ordered`` when its rows come in a stated order."""

    name: str
    expression: exp.Expression
    texts: dict[str, str] = {}

    @property
    def ordered(self) -> bool:
        """Say whether the rows have a stated order."""
        return self.expression.args.get("order") is not None

    def sql(self, dialect: str = "duckdb") -> str:
        """Return the text for one engine; a query that is kept and run again is written once."""
        if dialect not in self.texts:
            self.texts[dialect] = self.expression.sql(dialect=dialect)
        return self.texts[dialect]

    def moved(self, moment: datetime, dialect: str) -> Query:
        """Return a query built for the time ``SOME_TIME`` as of another, without building and writing it again."""
        old, new = (t.isoformat(sep=" ") for t in (SOME_TIME, moment))
        return Query(self.name, self.expression, {dialect: self.sql(dialect).replace(f"'{old}'", f"'{new}'")})

    def __str__(self) -> str:
        return f"-- {self.name}\n{self.expression.sql(dialect='duckdb', pretty=True)}"


def named(name: str) -> Callable[[Callable[P, exp.Expression]], Callable[P, Query]]:
    """Register a builder of expressions under a name; the builder then returns a ``Query``."""

    def register(build: Callable[P, exp.Expression]) -> Callable[P, Query]:
        @functools.wraps(build)
        def built(*args: P.args, **kwargs: P.kwargs) -> Query:
            return Query(name, build(*args, **kwargs))

        REGISTRY[name] = built
        return built

    return register


def sql(
    template: str, tables: Mapping[str, exp.Expression | str] | None = None, **values: Any
) -> exp.Expression:
    """Parse ``template`` (DuckDB dialect), put values for its ``:name`` marks, and replace tables by name.

    A value may be a scalar, a list (for ``IN``), None or an expression; a table may be a name or a query.
    """
    tree: Any = sqlglot.parse_one(template, dialect="duckdb")
    tree = tree.transform(lambda node: _bound(node, values))
    return cast(exp.Expression, tree.transform(lambda node: _placed(node, tables or {})))


def literal(value: Any) -> exp.Expression:
    """Return a Python value as an expression that every engine types alike."""
    if isinstance(value, exp.Expression):
        return value.copy()
    if isinstance(value, datetime):
        return cast(exp.Expression, exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMP"))
    if isinstance(value, date):
        return cast(exp.Expression, exp.cast(exp.Literal.string(value.isoformat()), "DATE"))
    if isinstance(value, float):
        # A bare 2.5 is DECIMAL in both engines and their decimal arithmetic rounds differently.
        return cast(exp.Expression, exp.cast(exp.Literal.number(repr(value)), "DOUBLE"))
    if isinstance(value, Decimal):
        return cast(exp.Expression, exp.cast(exp.Literal.number(str(value)), "DECIMAL(18,4)"))
    if isinstance(value, (list, tuple)):
        return exp.Tuple(expressions=[literal(v) for v in value])
    converted: Any = exp.convert(value)
    return cast(exp.Expression, converted)


def column(name: str, table: str | None = None) -> exp.Column:
    """Return a quoted column."""
    return exp.column(exp.to_identifier(name, quoted=True), table=table)


def all_of(*conditions: exp.Expression) -> exp.Expression:
    """Return conditions joined by AND."""
    return cast(exp.Expression, exp.and_(*conditions))


def any_of(*conditions: exp.Expression) -> exp.Expression:
    """Return conditions joined by OR."""
    return cast(exp.Expression, exp.or_(*conditions))


def aliased(expression: exp.Expression, name: str) -> exp.Expression:
    """Return an expression under a name."""
    return cast(exp.Expression, exp.alias_(expression, name, quoted=True))


def select(table: str | exp.Expression, columns: Sequence[str]) -> exp.Select:
    """Return a plain selection of columns."""
    return exp.select(*[column(c) for c in columns]).from_(table)


def _bound(node: exp.Expression, values: Mapping[str, Any]) -> exp.Expression:
    if isinstance(node, exp.Placeholder) and node.name in values:
        return literal(values[node.name])
    return node


def _placed(node: exp.Expression, tables: Mapping[str, exp.Expression | str]) -> exp.Expression:
    if not isinstance(node, exp.Table) or node.name not in tables:
        return node
    target = tables[node.name]
    source: Any = exp.to_table(target) if isinstance(target, str) else exp.Subquery(this=target.copy())
    return cast(exp.Expression, exp.alias_(source, node.alias or node.name, table=True))
