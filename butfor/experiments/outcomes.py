"""What happened to each assigned person: one row per person with the columns that moments are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from butfor.plan.kinds import Experiment, Metric, Quantity
from butfor.store import Table, column, literal, named, sql

ASSIGNMENT = Table(
    "assignment", {"experiment": "text", "person_id": "uuid", "arm": "text", "assigned_at": "timestamp"}
)


def outcomes(
    experiment: Experiment, metrics: Mapping[str, Metric], where: exp.Expression | None = None
) -> exp.Select:
    """One row per assigned person: arm, and for each metric its numerator, denominator and covariate.

    A person without an event counts with zero; nobody is left out for what happened after assignment.
    ``where`` keeps the people whose traits meet a condition.
    """
    base = _assigned(experiment)
    parts = _quantities(experiment, metrics)
    for event in sorted(
        {q.event for q, *_ in parts.values() if q.event} | {q.less for q, *_ in parts.values() if q.less}
    ):
        wanted = {name: part for name, part in parts.items() if event in (part[0].event, part[0].less)}
        base = base.join(
            _per_person(event, wanted, experiment).subquery(f"t_{event}"),
            on=exp.EQ(this=column("person_id", f"t_{event}"), expression=column("person_id", "a")),
            join_type="left",
        )
    needs_traits = where is not None or any(q.attribute for q, *_ in parts.values())
    if needs_traits:
        base = base.join("traits AS t", on="t.person_id = a.person_id")
    for name, (quantity, _, rate) in parts.items():
        base = base.select(_value(name, quantity, rate).as_(name, quoted=True))
    return base.where(where) if where is not None else base


def _assigned(experiment: Experiment) -> exp.Select:
    return exp.select("a.person_id", "a.arm").from_(_people(experiment).subquery("a"))


def _people(experiment: Experiment) -> exp.Select:
    """Return the assigned people as they are known now, with their arm.

    A person's id is the id of one of its accounts, so whoever was merged since is found through the map; an id that no
    account has (of a split, of somebody erased) stands for itself. Who was
    assigned to two arms before a merge saw both, belongs to neither, and is counted by ``contaminated``.
    """
    if experiment.assignment == "imported":
        at = column(experiment.arm_attribute or "")
        arms = [literal(a) for a in experiment.arms]
        return exp.select("person_id", at.as_("arm")).from_("traits").where(exp.In(this=at, expressions=arms))
    built = sql(
        """
        SELECT coalesce(p.person_id, s.person_id) AS person_id, min(s.arm) AS arm, min(s.assigned_at) AS assigned_at
        FROM assignment AS s LEFT JOIN people_map AS p ON p.account_id = s.person_id
        WHERE s.experiment = :experiment GROUP BY coalesce(p.person_id, s.person_id) HAVING min(s.arm) = max(s.arm)
        """,
        experiment=experiment.id,
    )
    assert isinstance(built, exp.Select)
    return built


@named("experiments.contaminated")
def contaminated(experiment: str) -> exp.Expression:
    """How many people were assigned to two arms before their accounts were joined."""
    return sql(
        """
        SELECT count(*) AS people FROM (
          SELECT coalesce(p.person_id, s.person_id) AS person_id
          FROM assignment AS s LEFT JOIN people_map AS p ON p.account_id = s.person_id
          WHERE s.experiment = :experiment GROUP BY coalesce(p.person_id, s.person_id) HAVING min(s.arm) <> max(s.arm)) AS t
        """,
        experiment=experiment,
    )


def _quantities(
    experiment: Experiment, metrics: Mapping[str, Metric]
) -> dict[str, tuple[Quantity, tuple[int, int], float | None]]:
    """Return for each column its quantity, its window in days after assignment, and its margin rate."""
    found: dict[str, tuple[Quantity, tuple[int, int], float | None]] = {}
    for metric in metrics.values():
        after = (0, metric.window_days or experiment.window_days)
        found[metric.id] = (metric.numerator, after, metric.margin)
        if metric.denominator:
            found[f"{metric.id}__den"] = (metric.denominator, after, None)
        if metric.covariate:
            before = (-(metric.covariate_days or experiment.window_days), 0)
            found[f"{metric.id}__pre"] = (metric.covariate, before, None)
    return found


def _per_person(
    event: str, wanted: Mapping[str, tuple[Quantity, tuple[int, int], float | None]], experiment: Experiment
) -> exp.Select:
    low = min(window[0] for _, window, _ in wanted.values())
    high = max(window[1] for _, window, _ in wanted.values())
    base = sql(
        """
        SELECT s.person_id
        FROM _event AS e
        JOIN people_map AS p ON p.account_id = e.account_id
        JOIN _people AS s ON s.person_id = p.person_id
        WHERE e.occurred_at >= s.assigned_at + :low AND e.occurred_at < s.assigned_at + :high
        GROUP BY s.person_id
        """,
        tables={"_event": f"ev_{event}", "_people": _people(experiment)},
        low=_days(low),
        high=_days(high),
    )
    assert isinstance(base, exp.Select)
    for name, (quantity, window, _) in wanted.items():
        base = base.select(_in_window(quantity, window).as_(f"{name}__{_side(quantity, event)}", quoted=True))
    return base


def _side(quantity: Quantity, event: str) -> str:
    return "plus" if quantity.event == event else "minus"


def _days(n: int) -> exp.Expression:
    return exp.Interval(this=exp.Literal.string(str(n)), unit=exp.var("DAY"))


def _in_window(quantity: Quantity, window: tuple[int, int]) -> exp.Expression:
    inside = sql(
        "SELECT e.occurred_at >= s.assigned_at + :low AND e.occurred_at < s.assigned_at + :high",
        low=_days(window[0]),
        high=_days(window[1]),
    )
    assert isinstance(inside, exp.Select)
    value: exp.Expression = exp.Literal.number(1)
    if quantity.take == "sum" and quantity.property:
        value = column(quantity.property, "e")
    elif quantity.take == "count":
        # Later parts of an order are not further orders.
        value = (
            exp.Case()
            .when(exp.EQ(this=column("part", "e"), expression=literal(0)), literal(1))
            .else_(literal(0))
        )
    fold = exp.Max if quantity.take == "any" else exp.Sum
    held = exp.Case().when(inside.expressions[0], value)
    return fold(this=held)


def _value(name: str, quantity: Quantity, rate: float | None) -> exp.Expression:
    if quantity.attribute:
        number: exp.Expression = exp.cast(column(quantity.attribute, "t"), "DOUBLE")
    else:
        number = _number(f"{name}__plus", f"t_{quantity.event}")
        if quantity.less:
            number = exp.Sub(this=number, expression=_number(f"{name}__minus", f"t_{quantity.less}"))
    return (
        exp.Mul(this=exp.Paren(this=number), expression=literal(float(rate))) if rate is not None else number
    )


def _number(name: str, table: str) -> exp.Expression:
    return exp.Coalesce(this=exp.cast(column(name, table), "DOUBLE"), expressions=[literal(0.0)])


@named("experiments.event_days")
def event_days(events: Sequence[str]) -> exp.Expression:
    """When each event was last seen and how many there are, for the launch gate (R-197)."""
    parts = [
        f"SELECT {exp.Literal.string(e).sql()} AS term, max(occurred_at) AS last_seen, count(*) AS n "
        f"FROM {exp.to_identifier('ev_' + e, quoted=True)}"
        for e in events
    ]
    return sql(f"SELECT term, last_seen, n FROM ({' UNION ALL '.join(parts)}) AS t ORDER BY term")


@named("experiments.staged_assignment")
def staged_assignment() -> exp.Expression:
    """Assignments of the hub that the lake does not have yet."""
    return sql(
        """
        SELECT s.experiment, s.person_id, s.arm, s.assigned_at FROM staged_assignment AS s
        WHERE NOT EXISTS (SELECT 1 FROM assignment AS a WHERE a.experiment = s.experiment AND a.person_id = s.person_id)
        """
    )
