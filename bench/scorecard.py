"""A scorecard of 10 M people x 3 metrics with CUPED, against DuckDB's sums and cross products of the same columns."""

from __future__ import annotations

from datetime import date

import duckdb
from sqlglot import exp

from bench.floor import Ratio, against
from butfor.experiments.moments import moments_query, read_moments, request_for
from butfor.experiments.readout import read_out
from butfor.plan.kinds import Arm, Experiment, Hypothesis, Metric, Quantity

METRICS = {
    name: Metric(
        id=name, label=name, means=name, unit=unit, numerator=Quantity(attribute=name),
        covariate=Quantity(attribute=f"{name}_before"),
    )
    for name, unit in (("orders", "count"), ("revenue", "money"), ("visits", "count"))
}  # fmt: skip
TEST = Experiment(
    id="bench", label="bench", metrics=list(METRICS),
    hypothesis=Hypothesis(audience="everybody", change="a mail", metric="orders", direction="up", minimum_effect=0.01),
    arms={"a": Arm(share=0.5, control=True), "b": Arm(share=0.5, variant="b")},
)  # fmt: skip


def run(people: int = 10_000_000) -> Ratio:
    """Time the whole scorecard, query to verdicts, and the floor's one query."""
    connection = duckdb.connect(":memory:")
    connection.execute(
        "CREATE TABLE outcomes AS SELECT CASE WHEN hash(i) % 2 = 0 THEN 'a' ELSE 'b' END AS arm, "
        "CAST(hash(i + 1) % 5 AS DOUBLE) AS orders, CAST((hash(i + 1) + hash(i + 9) % 3) % 5 AS DOUBLE) AS orders__pre, "
        "CAST(greatest(hash(i + 2) % 2000, 1800) - 1800 AS DOUBLE) AS revenue, CAST(hash(i + 3) % 200 AS DOUBLE) AS revenue__pre, "
        "CAST(hash(i + 4) % 30 AS DOUBLE) AS visits, CAST(hash(i + 4) % 27 AS DOUBLE) AS visits__pre "
        f"FROM range({people}) AS r(i)"
    )
    asked = request_for(METRICS.values())
    query = moments_query(exp.to_table("outcomes"), "arm", asked.columns, {}, asked.skewed, asked.pairs).sql(
        "duckdb"
    )

    def work() -> None:
        rows = connection.sql(query).to_arrow_table().to_pylist()
        read_out(TEST, METRICS, read_moments(rows), {}, date(2026, 7, 1))

    parts = [f"sum({c}), sum({c} * {c})" for m in METRICS for c in (m, f"{m}__pre")]
    parts += [f"sum({m} * {m}__pre)" for m in METRICS]
    floor = f"SELECT arm, count(*), {', '.join(parts)} FROM outcomes GROUP BY arm"
    work()
    return against(
        f"scorecard of {people:,} people x 3 metrics with CUPED", work, lambda: connection.execute(floor).fetchall(),
        target=2, rounds=5, note="(with third moments for the skew correction, to the verdicts)",
    )  # fmt: skip
