import os
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp

from butfor.experiments.moments import ArmMoments, moments_query, read_moments, request_for
from butfor.plan.kinds import Metric, Quantity

DATA = Path(os.environ.get("BUTFOR_DATA", Path(__file__).parents[3] / "shared" / "data"))
SOME = Quantity(event="order_completed")
SPEND = Metric(id="spend", label="spend", means="money in two weeks", numerator=SOME, unit="money")
VISIT = Metric(id="visit", label="visit rate", means="came", numerator=SOME, take="proportion", unit="share")


def ask(connection: duckdb.DuckDBPyConnection, query: exp.Select) -> dict[str, ArmMoments]:
    answer = connection.execute(query.sql("duckdb"))
    names = [column[0] for column in answer.description]
    return read_moments([dict(zip(names, row, strict=True)) for row in answer.fetchall()])


class Hillstrom:
    def __init__(self, path: Path) -> None:
        self.lake = duckdb.connect()
        self.lake.execute("CREATE TABLE customer AS SELECT * FROM read_csv(?)", [str(path)])

    def moments(self, *metrics: Metric, where: str = "true") -> dict[str, ArmMoments]:
        wanted = request_for(metrics)
        people = exp.select("*").from_("customer").where(where).subquery("people")
        centres = dict.fromkeys(wanted.columns, 0.5)
        return ask(
            self.lake, moments_query(people, "segment", wanted.columns, centres, wanted.skewed, wanted.pairs)
        )


@pytest.fixture(scope="session")
def hillstrom() -> Hillstrom:
    path = DATA / "hillstrom" / "hillstrom.csv.gz"
    if not path.exists():
        pytest.skip(
            f"Hillstrom's e-mail test is not at {path}; set BUTFOR_DATA (blog.minethatdata.com, 2008-03)"
        )
    return Hillstrom(path)


@pytest.fixture
def spend() -> Metric:
    return SPEND


@pytest.fixture
def visit() -> Metric:
    return VISIT


@pytest.fixture
def responders():
    """Build an arm of 0/1 values from two counts."""

    def build(arm: str, yes: int, n: int, column: str = "visit") -> ArmMoments:
        sums = {column: float(yes)}
        return ArmMoments(arm=arm, n=n, buyers={column: yes}, centre={column: 0.0}, s1=sums, s2=sums, s3=sums)

    return build
